package analyzer_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// tracked returns the records that some trackers make of a script, in the order of ids.
func tracked(script string, trackers int) (list []*record.Connection) {
	segments := segtest.Script(script).Segments()
	tracker := analyzer.NewShards(analyzer.Options{}, trackers,
		func(r *record.Connection) { list = append(list, r.Clone()) },
		func([]flows.Segment) {})
	tracker.Segments(segments)
	tracker.Close()
	for i := 1; i < len(list); i++ { // insertion sort: there are few
		for j := i; j > 0 && list[j].ID < list[j-1].ID; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

// The record has what the SYNs say, and how the connection is used.
func TestRecordOfOpeningAndUsage(t *testing.T) {
	c := tracked(`C = 10.0.0.1:40000 mss=1460 sack wscale=7
		S = 10.0.0.2:80 mss=1400
		C --> S SYN,ECE,CWR
		C <-- S SYN,ACK,ECE
		C --> S ACK
		C --> S PSH,ACK len=100
		C <-- S PSH,ACK len=500 ecn=ce
		C --> S ACK,ECE
		+5s C --> S PSH,ACK,CWR len=100
		C <-- S PSH,ACK len=500
		C --> S FIN,ACK
		C <-- S FIN,ACK
		C --> S ACK`, 1)[0]
	want := record.Options{
		MSS: record.Count{Number: 1460, Known: true}, WScale: record.Count{Number: 7, Known: true}, SACKPermitted: true,
	}
	if c.Client.Options == nil || *c.Client.Options != want || c.Server.Options.MSS.Number != 1400 ||
		c.Server.Options.WScale.Known {
		t.Errorf("options: client %+v, server %+v", c.Client.Options, c.Server.Options)
	}
	if h := c.Handshake; h.ECN != record.ECNNegotiated || h.AckSeq.Number != 101 || h.AckAck.Number != 301 ||
		h.MPTCP != nil {
		t.Errorf("handshake: %+v", h)
	}
	if c.Server.Marks.CE != 1 || c.Client.Marks.ECE != 1 || c.Client.Marks.CWR != 1 {
		t.Errorf("marks: client %+v, server %+v", c.Client.Marks, c.Server.Marks)
	}
	if c.Exchanges.Number != 2 || c.Pattern != record.PatternPersistent || c.Idle.Gaps != 1 || c.Idle.Longest < 5e9 {
		t.Errorf("%+v exchanges, pattern %s, idle %+v", c.Exchanges, c.Pattern, c.Idle)
	}
}

// One direction alone does not show exchanges.
func TestUsageNeedsBothDirections(t *testing.T) {
	c := tracked(`C --> S SYN
		C <~~ S SYN,ACK
		C --> S ACK
		C --> S PSH,ACK len=100
		C <~~ S PSH,ACK len=500
		C --> S ACK`, 1)[0]
	if c.Exchanges.Known || c.Idle != nil || c.Pattern != record.NoPattern {
		t.Errorf("%+v exchanges, pattern %q, idle %+v", c.Exchanges, c.Pattern, c.Idle)
	}
}

// A subflow of MPTCP names its connection, whichever of them ends first, and whichever tracker follows them.
func TestSubflowNamesItsConnection(t *testing.T) {
	const script = `
		D = 10.0.1.1:41000
		C --> S SYN mptcp
		C <-- S SYN,ACK mptcp=7
		C --> S ACK mptcp=9
		D --> S SYN join=0xa3eb8db8
		D <-- S SYN,ACK
		D --> S ACK
		D --> S FIN,ACK
		D <-- S FIN,ACK
		D --> S ACK
		C --> S FIN,ACK
		C <-- S FIN,ACK
		C --> S ACK`
	for trackers := range 4 {
		list := tracked(script, trackers+1)
		if len(list) != 2 {
			t.Fatalf("%d records", len(list))
		}
		capable, join := list[0].Handshake.MPTCP, list[1].Handshake.MPTCP
		token := record.Seq{Number: 0xa3eb8db8, Known: true}
		if capable == nil || *capable != (record.MPTCP{Kind: record.MPTCPCapable, Token: token}) {
			t.Errorf("%d trackers: the first is %+v", trackers+1, capable)
		}
		if join == nil || *join != (record.MPTCP{Kind: record.MPTCPJoin, Token: token, Joins: 1}) {
			t.Errorf("%d trackers: the subflow is %+v", trackers+1, join)
		}
	}
}
