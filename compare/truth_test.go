package compare_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
)

// truth has the fields of a scenario's truth.json.
type truth struct {
	Points []string
	Files  map[string]string
	Clock  map[string]struct {
		Offset float64 `json:"offset_s"`
		Drift  float64 `json:"drift_ppm"`
	}
	Reference   int64 `json:"clock_reference_ns"`
	Connections []struct {
		Tuples   map[string][4]any
		Verdicts []truthVerdict
	}
}

type truthVerdict struct {
	Kind       string
	Between    []string
	Way        string
	Field      string
	From, To   any
	Segments   int
	Of         int
	Routine    bool
	Knowable   *bool
	Deliberate *bool
	Toward     string
	Overtaken  int     `json:"overtaken_by"`
	By         float64 `json:"by_s"`
	Segment    struct {
		At     string
		Packet uint64
	}
	RepairedBy *struct {
		At     string
		Packet uint64
	} `json:"repaired_by"`
}

// TestTruth compares the verdicts with scenarios whose events are known.
func TestTruth(t *testing.T) {
	folders, _ := filepath.Glob("../../shared/compare/*/truth.json")
	if len(folders) == 0 {
		t.Skip("SKIPPED: no scenarios with truth beside the project")
	}
	for _, path := range folders {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { checkTruth(t, filepath.Dir(path)) })
	}
}

func checkTruth(t *testing.T, folder string) {
	text, err := os.ReadFile(filepath.Join(folder, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want truth
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	var sources []compare.Source
	for _, name := range want.Points {
		sources = append(sources, compare.Source{Name: name, Files: []string{filepath.Join(folder, want.Files[name])}})
	}
	var got []result.Verdict
	connections := 0
	whole, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
		connections++
		got = append(got, c.Verdicts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if connections != len(want.Connections) {
		t.Errorf("%d connections, want %d", connections, len(want.Connections))
	}
	checkClocks(t, &want, whole)

	// Each verdict by what it is about.
	name := func(kind, field string, between []string, at string, packet uint64) string {
		return fmt.Sprintf("%s %s between %v, packet %d at %s", kind, field, between, packet, at)
	}
	found := map[string]*result.Verdict{}
	for i := range got {
		v := &got[i]
		found[name(string(v.Kind), string(v.Field), v.Between, v.Segment.At, uint64(v.Segment.Packet))] = v
	}
	for _, c := range want.Connections {
		for _, v := range c.Verdicts {
			key := name(v.Kind, v.Field, v.Between, v.Segment.At, v.Segment.Packet)
			g := found[key]
			delete(found, key)
			may := v.Knowable != nil && !*v.Knowable || v.Deliberate != nil && !*v.Deliberate
			switch {
			case g == nil && !may:
				t.Errorf("missing: %s", key)
			case g == nil:
			case v.Kind == "altered" && (g.Routine != v.Routine ||
				fmt.Sprint(g.From.Any(), g.To.Any()) != fmt.Sprint(v.From, v.To)):
				t.Errorf("%s: %d of %d from %v to %v, routine %v; want %d of %d from %v to %v, routine %v", key,
					g.Segments, g.Of, g.From.Any(), g.To.Any(), g.Routine,
					v.Segments, v.Of, v.From, v.To, v.Routine)
			case v.Kind == "born" && g.Toward.String() != v.Toward:
				t.Errorf("%s: towards %s, want %s", key, g.Toward, v.Toward)
			case v.Kind == "reordered" && int(g.OvertakenBy) != v.Overtaken:
				t.Errorf("%s: overtaken by %d, want %d", key, g.OvertakenBy, v.Overtaken)
			case v.Kind == "delayed" && math.Abs(float64(g.By)/1e9-v.By) > 0.001:
				t.Errorf("%s: by %v, want %v", key, float64(g.By)/1e9, v.By)
			case v.Kind == "lost" && (g.Repaired == nil) != (v.RepairedBy == nil):
				t.Errorf("%s: repaired by %v, want %v", key, g.Repaired, v.RepairedBy)
			case v.Kind == "lost" && g.Repaired != nil && (g.Repaired.At != v.RepairedBy.At ||
				uint64(g.Repaired.Packet) != v.RepairedBy.Packet):
				t.Errorf("%s: repaired by %+v, want %+v", key, *g.Repaired, *v.RepairedBy)
			}
		}
	}
	for key, v := range found {
		if v.Kind != result.NotCaptured {
			t.Errorf("invented: %s (by %v)", key, v.By)
		}
	}
}

func checkClocks(t *testing.T, want *truth, whole *compare.Result) {
	for _, p := range whole.Points {
		w := want.Clock[p.Name]
		at := w.Offset + w.Drift*1e-6*float64(int64(p.Clock.At)-want.Reference)/1e9
		if p.Clock.Error == record.NoDuration {
			if p.Clock.Evidence == result.ClockMeasured {
				t.Errorf("%s: offset %v without an error", p.Name, p.Clock.Offset)
			}
			continue
		}
		got, margin := float64(p.Clock.Offset)/1e9, float64(p.Clock.Error)/1e9
		if math.Abs(got-at) > margin {
			t.Errorf("%s: offset %v ± %v, want %v", p.Name, got, margin, at)
		}
		if d := p.Clock.Drift; d.Known && math.Abs(d.Value-w.Drift) > p.Clock.DriftError.Value {
			t.Errorf("%s: drift %v ± %v, want %v", p.Name, d.Value, p.Clock.DriftError.Value, w.Drift)
		}
		t.Logf("%s: offset %v ± %v at %v, drift %v ± %v, %v", p.Name, got, margin, p.Clock.At, p.Clock.Drift.Value,
			p.Clock.DriftError.Value, p.Blind)
	}
	if !slices.ContainsFunc(whole.Points, func(p result.Point) bool { return p.Connections > 0 }) {
		t.Error("no connections")
	}
}
