package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Connections that would take more are followed within --memory 64MiB: the process never takes twice that. With
// TCPLIFE_TEST_ALL there are 5 million that are half-open, with and without a SYN-ACK, and a million that are open, of
// which a million packets come at random.
func TestMemoryHolds(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		argv     []string
		few, all int
	}{
		"unanswered":  {[]string{"-kind", "flood"}, 400_000, 5_000_000},
		"half-open":   {[]string{"-kind", "flood", "-synacks"}, 150_000, 5_000_000},
		"established": {[]string{"-kind", "concurrent"}, 150_000, 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcap")
			n := kind.few
			if os.Getenv("TCPLIFE_TEST_ALL") != "" {
				n = kind.all
			}
			argv := append([]string{"run", "../../internal/benchcap", "-o", file, "-n", strconv.Itoa(n), "-packets",
				strconv.Itoa(n)}, kind.argv...)
			made, err := exec.Command("go", argv...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, made)
			}
			cmd := exec.Command("tcplife", "read", file, "--memory", "64MiB")
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
