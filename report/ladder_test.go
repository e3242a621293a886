package report

import (
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/internal/segtest"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// segmentsOf are the segments of a capture.
func segmentsOf(t testing.TB, file string) (segments []flows.Segment) {
	t.Helper()
	r, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		p, err := r.Next()
		if err == io.EOF {
			return segments
		}
		if err != nil {
			t.Fatal(err)
		}
		segments = decoder.Decode(p, segments)
	}
}

// laddersOf are the ladders of all connections that choose lets through, in the order in which they ended.
func laddersOf(segments []flows.Segment, choose func(*analyzer.Connection) bool) []*Ladder {
	var chosen []Chosen
	a := analyzer.New(analyzer.Options{}, func(c *analyzer.Connection) {
		if choose(c) {
			chosen = append(chosen, NewChosen(c))
		}
	})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	l := NewLadders(chosen)
	a = analyzer.New(analyzer.Options{Trace: l.Trace}, func(*analyzer.Connection) {})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	return l.Finish()
}

func every(*analyzer.Connection) bool { return true }

// The ladders of the captures of testdata, to be read beside the RFC.
func TestLadderGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".pcapng"), ".pcap")
		t.Run(name, func(t *testing.T) {
			ladders := laddersOf(segmentsOf(t, file), every)
			const most = 6
			var out strings.Builder
			e := Explanation{Connections: uint64(len(ladders)), Ladders: ladders[:min(len(ladders), most)]}
			if err := e.WriteText(&out, LadderOptions{}); err != nil {
				t.Fatal(err)
			}
			goldenFile(t, "ladders/"+name+".txt", out.String())
		})
	}
}

// exchanges are the segments of the hard cases by name.
func exchanges(t testing.TB) map[string][]flows.Segment {
	t.Helper()
	files, err := filepath.Glob("../analyzer/testdata/hardcases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no hard cases: ", err)
	}
	all := map[string][]flows.Segment{}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = segtest.Script(string(ar.Files[0].Data)).Segments()
	}
	return all
}

// Every change of state has a rule, and the states are the record's.
func TestLadderOfEveryCase(t *testing.T) {
	cases := exchanges(t)
	files, _ := filepath.Glob("../testdata/pcaps/*.pcap*")
	for _, file := range files {
		cases[filepath.Base(file)] = segmentsOf(t, file)
	}
	for name, segments := range cases {
		for _, l := range laddersOf(segments, every) {
			checkLadder(t, name, l)
		}
	}
}

func checkLadder(t *testing.T, name string, l *Ladder) {
	for _, side := range []analyzer.Side{analyzer.Client, analyzer.Server} {
		var changes []LadderChange
		for i := range l.Rungs {
			changes = append(changes, l.Rungs[i].side(side).Changes...)
		}
		states := l.endpoint(side).States
		if len(changes) != len(states) {
			t.Errorf("%s: connection %d has %d states of the %s and %d in the ladder", name, l.Connection.ID, len(states), side, len(changes))
			continue
		}
		for i, c := range changes {
			if c.To != states[i].State || c.Evidence != states[i].Evidence {
				t.Errorf("%s: connection %d: %v is not %v", name, l.Connection.ID, c, states[i])
			}
			if c.Rule == "" {
				t.Errorf("%s: connection %d: no rule brings the %s from %v to %s in packet %d", name, l.Connection.ID, side, c.From, c.To, states[i].Packet)
			}
		}
	}
}
