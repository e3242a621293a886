package report

import (
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
