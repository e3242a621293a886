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

	"github.com/tcplife/tcplife/internal/testrun"
)

// Connections that would need more are tracked within --memory 64MiB: the process never takes twice that. With
// TCPLIFE_TEST_ALL there are 5 million attempts, with and without a SYN-ACK, and a million open connections with a
// million packets at random. Then it also takes at most 1.5 times the processor time.
func TestMemoryHolds(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		argv     []string
		few, all int
	}{
		"unanswered":  {[]string{"-kind", "flood"}, 330_000, 5_000_000},
		"half-open":   {[]string{"-kind", "flood", "-synacks"}, 170_000, 5_000_000},
		"established": {[]string{"-kind", "concurrent"}, 170_000, 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcap")
			n := testrun.Size(kind.few, kind.all)
			argv := append([]string{"run", "../../internal/benchcap", "-o", file, "-n", strconv.Itoa(n), "-packets",
				strconv.Itoa(n)}, kind.argv...)
			made, err := exec.Command("go", argv...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, made)
			}
			peak, took := readWithin(t, exitIncomplete, file, "--memory", "64MiB")
			if peak < 32_000_000 || peak > raceRoom*128_000_000 {
				t.Errorf("it took %d MB", peak/1_000_000)
			}
			t.Logf("%d MB, %v", peak/1_000_000, took)
			if n != kind.all {
				return
			}
			for pair := 1; ; pair++ { // other processes use the caches too
				_, free := readWithin(t, exitOK, file)
				t.Logf("%v without a limit", free)
				if took <= free*3/2 {
					break
				}
				if pair == 3 {
					t.Errorf("%v of processor time within 64 MiB, %v without a limit", took, free)
					break
				}
				_, took = readWithin(t, exitIncomplete, file, "--memory", "64MiB")
			}
		})
	}
}

// readWithin reads a file, and returns the most memory in bytes and the processor time that this took.
func readWithin(t *testing.T, code int, argv ...string) (peak int64, took time.Duration) {
	t.Helper()
	cmd := exec.Command("tcplife", append([]string{"read"}, argv...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for over := false; !over; {
		peak = max(peak, peakMemory(cmd.Process.Pid))
		select {
		case <-ended:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	return peak, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// peakMemory returns the most memory that a process has had, in bytes, 0 if it has ended. wait4 would count the memory
// of the child's parent too.
func peakMemory(pid int) (peak int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscanf(most, "%d kB", &peak)
	return peak << 10
}
