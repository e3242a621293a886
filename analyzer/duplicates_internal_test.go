package analyzer

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// This tests the thresholds between a renumbered copy and another segment.
func TestRenumberedThresholds(t *testing.T) {
	const syn, ack = flows.SYN, flows.ACK
	first := flows.Segment{Packet: 1, Time: 1e9, Flags: syn, Seq: 1000, IPID: 7, Digest: 1}
	first.Key.APort = 40000
	sent := flows.Segment{Packet: 2, Key: first.Key, Time: 1e9, Flags: ack, Seq: 1001, Ack: 5001, IPID: 7, Digest: 2,
		Len: 10}
	for _, tt := range []struct {
		name   string
		before flows.Segment
		change func(*flows.Segment)
		others bool // the end has given another ID before
		want   bool
	}{
		{"a SYN with its ID", first, func(s *flows.Segment) { s.Time += duplicateWithTS }, false, true},
		{"a SYN with its ID, too late", first, func(s *flows.Segment) { s.Time += duplicateWithTS + 1 }, false, false},
		{"a SYN with another ID", first, func(s *flows.Segment) { s.IPID++ }, false, false},
		{"a SYN without an ID or timestamp", flows.Segment{Packet: 1, Key: first.Key, Time: 1e9, Flags: syn, Seq: 1000},
			func(*flows.Segment) {}, false, false},
		{"a segment with its ID", sent, func(s *flows.Segment) { s.Time += duplicateBare }, false, true},
		{"a segment with its ID, too late", sent, func(s *flows.Segment) { s.Time += duplicateBare + 1 }, false, false},
		{"of an end that gives IDs", sent, func(s *flows.Segment) { s.Time += duplicateWithID }, true, true},
		{"of an end that gives IDs, too late", sent, func(s *flows.Segment) { s.Time += duplicateWithID + 1 }, true,
			false},
		{"of a merged clock", sent, func(s *flows.Segment) { s.Time -= duplicateWithID }, true, true},
		{"another text", sent, func(s *flows.Segment) { s.Digest++ }, true, false},
		{"another length", sent, func(s *flows.Segment) { s.Len++ }, true, false},
	} {
		var c connection
		if tt.others {
			other := tt.before
			other.IPID, other.Packet, other.Seq, other.Len = 6, 0, tt.before.Seq-100, 100
			c.begin(&other, nil)
			c.segment(&other, passage{})
		} else {
			c.begin(&tt.before, nil)
		}
		c.segment(&tt.before, passage{})
		for _, apart := range []uint32{1<<20 + 11, 1<<20 - 1} { // 11: to SND.NXT and beyond
			again := tt.before
			again.Seq += apart
			tt.change(&again)
			if got, want := c.foundRenumbered(&again), tt.want && apart > 1<<20; got != want {
				t.Errorf("%s, %d on: renumbered %v, want %v", tt.name, apart, got, want)
			}
			c.numberings = numberings{}
		}
	}
}
