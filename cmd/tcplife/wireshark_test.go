package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tshark finds packets by the state of a side, with the plugin and the comments that -w writes.
func TestWiresharkPlugin(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("NOT TESTED: the plugin for Wireshark, for tshark is not installed (apt-get install tshark)")
	}
	out := filepath.Join(t.TempDir(), "out.pcapng")
	var errs bytes.Buffer
	args := []string{"read", "../../testdata/pcaps/handshake-ack-lost.pcap", "-w", out}
	if code := run(context.Background(), args, strings.NewReader(""), &bytes.Buffer{}, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for filter, want := range map[string]string{
		`tcplife.client.state == "TIME_WAIT"`:       "9 10",
		`tcplife.server.state == "SYN_RCVD"`:        "1 2 3 4",
		`tcplife.server.enters == "ESTABLISHED"`:    "5",
		`tcplife.withdrawn == "server ESTABLISHED"`: "3",
		`tcplife.finding == "ack_not_accepted"`:     "4",
		`tcplife.conn == 1 && tcplife.severity`:     "4",
		`tcplife.conn == 2`:                         "",
	} {
		cmd := exec.Command("tshark", "-X", "lua_script:../../contrib/wireshark/tcplife.lua", "-r", out, "-Y", filter,
			"-T", "fields", "-e", "frame.number")
		errs.Reset()
		cmd.Stderr = &errs
		lines, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", filter, err, errs.String())
		}
		if got := strings.Join(strings.Fields(string(lines)), " "); got != want {
			t.Errorf("%s: packets %q, not %q", filter, got, want)
		}
	}
}
