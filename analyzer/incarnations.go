package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// opens reports a SYN without ACK: an active open (RFC 9293 §3.10.1).
func opens(seg *flows.Segment) bool {
	return seg.Flags&(flows.SYN|flows.ACK|flows.FIN|flows.RST) == flows.SYN
}

// opensWith reports whether a SYN is the connection's own: the same ISN; or the one that its first number supposes
// where the SYN was captured late; or the other side's first word to a SYN (RFC 9293 §3.5, figure 7).
func (c *connection) opensWith(seg *flows.Segment) bool {
	x, y := &c.tcp.Ends[sender(seg)], &c.tcp.Ends[1-sender(seg)]
	switch {
	case x.ISSKnown:
		return x.ISS == tcpstate.Seq(seg.Seq)
	case !x.Spoke && y.Known() && y.State() == tcpstate.SynSent:
		return true
	}
	return x.Spoke && c.sides[sender(seg)].firstSeq == seg.Seq+1
}

// nearest gives the incarnation whose numbers a segment is nearest to, the newest of equals. A segment that none can
// have sent is counted with the open one: it was meant to disturb that.
func (c *connection) nearest(seg *flows.Segment) *connection {
	var s tcpstate.Segment
	reduce(&s, seg)
	best, least := c, ^uint64(0)
	for o := c; o != nil; o = o.older {
		d := o.tcp.Distance(sender(seg), &s)
		if d < least || d == least && o.open() && !best.open() {
			best, least = o, d
		}
	}
	return best
}

// foreignSynAck reports whether a SYN-ACK is of none of the incarnations: it has another ISN, and does not lie in a window of theirs
// either, where a forged one aims.
func (c *connection) foreignSynAck(seg *flows.Segment) bool {
	const window = 1 << 16
	for o := c; o != nil; o = o.older {
		x, y := &o.tcp.Ends[sender(seg)], &o.tcp.Ends[1-sender(seg)]
		if !x.ISSKnown || x.Opened(tcpstate.Seq(seg.Seq)) {
			return false
		}
		nxt, _ := x.SndNxt()
		una, known := y.SndNxt()
		if known && tcpstate.Seq(seg.Seq)-nxt < window && apart(seg.Ack, uint32(una)) < window && tcpstate.Seq(seg.Ack) != y.ISS+1 {
			return false
		}
	}
	return true
}

// disowned reports that the opener answered the SYN-ACK with nothing but an RST.
func (c *connection) disowned() bool {
	x := &c.sides[c.opener]
	return c.tcp.Reset != nil && c.tcp.Reset.By == c.opener && x.packets-x.duplicates == x.openings+x.rsts && !reached(&c.tcp.Ends[1-c.opener])
}

// absorb takes over a SYN that turned out to belong to no connection of its own.
func (c *connection) absorb(stale *connection) {
	for i := range c.sides {
		x, y := &c.sides[i], &stale.sides[i]
		x.packets += y.packets
		x.ipBytes += y.ipBytes
		x.duplicates += y.duplicates
		x.openings += y.openings
	}
	c.end = max(c.end, stale.end)
	c.notes = append(c.notes, stale.notes...)
	c.note(record.FindingSynInConnection, stale.opener, stale.id)
}

// challengedIn takes the challenge ACK of an earlier incarnation for the answer to this one's SYN (RFC 5961 §4.2).
func (c *connection) challengedIn(earlier *connection, seg *flows.Segment, effect tcpstate.Effect) {
	if c.challenged || !effect.Has(tcpstate.Challenge) {
		return
	}
	c.challenged, c.challengePacket = true, seg.Packet
	c.beforeWaits = earlier.waits()
}

// succeeded takes note of the incarnation that follows. Linux gives a connection that it accepts in TIME_WAIT an ISN
// that follows from the old numbers (tcp_timewait_state_process: SND.NXT + 65535 + 2).
func (c *connection) succeeded(by *connection) {
	c.successor = by.id
	for i := range c.tcp.Ends {
		if e, f := &c.tcp.Ends[i], &by.tcp.Ends[i]; e.Known() && e.State() == tcpstate.TimeWait && f.ISSKnown {
			if nxt, known := e.SndNxt(); known && f.ISS == nxt.Add(65537) {
				c.linuxReuse = true
			}
		}
	}
	c.tcp.Supersede(by.start, by.id)
}
