package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// quoted takes in an ICMP error about a segment. Only one that quotes the SYN's own number is believed (RFC 5927
// §4.1). A hard error ends an attempt (RFC 1122 §4.2.3.9); a synchronized connection does not care (RFC 5461).
func (a *Analyzer) quoted(seg *flows.Segment, tag uint32) {
	head := a.lookup(&seg.Key, tag)
	if head == nil {
		return
	}
	c := head
	for o := head; o != nil; o = o.older {
		if packetTooBig(seg.Quote) && o.tooBig(seg) {
			c = o
			break
		}
		if x := &o.tcp.Ends[sender(seg)]; seg.Quote.HasSeq && x.ISSKnown && x.ISS == tcpstate.Seq(seg.Seq) {
			c = o
			o.undeliverable(seg)
			a.follow(o, seg, tcpstate.Foreign)
			a.recount(o)
			a.schedule(o)
			break
		}
	}
	if a.options.Trace != nil {
		a.options.Trace(c.id, seg, 0)
	}
}

// undeliverable is an ICMP error about the SYN or SYN-ACK.
func (c *connection) undeliverable(seg *flows.Segment) {
	end := sender(seg)
	x := &c.tcp.Ends[end]
	switch {
	case !x.Known():
	case x.State() == tcpstate.SynSent && unreachable(seg.Quote):
		c.quotedHard, c.quotedPacket = true, seg.Packet
		c.tcp.Unreachable(end, seg.Time, seg.Packet)
	case x.State() == tcpstate.SynRcvd && hopeless(seg.Quote):
		c.tcp.Unreachable(end, seg.Time, seg.Packet)
	}
}

// unreachable reports an error that says the segment cannot be delivered: destination unreachable but for
// "fragmentation needed" (RFC 1191), time exceeded and parameter problem (RFC 792, RFC 4443 §3).
func unreachable(q *flows.Quote) bool {
	if q.V6 {
		return q.Type == 1 || q.Type == 3 || q.Type == 4
	}
	return q.Type == 3 && q.Code != 4 || q.Type == 11 || q.Type == 12
}

// hopeless reports an error that ends even a listener's half of a handshake: the other host cannot be reached at all. Linux
// keeps it for refusals by protocol, port or policy (tcp_req_err, icmp_err_convert: only fatal ones that are no forgery's
// favourite).
func hopeless(q *flows.Quote) bool {
	return unreachable(q) && (q.V6 || q.Type != 3 || q.Code <= 1)
}

// trackPath takes note of a segment that fits, for either end. Nxt is what SND.NXT of its sender was before it.
func (c *connection) trackPath(from, to int, seg *flows.Segment, nxt uint32) {
	if una, known := c.tcp.Ends[from].SndUna(); known {
		c.sides[from].path.Sends(seg, uint32(una), nxt)
	}
	if y := &c.sides[to].path; seg.Flags&(flows.ACK|flows.RST) == flows.ACK && y.Acknowledged(seg, c.tcp.Repeats(from)) {
		if y.TooLong() {
			c.noteLost(to)
		}
		y.Release()
	}
}

// noteLost makes the finding of what was sent again too often and was too long.
func (c *connection) noteLost(end int) {
	p := &c.sides[end].path
	p.Lose()
	again, first, last, _ := p.Unanswered()
	c.note(record.FindingPathMTU, end, p.Named, first, last).count += again - 1
}

// tooBig is an ICMP error that says that a segment was too long for the next link. Only one that quotes what is under way is believed
// (RFC 5927 §4.1).
func (c *connection) tooBig(seg *flows.Segment) bool {
	e := &c.tcp.Ends[sender(seg)]
	nxt, sent := e.SndNxt()
	una, acked := e.SndUna()
	if !seg.Quote.HasSeq || !sent || !acked || uint32(tcpstate.Seq(seg.Seq)-una) >= uint32(nxt-una) {
		return false
	}
	c.sides[sender(seg)].path.TooBig(seg.Quote.MTU, seg.Packet)
	return true
}

// packetTooBig reports "fragmentation needed" (RFC 792) and ICMPv6's "packet too big".
func packetTooBig(q *flows.Quote) bool {
	return q.V6 && q.Type == 2 || !q.V6 && q.Type == 3 && q.Code == 4
}
