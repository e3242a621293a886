package analyzer

import (
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// opens reports whether a segment is a SYN without ACK: an active open (RFC 9293 §3.10.1).
func opens(seg *flows.Segment) bool {
	return seg.Flags&(flows.SYN|flows.ACK|flows.FIN|flows.RST) == flows.SYN
}

// opensWith reports whether a SYN is the connection's own: it has the same ISN, or the one inferred from the first
// number if the SYN was captured late, or it is the other side's SYN (RFC 9293 §3.5, figure 7).
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

// nearest returns the incarnation with the nearest numbers, the newest of equals. A segment that fits none counts for
// the open incarnation, because it was meant to disturb that one.
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

// rejectsSynAck reports whether a SYN-ACK belongs to no incarnation: it has another ISN, and lies outside their
// windows. (A forged one would lie inside.)
func (c *connection) rejectsSynAck(seg *flows.Segment) bool {
	const window = 1 << 16
	for o := c; o != nil; o = o.older {
		x, y := &o.tcp.Ends[sender(seg)], &o.tcp.Ends[1-sender(seg)]
		if !x.ISSKnown || x.OpenedWith(tcpstate.Seq(seg.Seq)) {
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

// openerReset reports whether the opener answered the SYN-ACK only with an RST.
func (c *connection) openerReset() bool {
	x := &c.sides[c.opener]
	return c.tcp.Reset != nil && c.tcp.Reset.By == c.opener && x.packets-x.duplicates == x.openings+
		x.rsts && !reached(&c.tcp.Ends[1-c.opener])
}

// absorb takes over an attempt whose SYN turned out not to begin a connection.
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

// mayLive reports whether a connection may go on although a SYN seemed to show that its sender had lost it. Behind NAT
// two hosts can get the same port: the SYN was the other host's, and the first connection goes on with its numbers.
func (c *connection) mayLive() bool {
	h := c.tcp.HalfOpen
	return h != nil && h.By == tcpstate.AnsweredSyn && c.over()
}

// challengedIn records the challenge ACK of an earlier incarnation as the answer to this incarnation's SYN (RFC 5961
// §4.2).
func (c *connection) challengedIn(earlier *connection, seg *flows.Segment, effect tcpstate.Effect) {
	if c.challenged || !effect.Has(tcpstate.Challenge) {
		return
	}
	c.challenged, c.challengePacket = true, seg.Packet
	c.afterTimeWait = earlier.anyInTimeWait()
}

// succeededBy records the next incarnation. A connection that Linux accepts in TIME_WAIT gets an ISN that follows from
// the old numbers (tcp_timewait_state_process: SND.NXT + 65535 + 2).
func (c *connection) succeededBy(by *connection) {
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
// the listener answers as if it were new, and the client resets the answer (RFC 9293 §3.5, figure 8). With a handshake
// of two segments, an unwanted connection would open.

// outlived reports whether a SYN of the opener with the connection's ISN does not belong to the connection: it came
// after its sender had acknowledged or reset the SYN-ACK, or after the attempt's time limit. It is a late copy, or its
// sender reuses the number, as some devices do after a boot.
func (c *connection) outlived(seg *flows.Segment) bool {
	const (
		soonest = int64(time.Second) // after the last one: the first retransmission timeout (RFC 6298 §2.1)
		// the first timeout of RFC 1122 §4.2.3.1: a client may retry although it was answered
		latest = 3 * soonest
	)
	x, y := &c.tcp.Ends[c.opener], &c.tcp.Ends[1-c.opener]
	since := seg.Time - max(c.start, x.LastSynAt())
	_, answers := x.RcvNxt()
	switch {
	case sender(seg) != c.opener || c.self() || !x.HasSent:
		return false
	case reached(x) && (c.over() || c.anyInTimeWait()):
		return c.end < seg.Time && since > duplicateWithID
	case answers || c.openerReset() && x.State() == tcpstate.Closed:
		return since > soonest
	}
	return since > latest && (x.GaveUp(seg.Time) || y.GaveUp(seg.Time) || c.over() && x.Syns == 1)
}

// recent is how long the ISNs of a connection can be compared with those of the next one on the same sockets, in ns: in
// some stacks the clock behind them (RFC 6528 §3) wraps within minutes.
const recent = 60 * int64(time.Second)

// compareWithOlder compares the first segment of a connection with the earlier connections of its sockets. A copy has
// the number of an earlier SYN, or answers that SYN. A stale SYN has a lower number than the connection before.
func (c *connection) compareWithOlder(older *connection, seg *flows.Segment) {
	client, iss := sender(seg), seg.Seq
	if seg.Flags.Has(flows.SYN | flows.ACK) {
		client, iss = 1-client, seg.Ack-1
	}
	c.stale = older.onlySyns() && older.opener == client || older.anyInTimeWait()
	c.afterTimeWait = older.anyInTimeWait()
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

// noteGivenUp records that the same client gave up an earlier attempt, because a late copy of its SYN may still come.
func (c *connection) noteGivenUp(o *connection) {
	if x := &o.tcp.Ends[o.opener]; o.opener == c.opener && o.embryonic() && x.ISSKnown {
		c.gaveUp, c.givenUp = true, uint32(x.ISS)
	}
}

// expireUnderStale ends the TIME_WAIT of a listener that answered a stale SYN with a SYN-ACK, so its 2MSL was over.
func (c *connection) expireUnderStale(listener int, at int64) {
	if c.inTimeWait(listener) {
		c.tcp.Expire(listener, at)
	}
}

// appendStale appends what a stale SYN cost the listener.
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
