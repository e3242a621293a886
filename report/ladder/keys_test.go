package ladder

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// The ladders of some connections are the same whether all are traced or only these.
func TestOnlyTheChosenAreTraced(t *testing.T) {
	cases := exchanges(t)
	for _, file := range []string{
		"syn-flood", "real-backlog-overflow", "vlan", "ipv6", "scan-kinds", "icmp-unreachable", "port-reuse",
	} {
		cases[file] = reporttest.SegmentsOf(t, "../../testdata/pcaps/"+file+".pcap")
	}
	ladders := 0
	for name, segments := range cases {
		var chosen []*record.Connection
		follow(segments, analyzer.Options{}, func(c *record.Connection) {
			if c.ID%3 == 1 && len(chosen) < 20 {
				chosen = append(chosen, c.Clone())
			}
		})
		var texts [2]string
		for i, all := range []bool{true, false} {
			var list []Chosen
			for _, c := range chosen {
				list = append(list, Choose(c))
			}
			l := NewCollector(list)
			o := analyzer.Options{Trace: l.Trace, Traced: l.Traced}
			if all {
				o.Traced = nil
			}
			follow(segments, o, func(*record.Connection) {})
			var out strings.Builder
			e := Explanation{Ladders: l.Finish()}
			ladders += len(e.Ladders)
			if err := e.WriteJSON(&out); err != nil {
				t.Fatal(err)
			}
			texts[i] = out.String()
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: the ladders differ", name)
		}
	}
	if ladders < 200 {
		t.Errorf("%d ladders, which is too few", ladders)
	}
}

func follow(segments []flows.Segment, o analyzer.Options, visit func(*record.Connection)) {
	a := analyzer.New(o, visit)
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
}

// A 4-tuple is identified by its sockets, whichever side opened, and whatever the encapsulation.
func TestKeys(t *testing.T) {
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/vlan.pcap", "vlan")
	var keys Keys
	if keys.Has(&segments[0].Key) {
		t.Error("an empty set has a key")
	}
	a, b := segments[0].Key.AddrPortA(), segments[0].Key.AddrPortB()
	for _, swapped := range []bool{false, true} {
		keys = Keys{}
		if swapped {
			keys.Add(b, a)
		} else {
			keys.Add(a, b)
		}
		other := segments[0].Key
		other.APort++
		if !keys.Has(&segments[0].Key) || keys.Has(&other) {
			t.Errorf(
				"swapped %v: it has the key %v, and another one %v",
				swapped,
				keys.Has(&segments[0].Key),
				keys.Has(&other),
			)
		}
	}
}
