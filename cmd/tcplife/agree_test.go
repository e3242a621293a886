package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segtest"
)

// benchcap makes a capture of many connections.
func benchcap(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.pcap")
	args = append([]string{"run", "github.com/tcplife/tcplife/internal/benchcap", "-o", file}, args...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// output runs the command, which must succeed, and returns what it prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("tcplife %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

// read, at and population agree about the same moment, even if the ledger of TIME_WAITs leaves out most pairs of hosts.
// The pairs left out held no more than those shown.
func TestTimeWaitsAgree(t *testing.T) {
	t.Parallel()
	file := benchcap(t, "-kind", "short", "-n", "6000")
	var report struct {
		Summary struct {
			TimeWait struct{ Held uint64 } `json:"time_wait"`
			LeftOut  struct {
				TimeWait uint64 `json:"time_wait"`
			} `json:"left_out"`
		}
		Population []struct{ States map[string][]uint64 }
		TimeWait   []any `json:"time_wait"`
		Capture    struct{ Last string }
	}
	if err := json.Unmarshal([]byte(output(t, "read", file, "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}
	var snapshot struct {
		ByState map[string]uint64 `json:"by_state"`
	}
	if err := json.Unmarshal([]byte(output(t, "at", file, "--time", report.Capture.Last, "-o", "json")),
		&snapshot); err != nil {
		t.Fatal(err)
	}
	population := report.Population[0].States["TIME_WAIT"]
	held, last := report.Summary.TimeWait.Held, population[len(population)-1]
	if held != 6000 || snapshot.ByState["TIME_WAIT"] != held || last != held {
		t.Errorf("read says %d, at %d, population %d", held, snapshot.ByState["TIME_WAIT"], last)
	}
	if len(report.TimeWait) == 6000 || report.Summary.LeftOut.TimeWait == 0 {
		t.Errorf("%d pairs are listed and %d left out, want some of both", len(report.TimeWait),
			report.Summary.LeftOut.TimeWait)
	}
	table := output(t, "read", file, "--top", "1")
	leftOut := fmt.Sprintf("left out: %d,%03d pairs of a client and a server's socket that held no more than the "+
		"last of "+
		"these\n", report.Summary.LeftOut.TimeWait/1000, report.Summary.LeftOut.TimeWait%1000)
	if !strings.Contains(table, "  6,000 held at the end (RFC 9293 §3.6.1)\n") || !strings.Contains(table, leftOut) {
		t.Errorf("%q is not in\n%s", leftOut, table)
	}
}

// Beyond 1,000 listeners the report counts the others as left out, and --top 0, which shows all rows, does not advise
// itself.
func TestListenersAgree(t *testing.T) {
	t.Parallel()
	var script strings.Builder
	for i := range 1280 {
		fmt.Fprintf(&script, "S%d = 10.1.%d.%d:80\n", i, i/250, i%250+1)
		for port := 40_001; port < 40_003; port++ {
			fmt.Fprintf(&script, "C%[1]d%[2]d = 10.0.0.1:%[1]d\nC%[1]d%[2]d --> S%[2]d SYN\n"+
				"C%[1]d%[2]d <-- S%[2]d SYN,ACK\n", port, i)
		}
	}
	file := filepath.Join(t.TempDir(), "listeners.pcap")
	if err := os.WriteFile(file, segtest.Script(script.String()).Pcap(), 0o600); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Summary struct {
			LeftOut struct{ Listeners uint64 } `json:"left_out"`
		}
		Listeners []any
	}
	if err := json.Unmarshal([]byte(output(t, "read", file, "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Listeners) != 1000 || report.Summary.LeftOut.Listeners != 280 {
		t.Errorf("%d listeners, %d left out", len(report.Listeners), report.Summary.LeftOut.Listeners)
	}
	table := output(t, "read", file, "--top", "0")
	if !strings.Contains(table, "\nleft out: 280 listeners ") || strings.Contains(table, " more: --top 0") {
		t.Errorf("--top 0 prints\n%s", table[strings.Index(table, "LISTENERS"):])
	}
}
