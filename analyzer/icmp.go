package analyzer

import (
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// quoted processes an ICMP error about a segment. It counts only if it quotes the SYN's own number (RFC 5927 §4.1). A
// hard error ends an attempt (RFC 1122 §4.2.3.9); a synchronized connection ignores it (RFC 5461).
func (a *Analyzer) quoted(seg *flows.Segment, tag uint32) {
	head := a.lookup(&seg.Key, tag)
	if head == nil {
		return
	}
	c := head
	for o := head; o != nil; o = o.older {
		x := &o.tcp.Ends[sender(seg)]
		ofSyn := seg.Quote.HasSeq && x.ISSKnown && x.ISS == tcpstate.Seq(seg.Seq)
		if seg.Quote.TooBig() && o.noteTooBig(seg) && !ofSyn {
			c = o
			break
		}
		if ofSyn {
			c = o
			o.noteUndeliverable(seg)
			a.follow(o, seg, tcpstate.Rejected)
			a.recount(o)
			a.schedule(o)
			break
		}
	}
	if a.options.Trace != nil {
		a.options.Trace(c.id, seg, 0)
	}
}

// noteUndeliverable records an ICMP error about the SYN or SYN-ACK.
func (c *connection) noteUndeliverable(seg *flows.Segment) {
	end := sender(seg)
	x := &c.tcp.Ends[end]
	if !x.Known() || reached(x) {
		return
	}
	ends := x.State() == tcpstate.SynSent && seg.Quote.Unreachable() ||
		x.State() == tcpstate.SynRcvd && hopeless(seg.Quote)
	if q := (quoted{
		packet: seg.Packet, from: flows.Addr(seg.Quote.From.As16()), mtu: seg.Quote.MTU,
		typ: seg.Quote.Type, code: seg.Quote.Code, hard: ends, ofSynAck: c.sides[end].synAcks > 0,
	}); c.icmp.packet == 0 || ends && !c.icmp.hard {
		c.icmp = q
	}
	if ends {
		c.tcp.Unreachable(end, seg.Time, seg.Packet)
	}
}

// quoted is an ICMP error about a SYN or a SYN-ACK; packet 0 means none.
type quoted struct {
	packet    uint64
	from      flows.Addr // the sender of the error
	mtu       uint32
	typ, code uint8
	hard      bool // it ended the attempt
	ofSynAck  bool
}

// refusesSyn reports whether the error is about the SYN, and ended the attempt.
func (q *quoted) refusesSyn() bool { return q.hard && !q.ofSynAck }

// quote is the error without what it is about.
func (q *quoted) quote(v6 bool) *flows.Quote { return &flows.Quote{V6: v6, Type: q.typ, Code: q.code} }

// prohibits reports whether the error says that a rule forbids the segment.
func (q *quoted) prohibits(v6 bool) bool { return q.packet != 0 && q.quote(v6).Prohibits() }

// of returns the error as a field of a record, nil if there is none.
func (q *quoted) of(v6 bool) *record.ICMP {
	if q.packet == 0 {
		return nil
	}
	r := &record.ICMP{
		Type: q.typ, Code: q.code, Meaning: q.quote(v6).Meaning(), From: flows.IP(q.from, v6),
		Packet: record.PacketNumber(q.packet), About: record.AboutSyn,
		MTU: record.Count{Number: uint64(q.mtu), Known: q.mtu > 0},
	}
	if q.ofSynAck {
		r.About = record.AboutSynAck
	}
	return r
}

// hopeless reports whether the error ends even a listener's half of a handshake: the other host cannot be reached at
// all. Linux does this only for refusals by protocol, port or policy (tcp_req_err, the fatal ones of icmp_err_convert).
func hopeless(q *flows.Quote) bool {
	return q.Unreachable() && (q.V6 || q.Type != 3 || q.Code <= 1)
}

// trackPath records what a segment shows about the path MTU of both directions. nxt is its sender's SND.NXT before it.
func (c *connection) trackPath(from, to int, seg *flows.Segment, nxt uint32) {
	if una, known := c.tcp.Ends[from].SndUna(); known {
		c.sides[from].path.Sends(seg, uint32(una), nxt)
	}
	if y := &c.sides[to].path; seg.Flags&(flows.ACK|flows.RST) == flows.ACK &&
		y.Acknowledged(seg, c.tcp.Repeats(from)) {
		if y.TooLong() {
			c.noteLost(to)
		}
		y.Release()
	}
}

// noteLost adds the finding path_mtu about long segments that were retransmitted too often.
func (c *connection) noteLost(end int) {
	p := &c.sides[end].path
	p.Lose()
	again, first, last, _ := p.Unanswered()
	c.note(record.FindingPathMTU, end, p.Named, first, last).count += again - 1
}

// noteTooBig records an ICMP error saying that a segment was too long for the next link. It reports false, and does
// nothing, if the error does not quote data under way (RFC 5927 §4.1).
func (c *connection) noteTooBig(seg *flows.Segment) bool {
	e := &c.tcp.Ends[sender(seg)]
	nxt, sent := e.SndNxt()
	una, acked := e.SndUna()
	if !seg.Quote.HasSeq || !sent || !acked || uint32(tcpstate.Seq(seg.Seq)-una) >= uint32(nxt-una) {
		return false
	}
	c.sides[sender(seg)].path.TooBig(seg.Quote.MTU, seg.Packet)
	return true
}

// appendWhy appends to the detail of a finding the cause that an ICMP error, or an address, shows.
func (c *connection) appendWhy(b []byte, code record.FindingCode) []byte {
	q := &c.icmp
	switch code {
	case record.FindingImpossibleAddress:
		a := c.key.A.NoHost(c.key.V6)
		if a == "" {
			a = c.key.B.NoHost(c.key.V6)
		}
		return append(append(b, "; the address is "...), a...)
	case record.FindingUnreachable, record.FindingFiltered:
		b = append(b, ": "...)
	case record.FindingUnanswered, record.FindingEmbryonic:
		if q.packet == 0 || q.prohibits(c.key.V6) {
			return b
		}
		b = append(b, ", but by ICMP: "...)
	default:
		return b
	}
	quote := q.quote(c.key.V6)
	b = append(b, quote.Meaning()...)
	if q.mtu > 0 {
		b = append(strconv.AppendUint(append(b, ", the next link takes "...), uint64(q.mtu), 10), " octets"...)
	}
	b = append(strconv.AppendUint(append(b, " (type "...), uint64(q.typ), 10), ", code "...)
	b = append(strconv.AppendUint(b, uint64(q.code), 10), ") from "...)
	b = flows.IP(q.from, c.key.V6).AppendTo(b)
	switch {
	case quote.Expired():
		b = append(b, ", so the route is a loop, or the sender limited the hops as traceroute does"...)
	case quote.OfPort(): // a TCP does not send it about a segment; it sends an RST (RFC 9293 §3.10.7.1)
		b = append(b, ", though a TCP answers with an RST itself: a firewall rejects it there"...)
	}
	return b
}
