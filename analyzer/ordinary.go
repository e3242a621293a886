package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Most connections live as the RFC has it: a handshake, requests and answers, two FINs, each segment where the one before it
// ended. Nobody asks what the rules make of such a life while it lasts. So its segments are only written down, and the rules read
// them all at once: when it ends, when somebody looks, or when a segment comes that was not expected. What must be known
// meanwhile is in which states the two ends are, and that follows from the flags.

// ordinary is a life that has been ordinary so far.
type ordinary struct {
	syn    embryo
	next   [2]uint32 // SND.NXT of each end
	acked  [2]uint32 // its last SEG.ACK
	stamps [2]uint32 // its last TSval, 0 for none
	at     int64     // time of the last segment
	packet uint64    // of the last segment
	waits  int64     // since when an end is in TIME_WAIT
	irs    uint32    // ISS of the end that has answered
	states [2]tcpstate.State
	count  int                            // lines
	pages  [maxLines / linesOnPage]uint32 // of lines
}

// line is what is written down of a segment after the SYN. All else follows from what came before it.
type line struct {
	passed               uint64 // since the segment before: nanoseconds, and in the last passedBits packets
	digest, tsVal, tsEcr uint32
	behind               uint16 // octets of its peer's that it does not acknowledge; of a SYN-ACK its MSS
	len                  uint16 // of a SYN-ACK its window scale and which options it has
	window, ipid         uint16
	headers, ttl         uint8
	flags, marks         uint8
}

// A life of more segments is no short one: the rules follow it from then on. A line has room for so many packets and for
// 275 seconds between two segments.
const (
	maxLines    = 16
	linesOnPage = 2
	passedBits  = 26
)

type lines [linesOnPage]line

// The bits of line.marks. Below them are the codepoint of ECN and the checksum.
const (
	markFromB = 1 << (4 + iota)
	markStamped
	markCut
)

// The bits of line.len of a SYN-ACK. Below them is the window scale.
const (
	optionMSS = 1 << (8 + iota)
	optionWScale
	optionSACK
)

// goesOn takes in a segment if it is what is expected next at a place, in an ordinary life. Otherwise it does nothing.
func (a *Analyzer) goesOn(n uint32, seg *flows.Segment) bool {
	p := a.table.places.At(n)
	if a.leaping || seg.Encap != nil || a.options.Trace != nil && (a.options.Traced == nil || a.options.Traced(&seg.Key)) {
		return false
	}
	switch p.kind {
	case bare:
		return a.answered(n, p, seg)
	case orderly:
		return a.proceeds(n, a.table.ordinary.At(p.where), seg)
	}
	return false
}

// answered begins an ordinary life if the segment is the SYN-ACK that the SYN at a place has asked for.
func (a *Analyzer) answered(n uint32, p *place, seg *flows.Segment) bool {
	e, opt := a.table.embryos.At(p.where), &seg.Options
	asked := e.flags&^(flows.ECE|flows.CWR) == flows.SYN && e.len == 0 && e.window != 0 && e.checksum != flows.ChecksumWrong &&
		e.options.HasTimestamp == (e.options.TSVal != 0) && e.options.MPTCP == flows.NoMPTCP && !e.options.FastOpen && !e.self()
	plain := flows.Options{
		HasMSS: opt.HasMSS, MSS: opt.MSS, HasWScale: opt.HasWScale, WScale: opt.WScale, SACKPermitted: opt.SACKPermitted,
		HasTimestamp: opt.HasTimestamp, TSVal: opt.TSVal, TSEcr: opt.TSEcr,
	}
	if !asked || seg.FromB == e.fromB || seg.Flags&^flows.ECE != flows.SYN|flows.ACK || seg.Ack != e.seq+1 || seg.Len > 0 || *opt != plain {
		return false
	}
	client, server := e.opener(), 1-e.opener()
	o := ordinary{syn: *e, at: e.at, packet: e.packet, irs: seg.Seq}
	o.next[client], o.next[server] = e.seq+1, seg.Seq+1
	o.acked[client], o.acked[server] = seg.Seq+1, seg.Ack
	o.stamps[client] = e.options.TSVal
	o.states[client], o.states[server] = tcpstate.SynSent, tcpstate.SynRcvd
	l, fits := o.line(seg)
	if !fits {
		return false
	}
	l.behind, l.len = opt.MSS, uint16(opt.WScale)
	for _, has := range [...]struct {
		is  bool
		bit uint16
	}{{opt.HasMSS, optionMSS}, {opt.HasWScale, optionWScale}, {opt.SACKPermitted, optionSACK}} {
		if has.is {
			l.len |= has.bit
		}
	}
	a.table.embryos.Drop(p.where)
	p.where, p.kind = a.table.ordinary.Take(), orderly
	kept := a.table.ordinary.At(p.where)
	*kept = o
	a.write(kept, seg, &l)
	kept.standing().count(&a.live, 1)
	told := kept.event(a)
	told.attempt.SynAckAt, told.synAck = seg.Time, crowd.ProbeOf(seg)
	a.tell(synAcked, &told)
	a.wakeAt(n, kept.syn.packet, kept.deadline(&a.options))
	return true
}

