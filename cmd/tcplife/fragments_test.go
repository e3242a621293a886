package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// writeFrames writes a capture of frames, a millisecond apart.
func writeFrames(t *testing.T, path string, frames [][]byte) {
	t.Helper()
	w, err := capture.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		p := &capture.Packet{Time: 1e18 + int64(i)*1e6, Data: frame, Length: len(frame), Link: 1}
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// All fragments of a chosen segment are written, and none of other segments, in the order of the capture.
func TestWriteFragments(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "out.pcap")
	server := netip.MustParseAddrPort("192.0.2.1:80")
	one, two := netip.MustParseAddrPort("192.0.2.2:1001"), netip.MustParseAddrPort("192.0.2.2:1002")
	open := func(client netip.AddrPort) [][]byte {
		return [][]byte{
			segtest.Frame(client, server, flows.SYN, 100, 0, 0),
			segtest.Frame(server, client, flows.SYN|flows.ACK, 300, 101, 0),
			segtest.Frame(client, server, flows.ACK, 101, 301, 0),
		}
	}
	data := func(client netip.AddrPort, id uint16) [][]byte {
		frame := segtest.Frame(client, server, flows.ACK, 101, 301, 100)
		binary.BigEndian.PutUint16(frame[18:], id)
		return segtest.Fragments(frame, 48)
	}
	x, y, lost := data(one, 1), data(two, 2), data(one, 3)
	later := segtest.Frame(server, one, flows.ACK, 301, 201, 0)
	frames := slices.Concat(open(one), open(two), [][]byte{
		lost[0],                                   // the rest never comes
		x[2], y[0], x[0], x[0], y[1], later, x[1], // one is complete
		y[2], segtest.Frame(two, server, flows.FIN|flows.ACK, 201, 301, 0),
	})
	writeFrames(t, in, frames)
	for _, test := range []struct {
		args []string
		want []int // indices of frames
	}{
		{[]string{"--where", "client.port == 1001"}, []int{0, 1, 2, 7, 9, 10, 12, 13}},
		{[]string{"--where", "client.port == 1002"}, []int{3, 4, 5, 8, 11, 14, 15}},
		{[]string{"--no-comments"}, []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{nil, []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	} {
		var said bytes.Buffer
		args := append([]string{"read", in, "-w", out}, test.args...)
		if code := run(context.Background(), args, nil, io.Discard, &said); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, &said)
		}
		var got []int
		if err := eachPacket(out, func(p *capture.Packet) error {
			got = append(got, int((p.Time-1e18)/1e6))
			if !bytes.Equal(p.Data, frames[got[len(got)-1]]) {
				return errors.New("a packet was changed")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v wrote packets %v, want %v", test.args, got, test.want)
		}
	}
}

// Fragments that come too late are reported. Those of datagrams that never become whole are not.
func TestOrderedBounds(t *testing.T) {
	var got []uint64
	o := ordered{waiting: map[uint64]*queued{}, write: func(p *capture.Packet) error {
		got = append(got, p.Number)
		return nil
	}}
	packet := func(number uint64, time int64) *capture.Packet {
		return &capture.Packet{Number: number, Time: time, Data: make([]byte, 1<<20)}
	}
	o.add(packet(1, 0), false, true, nil)
	o.add(packet(2, maxWaitingTime), true, false, nil)
	if len(got) > 0 {
		t.Error("a packet overtook a fragment that still waited")
	}
	o.add(packet(3, maxWaitingTime+1), true, false, nil)
	o.add(packet(4, maxWaitingTime+1), false, true, nil)
	for n := range uint64(14) {
		o.add(packet(5+n, maxWaitingTime+1), true, false, nil)
	}
	if o.unknown != 0 || len(got) != 2 {
		t.Errorf("%d fragments are unknown, and %d packets written", o.unknown, len(got))
	}
	o.add(packet(19, maxWaitingTime+1), true, false, nil)
	o.add(packet(20, maxWaitingTime+1), true, false, nil)
	if o.end(); o.unknown != 1 || fmt.Sprint(got) != "[2 3 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20]" {
		t.Errorf("%d fragments are unknown, and these packets written: %v", o.unknown, got)
	}
}

// A full disk loses only the packets without room: the file is cut after the last whole packet.
func TestWriteDiskFull(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.pcap")
	var frames [][]byte
	for i := range 3000 {
		client := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), uint16(1024+i))
		frames = append(frames, segtest.Frame(client, netip.MustParseAddrPort("192.0.2.1:80"), flows.SYN, 1, 0, 0))
	}
	writeFrames(t, in, frames)
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, script, file, want string }{
		{"a limit", `ulimit -f 100`, filepath.Join(dir, "out.pcap"), "file too large"},
		{"a disk", `mount -t tmpfs -o size=100k tmpfs ` + full, filepath.Join(full, "out.pcap"), "no space left"},
	} {
		for _, flag := range []string{"--no-comments", "--where=true"} {
			t.Run(test.name+flag, func(t *testing.T) {
				diskFull(t, test.script, in, test.file, flag, test.want)
			})
		}
	}
}

