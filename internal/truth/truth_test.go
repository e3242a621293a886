package truth_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/truth"
)

const scenarios = "../../testdata/kernel"

var update = flag.Bool("update", false, "write the present scores as floors into testdata/kernel/floors.txt")

// TestKernelTruth replays the recordings of real kernels. No scenario may score below its floor.
func TestKernelTruth(t *testing.T) {
	names, err := truth.Names(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	floors := readFloors(t)
	var lines strings.Builder
	for _, name := range names {
		s, err := truth.Load(scenarios, name)
		if err != nil {
			t.Fatal(err)
		}
		score := s.Judge(lives(t, truth.CapturePath(scenarios, name)))
		got := reached(&score)
		floor, ok := floors[name]
		delete(floors, name)
		if !ok && !*update {
			t.Errorf("%s has no floors: go test ./internal/truth -update", name)
		}
		if score.Endpoints == 0 || score.Found < len(s.Connections) || score.Extra > 0 {
			t.Errorf("%s: %d of %d connections found, and %d inferred that do not exist", name, score.Found,
				len(s.Connections), score.Extra)
		}
		for i, of := range [...]string{"strict", "fair", "time"} {
			if got[i] < floor[i]-0.05 && !*update { // rounded to a tenth
				t.Errorf("%s: %s is %.1f%%, its floor %.1f%%\n%s", name, of, got[i], floor[i],
					strings.Join(score.Differences, "\n"))
			}
		}
		fmt.Fprintf(&lines, "%-26s %5.1f %5.1f %5.1f\n", name, got[0], got[1], got[2])
	}
	for name := range floors {
		if *update {
			break
		}
		t.Errorf("floors.txt names %s, which does not exist", name)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(scenarios, "floors.txt"), []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// reached is a score in percent of the endpoints: strict, fair, time.
func reached(s *truth.Score) [3]float64 {
	n := float64(s.Endpoints)
	return [...]float64{100 * float64(s.Strict) / n, 100 * float64(s.Fair) / n, 100 * s.Agreed / n}
}

// readFloors reads lines of a scenario's name and its floors.
func readFloors(t *testing.T) map[string][3]float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(scenarios, "floors.txt"))
	if err != nil && !*update {
		t.Fatal(err)
	}
	floors := map[string][3]float64{}
	for line := range strings.Lines(string(text)) {
		var name string
		var f [3]float64
		if _, err := fmt.Sscan(line, &name, &f[0], &f[1], &f[2]); err != nil {
			t.Fatalf("floors.txt: %q: %v", line, err)
		}
		floors[name] = f
	}
	return floors
}

// lives are the states that the tracker infers from a capture.
func lives(t *testing.T, path string) (lives []truth.Life) {
	t.Helper()
	packets, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		lives = append(lives, truth.Life{Client: inferred(&c.Client), Server: inferred(&c.Server)})
	})
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		packet, err := packets.Next()
		if errors.Is(err, io.EOF) {
			tracker.Close()
			return lives
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range decoder.Decode(packet, nil) {
			tracker.Segment(&s)
		}
	}
}

func inferred(e *record.Endpoint) truth.Inferred {
	i := truth.Inferred{Addr: e.IP, Port: e.Port}
	if e.ISN.Known {
		i.ISN = &e.ISN.Number
	}
	for _, s := range e.States {
		i.States = append(i.States, truth.Entry{State: s.State.String(), At: int64(s.At)})
	}
	return i
}
