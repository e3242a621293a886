package analyzer

import (
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// A SYN can reach a listener long after it was sent, when its connection has closed or its client has given up. Then the
// listener answers as if it were new, and the client disowns the answer (RFC 9293 §3.5, figure 8). A handshake of two
// segments would have opened a connection that nobody wants.

// outlived reports that a SYN of the opener's with the connection's own number is none of its transmissions: it came after its
// sender had answered the SYN-ACK or disowned it, or when the attempt was given up. It is a late copy, or its sender begins
// again with the same number, as devices do that boot.
func (c *connection) outlived(seg *flows.Segment) bool {
	const (
		soonest = int64(time.Second) // after the last one: the first retransmission timeout (RFC 6298 §2.1)
		latest  = 3 * soonest        // what it was before (RFC 1122 §4.2.3.1), for one that tries again though it was answered
	)
	x, y := &c.tcp.Ends[c.opener], &c.tcp.Ends[1-c.opener]
	since := seg.Time - max(c.start, x.LastSynAt())
	_, answers := x.RcvNxt()
	switch {
	case sender(seg) != c.opener || c.self() || !x.Spoke:
		return false
	case reached(x) && (c.over() || c.waits()):
		return c.end < seg.Time && since > duplicateWithID
	case answers || c.disowned() && x.State() == tcpstate.Closed:
		return since > soonest
	}
	return since > latest && (x.GaveUp(seg.Time) || y.GaveUp(seg.Time) || c.over() && x.Syns == 1)
}

// recent is how long the numbers of a connection say something of those of the next one with the same sockets, in ns: they come
// from a clock (RFC 6528 §3) that in some stacks goes around in minutes.
const recent = 60 * int64(time.Second)

// follows compares the segment that begins the connection with what is known of its sockets. A copy has a number that an
// earlier SYN had, or answers that one; an old SYN has a lower number than the connection before.
func (c *connection) follows(older *connection, seg *flows.Segment) {
	client, iss := sender(seg), seg.Seq
	if seg.Flags.Has(flows.SYN | flows.ACK) {
		client, iss = 1-client, seg.Ack-1
	}
	c.stale = older.onlySyns() && older.opener == client || older.waits()
	c.beforeWaits = older.waits()
	for o := older; o != nil; o = o.older {
		x := &o.tcp.Ends[client]
		c.copied = c.copied || o.opener == client && (x.ISSKnown && x.ISS == tcpstate.Seq(iss) || o.gaveUp && o.givenUp == iss)
	}
	x := &older.tcp.Ends[client]
	stamp, stamped := x.TSSent()
	newer := stamped && seg.Options.HasTimestamp && int32(seg.Options.TSVal-stamp) > 0 // RFC 6191
	c.old = c.copied || opens(seg) && older.opener == client && reached(x) && x.ISSKnown && !newer && seg.Time-older.end < recent &&
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
