package analyzer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/segtest"
)

var completenessTests = []struct {
	name, script string
	want         int
}{
	{"a SYN alone", `
			C --> S SYN`, 1},
	{"a SYN with text alone", `
			C --> S SYN len=10`, 9},
	{"SYN, SYN-ACK", `
			C --> S SYN
			C <-- S SYN,ACK`, 3},
	{"handshake", opened, 7},
	{"refused: the ACK bit of an RST counts as an ACK", `
			C --> S SYN
			C <-- S RST,ACK`, 37},
	{"handshake and text", opened + `
			C --> S PSH,ACK len=10`, 15},
	{"one FIN is enough", opened + `
			C --> S PSH,ACK len=10
			C --> S FIN,ACK`, 31},
	{"a FIN with text and without more ACKs", opened + `
			C --> S FIN,ACK len=10`, 31},
	{"everything, whatever its number", opened + `
			C --> S PSH,ACK len=10
			C --> S FIN,ACK
			C <-- S RST seq=99999`, 63},
	{"an RST with the text of its reason", opened + `
			C <-- S RST,ACK len=10`, 47},
	{"a FIN needs an ACK", opened + `
			C --> S FIN`, 7},
	{"one segment that is no SYN", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S PSH,ACK len=10`, 0},
	{"two segments that are no SYNs", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S PSH,ACK len=10
			C <-- S ACK`, 12},
	{"a SYN that is not the first segment does not count", `
			C <-- S SYN,ACK seq=300 ack=101
			C --> S SYN seq=100
			C --> S ACK ack=301`, 6},
	{"a SYN sent again", `
			C --> S SYN
			+1s C --> S again`, 1},
	{"no flags", `
			C = 10.0.0.1:40000 nxt=5
			C --> S NULL
			C --> S NULL`, 0},
}

func TestTsharkCompleteness(t *testing.T) {
	for _, tt := range completenessTests {
		t.Run(tt.name, func(t *testing.T) {
			if got := first(t, segtest.Script(tt.script).Segments()).Tshark.Completeness; got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// tshark itself gives what the tests above want. Two passes need a file.
func TestTsharkAgrees(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	version, err := exec.Command(tshark, "--version").Output()
	if err != nil {
		t.Fatalf("tshark --version: %v", err)
	}
	if line, _, _ := strings.Cut(string(version), "\n"); !strings.Contains(line, " 4.0.") {
		t.Skipf("the rules are those of 4.0, not of %s", line)
	}
	var packets []capture.Packet
	var ends []int
	for i, tt := range completenessTests {
		client := fmt.Sprintf("10.0.0.1:%d", 40000+i)
		script := "C = " + client + "\n" + strings.ReplaceAll(tt.script, "10.0.0.1:40000", client)
		packets = append(packets, segtest.Script(script).Packets()...)
		ends = append(ends, len(packets))
	}
	file := filepath.Join(t.TempDir(), "all.pcap")
	if err := os.WriteFile(file, segtest.Pcap(packets...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-2", "-r", file, "-T", "fields", "-e", "tcp.completeness").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	said := strings.Fields(string(out))
	if len(said) != len(packets) {
		t.Fatalf("tshark reports %d packets, want %d", len(said), len(packets))
	}
	for i, tt := range completenessTests {
		if got := said[ends[i]-1]; got != strconv.Itoa(tt.want) {
			t.Errorf("%s: tshark says %s, want %d", tt.name, got, tt.want)
		}
	}
}