// proceeds takes in a segment of an ordinary life if it goes on with it.
func (a *Analyzer) proceeds(n uint32, o *ordinary, seg *flows.Segment) bool {
	from, to := sender(seg), 1-sender(seg)
	fin, opt := seg.Flags.Has(flows.FIN), &seg.Options
	behind := o.next[to] - seg.Ack
	if seg.Flags&(flows.SYN|flows.RST|flows.ACK) != flows.ACK || seg.Seq != o.next[from] || behind > o.next[to]-o.acked[from] ||
		*opt != (flows.Options{HasTimestamp: opt.HasTimestamp, TSVal: opt.TSVal, TSEcr: opt.TSEcr}) {
		return false
	}
	x, y := o.states[from], o.states[to]
	switch x {
	case tcpstate.SynSent: // it acknowledges the SYN-ACK
		if behind > 0 || fin {
			return false
		}
		x, y = tcpstate.Established, tcpstate.Established
	case tcpstate.Established:
		if fin {
			x, y = tcpstate.FinWait1, tcpstate.CloseWait
		}
	case tcpstate.FinWait1, tcpstate.FinWait2:
		if seg.Len > 0 || fin {
			return false
		}
	case tcpstate.CloseWait: // it acknowledges the FIN
		if behind > 0 {
			return false
		}
		if y = tcpstate.FinWait2; fin {
			x, y = tcpstate.LastAck, tcpstate.TimeWait
		}
	case tcpstate.TimeWait: // it acknowledges the other FIN
		if behind > 0 || seg.Len > 0 || fin || y != tcpstate.LastAck || a.options.AtClose {
			return false
		}
		y = tcpstate.Closed
	default:
		return false
	}
	l, fits := o.line(seg)
	if !fits || behind >= 1<<16 || seg.Len >= 1<<16 {
		return false
	}
	l.behind, l.len = uint16(behind), uint16(seg.Len)
	completes := o.states[from] == tcpstate.SynSent
	if completes {
		told := o.event(a)
		told.attempt.SynAckAt, told.attempt.AckAt = o.at, seg.Time
		a.tell(handshakeCompletes, &told)
	}
	if y == tcpstate.TimeWait && o.states[to] != y {
		o.waits = seg.Time
	}
	a.write(o, seg, &l)
	if o.next[from] += seg.Len; fin {
		o.next[from]++
	}
	o.acked[from] = seg.Ack
	if x != o.states[from] || y != o.states[to] {
		o.standing().count(&a.live, ^uint64(0)) // one less
		o.states[from], o.states[to] = x, y
		o.standing().count(&a.live, 1)
	}
	a.wakeAt(n, o.syn.packet, o.deadline(&a.options))
	return true
}

// line is that of a segment but for what it acknowledges and its length. It reports whether it has room for it, and whether
// nothing else about the segment is out of the ordinary.
func (o *ordinary) line(seg *flows.Segment) (l line, fits bool) {
	passed, packets, opt := seg.Time-o.at, seg.Packet-o.packet, &seg.Options
	older := opt.HasTimestamp && o.stamps[sender(seg)] != 0 && int32(opt.TSVal-o.stamps[sender(seg)]) < 0 // RFC 7323 §5.3
	if o.count == maxLines || passed < 0 || passed >= 1<<(64-passedBits) || packets >= 1<<passedBits || older || seg.Window == 0 ||
		seg.Checksum == flows.ChecksumWrong || seg.Headers >= 1<<8 || seg.Flags >= 1<<8 {
		return line{}, false
	}
	l = line{
		passed: uint64(passed)<<passedBits | packets, digest: seg.Digest, tsVal: opt.TSVal, tsEcr: opt.TSEcr,
		window: seg.Window, ipid: seg.IPID, headers: uint8(seg.Headers), ttl: seg.TTL, flags: uint8(seg.Flags),
		marks: uint8(seg.ECN) | uint8(seg.Checksum)<<2,
	}
	if seg.FromB {
		l.marks |= markFromB
	}
	if opt.HasTimestamp {
		l.marks |= markStamped
	}
	if seg.Cut {
		l.marks |= markCut
	}
	return l, true
}

