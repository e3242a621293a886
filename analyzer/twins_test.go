package analyzer_test

import (
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
)

// emit may take a record over and leave a used one in its place. The next records of a flood are the same.
func TestTwinsAreTaken(t *testing.T) {
	segments := segmentsOf(t, "../testdata/pcaps/syn-flood.pcap")
	plain := recordsOf(t, segments, func(*analyzer.Analyzer) {})
	for _, every := range []int{1, 3} {
		var list []string
		var taken []*record.Connection
		n := 0
		a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
			list = append(list, marshal(t, c))
			if n++; n%every != 0 {
				return
			}
			used := &record.Connection{}
			if len(taken) > 8 {
				used, taken = taken[0], taken[1:]
			}
			*used, *c = *c, *used
			taken = append(taken, used)
		})
		for i := range segments {
			seg := segments[i]
			a.Segment(&seg)
		}
		a.Close()
		if !slices.Equal(list, plain[:len(list)]) {
			t.Errorf("of %d records that were taken, each %d, some differ", len(list), every)
		}
	}
}
