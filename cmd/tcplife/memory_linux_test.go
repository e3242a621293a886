package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// Connections that would take more are followed within --memory 64MiB: the process never takes twice that.
func TestMemoryHolds(t *testing.T) {
	t.Parallel()
	const connections = 120_000
	server := netip.MustParseAddrPort("192.0.2.1:80")
	client := func(i int) netip.AddrPort {
		host := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		return netip.AddrPortFrom(host, 1024+uint16(i%60000))
	}
	frames := make([][]byte, 0, 4*connections)
	for i := range connections {
		frames = append(frames, segtest.Frame(client(i), server, flows.SYN, 100, 0, 0),
			segtest.Frame(server, client(i), flows.SYN|flows.ACK, 300, 101, 0))
	}
	halfOpen := frames
	for i := range connections {
		frames = append(frames, segtest.Frame(client(i), server, flows.ACK, 101, 301, 0))
	}
	for i := range connections { // in another order
		frames = append(frames, segtest.Frame(client((i*7919)%connections), server, flows.ACK, 101, 301, 10))
	}
	for name, frames := range map[string][][]byte{"half-open": halfOpen, "established": frames} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcap")
			writeFrames(t, file, frames)
			cmd := exec.Command("tcplife", "read", file, "-o", "jsonl", "--memory", "64MiB")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() { ended <- cmd.Wait() }()
			peak := int64(0)
			for over := false; !over; {
				peak = max(peak, peakMemory(cmd.Process.Pid))
				select {
				case <-ended:
					over = true
				case <-time.After(10 * time.Millisecond):
				}
			}
			if code := cmd.ProcessState.ExitCode(); code != exitIncomplete {
				t.Errorf("exit code %d, want %d", code, exitIncomplete)
			}
			if peak < 32_000_000 || peak > 128_000_000 {
				t.Errorf("it took %d MB", peak/1_000_000)
			}
			t.Logf("%d MB, %v", peak/1_000_000, cmd.ProcessState.UserTime())
		})
	}
}

// peakMemory is how many bytes a process has had in memory at most, 0 if it is not there any more. What wait4 tells of
// a child counts its parent's too.
func peakMemory(pid int) (peak int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscanf(most, "%d kB", &peak)
	return peak << 10
}
