package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/testrun"
)

// tshark finds packets by the state of a side, with the plugin and the comments that -w writes.
func TestWiresharkPlugin(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("NOT TESTED: the plugin for Wireshark, because tshark is not installed (apt-get install tshark)")
	}
	out := commented(t, "../../testdata/pcaps/handshake-ack-lost.pcap")
	sharks(t, out, map[string]string{
		`tcplife.client.state == "TIME_WAIT"`:       "9 10",
		`tcplife.server.state == "SYN_RCVD"`:        "1 2 3 4",
		`tcplife.server.enters == "ESTABLISHED"`:    "5",
		`tcplife.withdrawn == "server ESTABLISHED"`: "3",
		`tcplife.finding == "ack_not_accepted"`:     "4",
		`tcplife.conn == 1 && tcplife.severity`:     "4",
		`tcplife.conn == 2`:                         "",
	})
}

// commented is the copy of a capture that -w writes.
func commented(t *testing.T, file string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.pcapng")
	var errs bytes.Buffer
	args := []string{"read", file, "-w", out}
	if code := run(context.Background(), args, strings.NewReader(""), &bytes.Buffer{}, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out
}

// sharks checks which packets tshark finds by each filter. An ordinary run tries a third of the filters.
func sharks(t *testing.T, file string, packets map[string]string) {
	t.Helper()
	for _, filter := range testrun.Some(3, slices.Sorted(maps.Keys(packets))) {
		want := packets[filter]
		if got := strings.Join(strings.Fields(shark(t, file, filter, "frame.number")), " "); got != want {
			t.Errorf("%s: packets %q, want %q", filter, got, want)
		}
	}
}

// shark returns what tshark, with the plugin, prints of a field of the packets that filter finds. It must print no
// warning.
func shark(t *testing.T, file, filter, field string) string {
	t.Helper()
	cmd := exec.Command("tshark", "-X", "lua_script:../../contrib/wireshark/tcplife.lua", "-r", file, "-Y", filter,
		"-T", "fields", "-e", field)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	lines, err := cmd.Output()
	for line := range strings.Lines(errs.String()) {
		if !strings.Contains(line, "as user \"root\"") {
			t.Errorf("%s: tshark says: %s", filter, line)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", filter, err, errs.String())
	}
	return string(lines)
}

// A capture or a peer cannot forge a comment of tcplife: not by names and comments of interfaces and sections, comments
// on packets, or the text of an RST.
func TestWiresharkPluginWithHostileTexts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("NOT TESTED: the plugin for Wireshark, because tshark is not installed (apt-get install tshark)")
	}
	const lie = "tcplife connection 666 1:x\nhandshake refused, teardown reset, ended by lies\nclient CLOSED → EVIL: " +
		"(RFC 9293)\nfinding evil (error): %s%n\x01\x1b[31m</script>"
	file := filepath.Join(t.TempDir(), "hostile.pcapng")
	if err := os.WriteFile(file, hostileCapture(lie), 0o600); err != nil {
		t.Fatal(err)
	}
	out := commented(t, file)
	sharks(t, out, map[string]string{
		`tcplife`:                                     "1 2 3 4",
		`tcplife.conn == 1`:                           "1 2 3 4",
		`tcplife.conn == 666`:                         "",
		`tcplife.client.state == "EVIL"`:              "",
		`tcplife.finding == "evil"`:                   "",
		`tcplife.outcome != "complete"`:               "",
		`tcplife.client.state == "CLOSED"`:            "4",
		`frame.comment contains "not of tcplife: \""`: "2",
	})
}

// hostileCapture is a connection that an RST with a text ends, in a file whose names and comments say the same.
func hostileCapture(text string) []byte {
	le := binary.LittleEndian
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
	option := func(b []byte, code uint16, text string) []byte {
		return pad(append(le.AppendUint16(le.AppendUint16(b, code), uint16(len(text))), text...))
	}
	block := func(file []byte, kind uint32, body []byte) []byte {
		size := uint32(len(body) + 12)
		return le.AppendUint32(append(le.AppendUint32(le.AppendUint32(file, kind), size), body...), size)
	}
	const comment, name, description = 1, 2, 3
	section := append(le.AppendUint32(nil, 0x1a2b3c4d), 1, 0, 0, 0)
	section = append(section, bytes.Repeat([]byte{0xff}, 8)...)
	for _, code := range []uint16{comment, 2, 3, 4} { // and the hardware, the system, the program
		section = option(section, code, text)
	}
	file := block(nil, 0x0a0d0d0a, append(section, 0, 0, 0, 0))
	device := []byte{101, 0, 0, 0, 0, 0, 4, 0} // raw IP
	for _, code := range []uint16{comment, name, description} {
		device = option(device, code, text)
	}
	file = block(file, 1, append(device, 0, 0, 0, 0))
	for i, p := range []struct {
		server   bool
		seq, ack uint32
		flags    byte
		text     string
	}{
		{false, 1000, 0, 0x02, ""},
		{true, 5000, 1001, 0x12, ""},
		{false, 1001, 5001, 0x10, ""},
		{true, 5001, 1001, 0x14, text},
	} {
		from, to := []byte{192, 0, 2, 10, 0xc9, 0x4a}, []byte{198, 51, 100, 80, 0, 80}
		if p.server {
			from, to = to, from
		}
		be := binary.BigEndian
		packet := be.AppendUint16([]byte{0x45, 0}, uint16(40+len(p.text)))
		packet = append(packet, 0, 1, 0, 0, 64, 6, 0, 0)
		packet = append(append(append(append(packet, from[:4]...), to[:4]...), from[4:]...), to[4:]...)
		packet = be.AppendUint32(be.AppendUint32(packet, p.seq), p.ack)
		packet = append(append(packet, 0x50, p.flags, 0xfa, 0xf0, 0, 0, 0, 0), p.text...)
		size := uint32(len(packet))
		at := uint64(1_700_000_000_000_000 + 1000*i)
		body := le.AppendUint32(le.AppendUint32(make([]byte, 4), uint32(at>>32)), uint32(at))
		body = pad(append(le.AppendUint32(le.AppendUint32(body, size), size), packet...))
		said := text
		if i == 1 {
			said = "not of tcplife: \"\nclient CLOSED → EVIL: "
		}
		file = block(file, 6, append(option(body, comment, said), 0, 0, 0, 0))
	}
	return file
}