// write puts a line behind the others.
func (a *Analyzer) write(o *ordinary, seg *flows.Segment, l *line) {
	n := &o.pages[o.count/linesOnPage]
	if o.count%linesOnPage == 0 {
		*n = a.table.lines.Take()
	}
	a.table.lines.At(*n)[o.count%linesOnPage] = *l
	o.count++
	o.at, o.packet, o.syn.heard = seg.Time, seg.Packet, a.clock
	if seg.Options.HasTimestamp {
		o.stamps[sender(seg)] = seg.Options.TSVal
	}
}

// read lets a connection that has taken in the SYN take in the segments that are written down.
func (a *Analyzer) read(c *connection, o *ordinary) {
	client := o.syn.opener()
	var next [2]uint32
	next[client] = o.syn.seq + 1
	seg := flows.Segment{Key: o.syn.key, Packet: o.syn.packet, Time: o.syn.at}
	var written [maxLines / linesOnPage]lines
	for i := range (o.count + linesOnPage - 1) / linesOnPage {
		written[i] = *a.table.lines.At(o.pages[i]) // one after the other, so that the processor fetches all at once
	}
	for i := range o.count {
		l := &written[i/linesOnPage][i%linesOnPage]
		seg.Time += int64(l.passed >> passedBits)
		seg.Packet += l.passed & (1<<passedBits - 1)
		seg.FromB, seg.Cut = l.marks&markFromB != 0, l.marks&markCut != 0
		seg.Flags, seg.Window, seg.Headers = flows.Flags(l.flags), l.window, uint16(l.headers)
		seg.TTL, seg.ECN, seg.IPID, seg.Digest, seg.Checksum = l.ttl, flows.ECN(l.marks&3), l.ipid, l.digest, flows.Checksum(l.marks>>2&3)
		seg.Options = flows.Options{HasTimestamp: l.marks&markStamped != 0, TSVal: l.tsVal, TSEcr: l.tsEcr}
		from := sender(&seg)
		if i == 0 {
			seg.Options.MSS, seg.Options.WScale = l.behind, uint8(l.len)
			seg.Options.HasMSS, seg.Options.HasWScale, seg.Options.SACKPermitted = l.len&optionMSS != 0, l.len&optionWScale != 0, l.len&optionSACK != 0
			seg.Seq, seg.Ack, seg.Len = o.irs, next[client], 0
			next[from] = seg.Seq + 1
		} else {
			seg.Seq, seg.Ack, seg.Len = next[from], next[1-from]-uint32(l.behind), uint32(l.len)
			if next[from] += seg.Len; seg.Flags.Has(flows.FIN) {
				next[from]++
			}
		}
		c.segment(&seg, passage{})
	}
	c.heard, c.stands = o.syn.heard, o.standing()
	if c.phase = answered; o.states[client] != tcpstate.SynSent {
		c.phase, c.first = completed, crowd.Probe{}
	}
}

// judge makes a connection of the ordinary life at a place, by the rules.
func (a *Analyzer) judge(n uint32) *connection {
	p := a.table.places.At(n)
	o := a.table.ordinary.At(p.where)
	c := a.table.awake.take()
	a.grow(c, &o.syn)
	a.read(c, o)
	a.table.forget(p.where)
	c.place = n
	p.where, p.kind = c.number, awake
	return c
}

// event is what happens to it now.
func (o *ordinary) event(a *Analyzer) event {
	syn := o.syn.segment()
	e := event{clock: a.clock, attempt: attemptBy(&o.syn.key, o.syn.opener()), probe: crowd.ProbeOf(&syn)}
	e.attempt.SynAt = o.syn.at
	return e
}

// standing is how it is counted.
func (o *ordinary) standing() standing {
	client := o.syn.opener()
	return standing{counted: true, client: uint8(o.states[client]) + 1, server: uint8(o.states[1-client]) + 1}
}

// deadline is when nothing more is expected of it, or earlier.
func (o *ordinary) deadline(opt *Options) int64 {
	switch {
	case o.waits != 0:
		return o.waits + 2*int64(opt.MSL)
	case o.embryonic():
		return o.syn.heard + int64(opt.EmbryonicLimit)
	}
	return o.syn.heard + int64(opt.IdleLimit)
}

// embryonic reports that the handshake is not completed.
func (o *ordinary) embryonic() bool { return o.states[o.syn.opener()] == tcpstate.SynSent }

// forget takes back what is written down of a life.
func (t *table) forget(n uint32) {
	o := t.ordinary.At(n)
	for i := 0; i < o.count; i += linesOnPage {
		t.lines.Drop(o.pages[i/linesOnPage])
	}
	t.ordinary.Drop(n)
}
