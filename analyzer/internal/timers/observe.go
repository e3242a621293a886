package timers

import (
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Before returns what is known of c.Ends[from] before the rules process a segment that may be a retransmission. sack
// says that both ends permitted SACK.
func Before(c *tcpstate.Conn, from, to int, seg *flows.Segment, s *tcpstate.Segment, sack bool) (r Repeat) {
	x, y := &c.Ends[from], &c.Ends[to]
	una, _ := x.SndUna()
	nxt, _ := x.SndNxt()
	r = Repeat{
		At: seg.Time, Packet: seg.Packet, SACK: sack,
		Seq: seg.Seq, End: uint32(s.End()), Una: uint32(una), Nxt: uint32(nxt),
		Duplicates: c.Duplicates(to), Reply: c.Crossing(from), RoundTrip: c.RoundTrip(from), Soonest: c.Soonest(from),
	}
	r.Sent, r.First = c.TimedFrom(from, s)
	r.Heard, _ = c.HeardAt(to)
	r.LastAt, r.Last = c.HeardAt(from)
	if s.Syn {
		r.Sent = x.LastSynAt()
		soonest := y.LastSynAt() + r.Soonest
		r.Answers = s.HasAck && r.Sent < soonest && soonest <= seg.Time && seg.Time <= y.LastSynAt()+r.Reply
	}
	r.Idle = c.NoProbeAt(to)
	return r
}

// Sends records a retransmission or probe of an end. keepalives is the number of keepalives it has sent.
func (t *Timers) Sends(i int, effect tcpstate.Effect, seg *flows.Segment, r *Repeat, keepalives uint64) {
	switch {
	case effect.Has(tcpstate.Keepalive):
		if keepalives == 2 && t.none(i) { // the first keepalive was not recognized
			t.end(i).keepalive(&Repeat{At: r.LastAt, Packet: r.Last, Seq: r.Seq})
		}
		r.Sent = r.Idle
		t.end(i).keepalive(r)
	case effect.Has(tcpstate.ZeroWindowProbe):
		t.end(i).probe(r)
	case !effect.Has(tcpstate.Retransmission):
		if seg.Len > 0 && !seg.Flags.Has(flows.SYN) && effect == 0 {
			t.fills(i, r)
		}
	case seg.Flags.Has(flows.SYN | flows.ACK):
		if !r.Answers {
			t.end(i).repeat(SynAck, r)
		}
	case seg.Flags.Has(flows.SYN):
		t.end(i).repeat(Syn, r)
	case seg.Flags.Has(flows.FIN):
		t.end(i).text(true, r)
	case seg.Len > 0:
		t.end(i).text(false, r)
	}
}

// fills records text that fills a hole. If it is a retransmission, the original was lost before the capture.
func (t *Timers) fills(i int, r *Repeat) {
	// Reordered text comes sooner than retransmitted text.
	if e := t.ends[i]; e != nil && e.holeAt != 0 && e.hole == r.Una && r.Soonest != 0 && r.At-e.holeAt >= r.Soonest {
		r.Unseen, r.First = true, false
		e.text(false, r)
	}
}

// WasProbe records that the last segment of c.Ends[i] was a keepalive.
func (t *Timers) WasProbe(i int, c *tcpstate.Conn) {
	at, packet := c.HeardAt(i)
	t.end(i).keepalive(&Repeat{At: at, Packet: packet})
}
