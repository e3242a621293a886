package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// at agrees with the kernels of two hosts about their sockets at quiet moments of a recorded capture. TestAtLikeSS,
// which makes its own capture, shows how it was recorded.
func TestAtLikeRecordedSS(t *testing.T) {
	archive, err := txtar.ParseFile("../../testdata/pcaps/real-sockets.txtar")
	if err != nil {
		t.Fatal(err)
	}
	states := compareLooks(t, "../../testdata/pcaps/real-sockets.pcap", archive)
	for _, state := range []string{"SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
		"CLOSING", "LAST_ACK", "TIME_WAIT"} {
		if !states[state] {
			t.Errorf("no socket was in %s at any quiet moment", state)
		}
	}
}

// compareLooks compares `tcplife at` with the files of an archive. Each is named by its time and has a line for each
// socket: its address, its peer's, its state. It returns the states that occur.
func compareLooks(t *testing.T, pcap string, archive *txtar.Archive) (states map[string]bool) {
	t.Helper()
	states = map[string]bool{}
	for _, f := range archive.Files {
		want := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		for _, line := range want {
			states[line[strings.LastIndexByte(line, ' ')+1:]] = true
		}
		if diff := cmp.Diff(want, socketsAt(t, pcap, f.Name)); diff != "" {
			t.Errorf("at %s ss -tan (-) and tcplife (+) differ:\n%s", f.Name, diff)
		}
	}
	return states
}

// socketsAt returns a line for each socket that at shows, sorted.
func socketsAt(t *testing.T, pcap, time string) (lines []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"at", pcap, "--time", time, "--msl", "linux", "-o", "json"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("tcplife %s: exit code %d: %s", strings.Join(args, " "), code, stderr.String())
	}
	type socket struct {
		IP    string
		Port  uint16
		State *string
	}
	var snapshot struct {
		Connections []struct{ Client, Server socket }
	}
	if err := json.Unmarshal(stdout.Bytes(), &snapshot); err != nil {
		t.Fatal(err)
	}
	at := func(s socket) string {
		if strings.Contains(s.IP, ":") {
			return fmt.Sprintf("[%s]:%d", s.IP, s.Port)
		}
		return fmt.Sprintf("%s:%d", s.IP, s.Port)
	}
	for _, c := range snapshot.Connections {
		for _, ends := range [][2]socket{{c.Client, c.Server}, {c.Server, c.Client}} {
			if state := ends[0].State; state != nil && *state != "CLOSED" {
				lines = append(lines, at(ends[0])+" "+at(ends[1])+" "+*state)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestParseMoment(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1700000000.123456789", "1700000000123456789"},
		{"2023-11-14T22:13:20.000000001Z", "1700000000000000001"},
		{"2023-11-14T23:13:20+01:00", "1700000000000000000"},
		{"2023-11-14 22:13:20.5", "1700000000500000000"},
		{"-0.5", "-500000000"},
		{"+1m0.5s", "+1m0.5s"}, {"+2", "+2s"}, {"#7", "#7"},
	} {
		m, err := parseMoment(c.text)
		got := fmt.Sprint(int64(m.absolute))
		switch {
		case m.packet > 0:
			got = fmt.Sprintf("#%d", m.packet)
		case m.after != nil:
			got = "+" + m.after.String()
		}
		if err != nil || got != c.want {
			t.Errorf("%s is %s (%v), want %s", c.text, got, err, c.want)
		}
	}
}