func diskFull(t *testing.T, script, in, out, flag, want string) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept.pcap")
	// in its own namespace, so that others do not see its mounts
	stdout, said, code := shell(t, "unshare", "-m", "bash", "-c", script+` || exit 99
		tcplife read -o jsonl "$1" -w "$2" "$3"; code=$?
		cp "$2" "$4"; exit $code`, "-", in, out, flag, kept)
	if code == 99 || strings.Contains(said, "unshare:") {
		t.Skip("NOT TESTED: a small disk cannot be made here: " + said)
	}
	if code != exitFailed || !strings.Contains(said, want) ||
		!strings.Contains(said, ": the file ends behind its last whole packet") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if n := strings.Count(stdout, `{"record":"connection"`); n != 3000 {
		t.Errorf("the report has %d connections, want 3000", n)
	}
	c, err := capture.Open([]string{kept}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for _, err = c.Next(); err == nil; _, err = c.Next() {
		n++
	}
	info, statErr := os.Stat(kept)
	if statErr != nil {
		t.Fatal(statErr)
	}
	if s := c.Stats(); err != io.EOF || len(s.Damage) > 0 || n == 0 || info.Size() < 101_000 {
		t.Errorf("the file holds %d packets in %d bytes, and damage %v: %v", n, info.Size(), s.Damage, err)
	}
}

// shell runs a program, and returns its output and its exit code.
func shell(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return "", err.Error(), 99
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// compare writes all fragments of a lost segment.
func TestCompareWritesFragments(t *testing.T) {
	dir := t.TempDir()
	client, server := netip.MustParseAddrPort("192.0.2.2:1001"), netip.MustParseAddrPort("192.0.2.1:80")
	frames := [][]byte{
		segtest.Frame(client, server, flows.SYN, 100, 0, 0),
		segtest.Frame(server, client, flows.SYN|flows.ACK, 300, 101, 0),
		segtest.Frame(client, server, flows.ACK, 101, 301, 0),
	}
	for i := range uint32(20) {
		frames = append(frames, segtest.Frame(client, server, flows.ACK, 101+100*i, 301, 100),
			segtest.Frame(server, client, flows.ACK, 301, 201+100*i, 0))
	}
	lost := segtest.Fragments(segtest.Frame(client, server, flows.ACK, 2101, 301, 100), 48)
	again := [][]byte{segtest.Frame(client, server, flows.ACK, 2101, 301, 100),
		segtest.Frame(server, client, flows.ACK, 301, 2201, 0)}
	a, b, out := filepath.Join(dir, "a.pcap"), filepath.Join(dir, "b.pcap"), filepath.Join(dir, "out.pcapng")
	writeFrames(t, a, slices.Concat(frames, lost, again))
	writeFrames(t, b, slices.Concat(frames, again))
	said, err := exec.Command("tcplife", "compare", a, b, "-w", out).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	r, err := capture.Open([]string{out}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got [][]byte
	for p, err := r.Next(); err == nil; p, err = r.Next() {
		got = append(got, slices.Clone(p.Data))
	}
	if !slices.EqualFunc(got, lost, bytes.Equal) {
		t.Errorf("%d packets, want the %d fragments; compare wrote\n%s", len(got), len(lost), said)
	}
}
