package analyzer

import (
	"strconv"
	"time"

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
	case !x.HasSent && y.Known() && y.State() == tcpstate.SynSent:
		return true
	}
	return x.HasSent && c.sides[sender(seg)].firstSeq == seg.Seq+1
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

// rejectsSynAck reports whether a SYN-ACK is of none of the incarnations: it has another ISN, and does not lie in a
// window of theirs either, where a forged one aims.
func (c *connection) rejectsSynAck(seg *flows.Segment) bool {
	const window = 1 << 16
	for o := c; o != nil; o = o.older {
		x, y := &o.tcp.Ends[sender(seg)], &o.tcp.Ends[1-sender(seg)]
		if !x.ISSKnown || x.Opened(tcpstate.Seq(seg.Seq)) {
			return false
		}
		nxt, _ := x.SndNxt()
		una, known := y.SndNxt()
		if known && tcpstate.Seq(seg.Seq)-nxt < window && apart(seg.Ack, uint32(una)) < window &&
			tcpstate.Seq(seg.Ack) != y.ISS+1 {
			return false
		}
	}
	return true
}

// openerReset reports that the opener answered the SYN-ACK with nothing but an RST.
func (c *connection) openerReset() bool {
	x := &c.sides[c.opener]
	return c.tcp.Reset != nil && c.tcp.Reset.By == c.opener && x.packets-x.duplicates == x.openings+
		x.rsts && !reached(&c.tcp.Ends[1-c.opener])
}

// absorb takes over a SYN that turned out to belong to no connection of its own.
func (c *connection) absorb(stale *connection) {
	for i := range c.sides {
		x, y := &c.sides[i], &stale.sides[i]
		x.packets += y.packets
		x.ipBytes += y.ipBytes
		x.duplicates += y.duplicates
		if x.openings > 0 {
			x.openings += y.openings
		} else {
			x.impossible += y.openings // it is not the SYN that opened this connection
		}
	}
	c.end = max(c.end, stale.end)
	c.notes = append(c.notes, stale.notes...)
	c.tcp.Absorb(&stale.tcp)
	c.tcp.Note(tcpstate.SynInConnection, stale.opener, tcpstate.Seq(stale.sides[stale.opener].firstSeq), stale.id)
}

// mayLive reports that a SYN seemed to show that its sender had lost the connection, though it may have been another
// host's: behind NAT two can get the same port. Then the first one goes on, with the numbers that it had.
func (c *connection) mayLive() bool {
	h := c.tcp.HalfOpen
	return h != nil && h.By == tcpstate.AnsweredSyn && c.over()
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

// A SYN can reach a listener long after it was sent, when its connection has closed or its client has given up. Then
// the listener answers as if it were new, and the client disowns the answer (RFC 9293 §3.5, figure 8). A handshake of
// two segments would have opened a connection that nobody wants.

// outlived reports that a SYN of the opener's with the connection's own number is none of its transmissions: it came
// after its sender had answered the SYN-ACK or disowned it, or when the attempt was given up. It is a late copy, or its
// sender begins again with the same number, as devices do that boot.
func (c *connection) outlived(seg *flows.Segment) bool {
	const (
		soonest = int64(time.Second) // after the last one: the first retransmission timeout (RFC 6298 §2.1)
		// what it was before (RFC 1122 §4.2.3.1), for one that tries again though it was answered
		latest = 3 * soonest
	)
	x, y := &c.tcp.Ends[c.opener], &c.tcp.Ends[1-c.opener]
	since := seg.Time - max(c.start, x.LastSynAt())
	_, answers := x.RcvNxt()
	switch {
	case sender(seg) != c.opener || c.self() || !x.HasSent:
		return false
	case reached(x) && (c.over() || c.waits()):
		return c.end < seg.Time && since > duplicateWithID
	case answers || c.openerReset() && x.State() == tcpstate.Closed:
		return since > soonest
	}
	return since > latest && (x.GaveUp(seg.Time) || y.GaveUp(seg.Time) || c.over() && x.Syns == 1)
}

// recent is how long the numbers of a connection say something of those of the next one with the same sockets, in ns:
// they come from a clock (RFC 6528 §3) that in some stacks goes around in minutes.
const recent = 60 * int64(time.Second)

// follows compares the segment that begins the connection with what is known of its sockets. A copy has a number that
// an earlier SYN had, or answers that one; an old SYN has a lower number than the connection before.
func (c *connection) follows(older *connection, seg *flows.Segment) {
	client, iss := sender(seg), seg.Seq
	if seg.Flags.Has(flows.SYN | flows.ACK) {
		client, iss = 1-client, seg.Ack-1
	}
	c.stale = older.onlySyns() && older.opener == client || older.waits()
	c.beforeWaits = older.waits()
	for o := older; o != nil; o = o.older {
		x := &o.tcp.Ends[client]
		c.copied = c.copied || o.opener == client && (x.ISSKnown && x.ISS == tcpstate.Seq(iss) ||
			o.gaveUp && o.givenUp == iss)
	}
	x := &older.tcp.Ends[client]
	stamp, stamped := x.TSSent()
	newer := stamped && seg.Options.HasTimestamp && int32(seg.Options.TSVal-stamp) > 0 // RFC 6191
	c.old = c.copied || opens(seg) && older.opener == client && reached(x) && x.ISSKnown && !newer &&
		seg.Time-older.end < recent &&
		tcpstate.Seq(iss).Before(x.ISS)
	c.stale = c.stale || c.old
}

// supersedes takes note that nothing is left of an attempt of the same client. A late copy of its SYN may come yet.
func (c *connection) supersedes(o *connection) {
	if x := &o.tcp.Ends[o.opener]; o.opener == c.opener && o.embryonic() && x.ISSKnown {
		c.gaveUp, c.givenUp = true, uint32(x.ISS)
	}
}

// expireUnderStale ends the TIME_WAIT of a listener that answered an old SYN by a SYN-ACK: its 2MSL was over.
func (c *connection) expireUnderStale(listener int, at int64) {
	if c.waitsAt(listener) {
		c.tcp.Expire(listener, at)
	}
}

// appendStale appends what an old SYN cost the listener.
func (c *connection) appendStale(b []byte) []byte {
	server := 1 - c.opener
	e, synAcks := &c.tcp.Ends[server], c.sides[server].synAcks
	if len(e.History) == 0 || e.History[0].State != tcpstate.SynRcvd || synAcks == 0 {
		return b
	}
	until, atLeast := c.end, " at least"
	if len(e.History) > 1 {
		until, atLeast = e.History[1].At, ""
	}
	b = append(b, "; the server held SYN_RCVD for "...)
	b = append(record.Duration(until-e.History[0].At).Append(b), " s"...)
	b = append(append(b, atLeast...), " and sent "...)
	b = append(strconv.AppendUint(b, synAcks, 10), " SYN-ACK"...)
	if synAcks > 1 {
		b = append(b, 's')
	}
	return b
}
