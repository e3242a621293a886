package tcpstate

import "testing"

func TestSeqOrder(t *testing.T) {
	const top = Seq(1<<32 - 1)
	for _, test := range []struct {
		s, t Seq
		diff int32
	}{
		{5, 5, 0},
		{6, 5, 1},
		{5, 6, -1},
		{0, top, 1}, // across the wrap
		{top, 0, -1},
		{100, top - 99, 200},
		{1<<31 - 1, 0, 1<<31 - 1},
		{1 << 31, 0, -1 << 31}, // just half the space away is before
		{0, 1 << 31, -1 << 31},
	} {
		if got := test.s.Sub(test.t); got != test.diff {
			t.Errorf("%d.Sub(%d) = %d, want %d", test.s, test.t, got, test.diff)
		}
		if got, want := test.s.Before(test.t), test.diff < 0; got != want {
			t.Errorf("%d.Before(%d) = %v", test.s, test.t, got)
		}
		if got, want := test.s.After(test.t), test.diff > 0; got != want {
			t.Errorf("%d.After(%d) = %v", test.s, test.t, got)
		}
	}
	if got := top.Add(3); got != 2 {
		t.Errorf("%d.Add(3) = %d, want 2", top, got)
	}
	for _, test := range []struct{ a, b, max Seq }{{1, 2, 2}, {2, 1, 2}, {top, 1, 1}, {1, top, 1}} {
		if got := maxSeq(test.a, test.b); got != test.max {
			t.Errorf("maxSeq(%d, %d) = %d, want %d", test.a, test.b, got, test.max)
		}
	}
}

// A segment occupies a number for its SYN, one for each octet, and one for its FIN (RFC 9293 §3.4).
func TestSegmentEnd(t *testing.T) {
	const top = Seq(1<<32 - 1)
	for _, test := range []struct {
		s         Segment
		text, end Seq
	}{
		{Segment{Seq: 7}, 7, 7},
		{Segment{Seq: 7, Syn: true}, 8, 8},
		{Segment{Seq: 7, Fin: true}, 7, 8},
		{Segment{Seq: 7, Len: 10, Fin: true}, 17, 18},
		{Segment{Seq: 7, Syn: true, Len: 10, Fin: true}, 18, 19},
		{Segment{Seq: top, Len: 10, Fin: true}, 9, 10},
	} {
		if test.s.textEnd() != test.text || test.s.end() != test.end {
			t.Errorf("%+v ends at %d, %d, want %d, %d", test.s, test.s.textEnd(), test.s.end(), test.text, test.end)
		}
	}
}

func TestStateNames(t *testing.T) {
	seen := map[string]bool{}
	for s := Closed; s <= TimeWait; s++ {
		text, err := s.MarshalText()
		if err != nil || string(text) != s.String() || s.String() == "" || seen[s.String()] {
			t.Errorf("state %d is %q, %q, %v", s, s, text, err)
		}
		seen[s.String()] = true
	}
	if len(seen) != 11 {
		t.Errorf("%d states, RFC 9293 §3.3.2 has eleven", len(seen))
	}
}

// A transfer goes around the whole sequence space, with retransmissions of lost segments.
func TestTransferAroundTheSequenceSpace(t *testing.T) {
	var c Conn
	at, packet := int64(0), uint64(0)
	send := func(from int, s Segment) Effect {
		at, packet = at+1_000_000, packet+1
		s.At, s.Packet, s.Window, s.HasAck = at, packet, 60000, s.HasAck || !s.Syn
		s.HasWScale, s.WScale = s.Syn, 7
		return c.Segment(from, &s)
	}
	const size = 1 << 16
	next := Seq(2001)
	send(0, Segment{Syn: true, Seq: 1000})
	send(1, Segment{Syn: true, HasAck: true, Seq: 2000, Ack: 1001})
	send(0, Segment{Seq: 1001, Ack: 2001})
	for octets := uint64(0); octets < 5<<30; octets += size {
		if e := send(1, Segment{Seq: next, Ack: 1001, Len: size}); e != 0 {
			t.Fatalf("after %d octets: effect %b", octets, e)
		}
		if e := send(1, Segment{Seq: next, Ack: 1001, Len: size}); e != Retransmission {
			t.Fatalf("after %d octets, sent again: effect %b", octets, e)
		}
		next = next.Add(size)
		if e := send(0, Segment{Seq: 1001, Ack: next}); e != 0 {
			t.Fatalf("after %d octets, acknowledged: effect %b", octets, e)
		}
	}
}
