package analyzer_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
)

// With NoPeers a record lacks only the fields of other tools.
func TestNoPeers(t *testing.T) {
	for _, file := range captures(t) {
		segments := segmentsOf(t, file)
		records := func(o analyzer.Options) (list []string) {
			a := analyzer.New(o, func(c *record.Connection) {
				if (c.Zeek == nil) != o.NoPeers || (c.Tshark == nil) != o.NoPeers {
					t.Errorf("%s: connection %d: Zeek %v, Tshark %v", file, c.ID, c.Zeek, c.Tshark)
				}
				r := *c
				r.Zeek, r.Tshark = nil, nil
				list = append(list, marshal(t, &r))
			})
			for i := range segments {
				seg := segments[i]
				a.Segment(&seg)
			}
			a.Close()
			return list
		}
		with, without := records(analyzer.Options{}), records(analyzer.Options{NoPeers: true})
		if len(with) != len(without) {
			t.Fatalf("%s: %d records, without peers %d", file, len(with), len(without))
		}
		for i := range with {
			if with[i] != without[i] {
				t.Errorf("%s:\n%s\nwithout peers\n%s", file, with[i], without[i])
			}
		}
	}
}
