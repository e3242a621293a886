package analyzer

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/usage"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/ledger"
)

// Most connections follow the RFC's example: a handshake, requests and answers, two FINs, and each segment begins where
// the one before it ended. Segments of such a connection are only stored. The rules read them all at once when it ends,
// when its record is needed earlier, or when an unexpected segment comes. Until then the flags show the states of the
// two ends.

// ordinary is a connection that has been ordinary so far. It takes one line of a processor's cache.
type ordinary struct {
	lastAt  int64     // time of the last segment
	late    uint32    // by how many ns the clock was beyond that time
	packets uint32    // from the SYN to the last segment
	asked   uint32    // number of the attempt
	last    uint32    // block of stored lines, 0 for none
	next    [2]uint32 // SND.NXT of each end
	behind  [2]uint16 // octets of its peer that each end has not acknowledged, or more
	closing uint32    // ns from the second FIN to what acknowledges it
	states  [2]tcpstate.State
	count   uint8 // stored lines
	used    uint8 // bytes of the last block
	coding
}

// block holds some bytes of the stored lines of a connection. A line may begin in one block and end in the next.
type block struct {
	bytes  [28]byte
	before uint32 // block, 0 for none
}

const (
	blockBytes = uint8(len(block{}.bytes))
	mostBlocks = (maxLines*lineBytes + int(blockBytes) - 1) / int(blockBytes)
)

// stored is what an ordinary connection was stored as.
type stored struct {
	attempt
	irs   uint32 // ISS of the end that has answered
	lines [maxLines]line
}

// tryExpected processes a segment if it is the expected next one at a place. Otherwise it does nothing.
func (a *Analyzer) tryExpected(n uint32, seg *flows.Segment) bool {
	p := a.table.places.At(n)
	if a.jumping || a.options.Trace != nil && (a.options.Traced == nil || a.options.Traced(&seg.Key)) {
		return false
	}
	switch p.kind {
	case kindAwake:
		return a.tryPredicted(a.table.awake.at(p.where), seg)
	case kindAttempt:
		return seg.Encap == nil && a.tryBegin(n, p, seg)
	case kindOrdinary:
		return seg.Encap == nil && a.tryContinue(n, p, seg)
	}
	return false
}

// tryBegin begins an ordinary connection if the segment is the SYN-ACK that answers the SYN at a place.
func (a *Analyzer) tryBegin(n uint32, p *place, seg *flows.Segment) bool {
	var e attempt
	a.table.attempts.read(p.where, &e)
	asks := e.len == 0 && e.syn.window != 0 && e.syn.checksum() != flows.ChecksumWrong && !e.self() &&
		!e.syn.stampedZero()
	client, server := e.opener(), 1-e.opener()
	if !asks || sender(seg) == client || seg.Flags&^flows.ECE != flows.SYN|flows.ACK || seg.Ack != e.seq+1 ||
		seg.Len > 0 {
		return false
	}
	number := a.table.ordinary.Take()
	o := a.table.ordinary.At(number)
	*o = ordinary{lastAt: e.at, asked: p.where, used: blockBytes}
	o.begin(&e.syn)
	o.next[client], o.next[server] = e.seq+1, seg.Seq+1
	o.states[client], o.states[server] = tcpstate.SynSent, tcpstate.SynRcvd
	if !a.canStore(o, seg, e.packet) {
		a.table.ordinary.Drop(number)
		return false
	}
	p.where, p.kind = number, kindOrdinary
	a.write(o, seg, e.packet, 0)
	o.standing().count(&a.live, 1)
	told := a.nextOf(synAcked, &e)
	told.attempt.SynAckAt = seg.Time
	told.granted = crowd.OptionsOf(seg)
	a.enter(told)
	a.wakeAt(n, e.packet, o.deadline(&a.options))
	return true
}

// tryContinue processes a segment if it continues an ordinary connection.
func (a *Analyzer) tryContinue(n uint32, p *place, seg *flows.Segment) bool {
	o := a.table.ordinary.At(p.where)
	id, _ := a.table.attempts.last(o.asked)
	from, to := sender(seg), 1-sender(seg)
	fin, behind := seg.Flags.Has(flows.FIN), o.next[to]-seg.Ack
	if seg.Flags&(flows.SYN|flows.RST|flows.ACK) != flows.ACK || seg.Seq != o.next[from] ||
		behind > uint32(o.behind[from]) {
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
		if behind > 0 || seg.Len > 0 || fin || y != tcpstate.LastAck || seg.Time-o.lastAt > math.MaxUint32 {
			return false
		}
		y = tcpstate.Closed
	default:
		return false
	}
	if !a.canStore(o, seg, id) {
		return false
	}
	if o.embryonic() {
		var e attempt
		a.table.attempts.read(o.asked, &e)
		told := a.nextOf(handshakeCompletes, &e)
		told.attempt.SynAckAt, told.attempt.AckAt = o.lastAt, seg.Time
		a.enter(told)
	}
	if y == tcpstate.Closed {
		o.closing = uint32(seg.Time - o.lastAt)
	}
	a.write(o, seg, id, uint16(behind))
	sent := seg.Len + uint32(bit(fin))
	o.next[from] += sent
	o.behind[from], o.behind[to] = uint16(behind), uint16(min(uint32(o.behind[to])+sent, math.MaxUint16))
	if x != o.states[from] || y != o.states[to] {
		o.standing().count(&a.live, ^uint64(0)) // one less
		o.states[from], o.states[to] = x, y
		o.standing().count(&a.live, 1)
		a.wakeAt(n, id, o.deadline(&a.options)) // otherwise the deadline only moves later
	}
	if y == tcpstate.Closed && a.options.AtClose {
		c := a.peek(n)
		c.reported = false // until now
		a.reportClosed(c)
	}
	return true
}

// canStore reports whether the line of a segment can be stored after the others, and nothing about it is unusual. The
// id is the packet of the SYN.
func (a *Analyzer) canStore(o *ordinary, seg *flows.Segment, id uint64) bool {
	passed, packets := seg.Time-o.lastAt, seg.Packet-id
	if opt := &seg.Options; opt.HasTimestamp {
		last := o.stamps[sender(seg)]
		if opt.TSVal == 0 || last != 0 && int32(opt.TSVal-last) < 0 { // RFC 7323 §5.3
			return false
		}
	}
	return o.count < maxLines && passed >= 0 && passed < 1<<(8*timeBytes) && packets >= uint64(o.packets) &&
		packets <= math.MaxUint32 && a.clock-seg.Time <= math.MaxUint32 && seg.Window != 0 &&
		seg.Checksum != flows.ChecksumWrong && fits(seg)
}

// write stores the line of a segment after the others.
func (a *Analyzer) write(o *ordinary, seg *flows.Segment, id uint64, behind uint16) {
	l := line{passed: uint64(seg.Time - o.lastAt), packets: uint32(seg.Packet-id) - o.packets, behind: behind}
	l.set(seg)
	var written code
	for b := written[:o.coding.write(&written, &l)]; len(b) > 0; {
		if o.used == blockBytes {
			n := a.table.blocks.Take()
			a.table.blocks.At(n).before = o.last
			o.last, o.used = n, 0
		}
		n := copy(a.table.blocks.At(o.last).bytes[o.used:], b)
		o.used, b = o.used+uint8(n), b[n:]
	}
	o.count++
	o.lastAt, o.packets, o.late = seg.Time, uint32(seg.Packet-id), uint32(a.clock-seg.Time)
}

// read reads what an ordinary connection was stored as.
func (t *table) read(o *ordinary, to *stored) {
	to.attempt = attempt{}
	t.attempts.read(o.asked, &to.attempt)
	first := mostBlocks
	for n := o.last; n != 0; n = t.blocks.At(n).before {
		first--
		*(*[blockBytes]byte)(t.written[first*int(blockBytes):]) = t.blocks.At(n).bytes
	}
	var k coding
	k.begin(&to.syn)
	b := t.written[first*int(blockBytes):]
	server := 1 - to.opener()
	to.irs = o.next[server] - 1
	for i := range to.lines[:o.count] {
		l := &to.lines[i]
		if b = k.read(b, l); i > 0 && l.sender() == server {
			to.irs -= uint32(l.len) + uint32(l.flags&uint8(flows.FIN))
		}
	}
}

// eachLine calls visit with each stored segment after the SYN, until visit returns false. It reports whether visit
// never did. Each time the segment is in seg.
func (o *ordinary) eachLine(written *stored, seg *flows.Segment, visit func(*flows.Segment) bool) bool {
	client := o.opener()
	var next [2]uint32
	next[client], next[1-client] = written.seq+1, written.irs
	*seg = flows.Segment{Key: written.key, Packet: written.packet, Time: written.at}
	for i := range o.count {
		l := &written.lines[i]
		l.read(seg)
		from, behind := sender(seg), uint32(l.behind)
		if i == 0 {
			behind = 0
		}
		seg.Time += int64(l.passed)
		seg.Packet += uint64(l.packets)
		seg.Seq, seg.Ack = next[from], next[1-from]-behind
		if next[from] += seg.Len; seg.Flags&(flows.SYN|flows.FIN) != 0 {
			next[from]++
		}
		if !visit(seg) {
			return false
		}
	}
	return true
}

// judge turns the ordinary connection at a place into one that the rules follow.
func (a *Analyzer) judge(n uint32) *connection {
	c := a.table.awake.take()
	a.read(c, a.table.ordinary.At(a.table.places.At(n).where))
	a.replace(n, c)
	return c
}

// read passes the stored segments to a connection.
func (a *Analyzer) read(c *connection, o *ordinary) {
	var written stored
	a.table.read(o, &written)
	a.expand(c, &written.attempt)
	o.eachLine(&written, &a.stored, func(seg *flows.Segment) bool {
		c.segment(seg, passage{})
		return true
	})
	a.inherit(c, o)
}

// inherit gives a connection what an ordinary one knows besides its segments.
func (a *Analyzer) inherit(c *connection, o *ordinary) {
	c.heard, c.stands = o.heard(), o.standing()
	if c.phase = answered; !o.embryonic() {
		c.phase, c.first = completed, crowd.Probe{}
	}
	if c.reported = a.options.AtClose && o.isComplete(); c.reported {
		c.waitedAtClose = [2]bool{c.inTimeWait(0), c.inTimeWait(1)}
	}
}

// replace replaces the ordinary connection at a place with the connection made from it.
func (a *Analyzer) replace(n uint32, c *connection) {
	p := a.table.places.At(n)
	a.table.forget(p.where)
	c.place = n
	p.where, p.kind = c.number, kindAwake
}

// nextOf is next for an event of an attempt.
func (a *Analyzer) nextOf(kind eventKind, e *attempt) *event {
	var syn flows.Segment
	e.segment(&syn)
	told := a.next(kind)
	setSockets(&told.attempt, &e.key, e.opener())
	told.probe.Set(&syn)
	told.attempt.SynAt = e.at
	return told
}

// opener returns the end that sent the SYN.
func (o *ordinary) opener() int { return int(o.marks >> 4 & 1) }

// heard returns what the clock was at the last packet.
func (o *ordinary) heard() int64 { return o.lastAt + int64(o.late) }

// standing returns how the connection is counted in Live.
func (o *ordinary) standing() standing {
	client := o.opener()
	return standing{counted: true, client: uint8(o.states[client]) + 1, server: uint8(o.states[1-client]) + 1}
}

// deadline returns when the connection must be looked at, if no more segments come.
func (o *ordinary) deadline(opt *Options) int64 {
	switch {
	case o.waits():
		return o.lastAt - int64(o.closing) + 2*int64(opt.MSL)
	case o.embryonic():
		return o.heard() + int64(opt.EmbryonicLimit)
	}
	return o.heard() + int64(opt.IdleLimit)
}

// waits reports whether an end is in TIME_WAIT.
func (o *ordinary) waits() bool {
	return o.states[0] == tcpstate.TimeWait || o.states[1] == tcpstate.TimeWait
}

// embryonic reports whether the handshake is not complete.
func (o *ordinary) embryonic() bool { return o.states[o.opener()] == tcpstate.SynSent }

// forget frees an ordinary connection, and what it is stored as.
func (t *table) forget(n uint32) {
	if t.index == nil {
		return // at the end nothing needs the room
	}
	o := t.ordinary.At(n)
	for b := o.last; b != 0; b = t.blocks.At(b).before {
		t.blocks.Drop(b)
	}
	t.attempts.drop(o.asked)
	t.ordinary.Drop(n)
}

// judgeWhole prepares a record that ends now. For a connection that was ordinary up to two acknowledged FINs it does
// what judge does, but without the rules: tcpstate.Ordinary gives the same result. It does not change others.
func (a *Analyzer) judgeWhole(n uint32) {
	p := a.table.places.At(n)
	if p.kind != kindOrdinary || !a.table.ordinary.At(p.where).isComplete() {
		return
	}
	o, c := a.table.ordinary.At(p.where), a.table.awake.take()
	var written stored
	a.table.read(o, &written)
	if !a.buildComplete(c, o, &written) {
		a.table.awake.release(c) // the rules may find more in it
		return
	}
	a.replace(n, c)
}

// isComplete reports whether both FINs were sent and acknowledged.
func (o *ordinary) isComplete() bool {
	x, y := o.states[0], o.states[1]
	return x == tcpstate.Closed && y == tcpstate.TimeWait || y == tcpstate.Closed && x == tcpstate.TimeWait
}

// buildComplete makes c what the rules would make of a complete connection. It returns false if they may find more in
// it.
func (a *Analyzer) buildComplete(c *connection, o *ordinary, written *stored) bool {
	client, server := o.opener(), 1-o.opener()
	var syn flows.Segment
	written.segment(&syn)
	life := &a.life
	*life = tcpstate.Ordinary{Opener: client}
	life.ISS[client], life.ISS[server] = tcpstate.Seq(written.seq), tcpstate.Seq(written.irs)
	life.Next = [2]tcpstate.Seq{tcpstate.Seq(o.next[0]), tcpstate.Seq(o.next[1])}
	c.begin(&syn, nil)
	c.noPeers, c.opener, c.role = a.options.NoPeers, client, record.RoleSyn
	life.Begin(&c.tcp)
	skim := func(seg *flows.Segment) bool { return c.countOrdinary(life, seg) }
	if !skim(&syn) || !o.eachLine(written, &a.stored, skim) {
		return false
	}
	life.End(&c.tcp)
	a.inherit(c, o)
	return true
}

// countOrdinary counts the next segment of a complete connection. It returns false if the rules may find more in it.
func (c *connection) countOrdinary(life *tcpstate.Ordinary, seg *flows.Segment) bool {
	from, fin := sender(seg), seg.Flags.Has(flows.FIN)
	x, y := &c.sides[from], &c.sides[1-from]
	now := tcpstate.Passed{At: seg.Time, Packet: seg.Packet, Seq: tcpstate.Seq(seg.Seq), Ack: tcpstate.Seq(seg.Ack)}
	if seg.Options.HasTimestamp != c.first.HasTimestamp() || !life.Segment(from, now, seg.Len, fin) {
		return false // it may be another host's, or the rules may find more in it
	}
	c.peersSee(seg)
	x.count(seg)
	x.countFlags(seg)
	x.sums.Sent(seg, seg.Seq, true)
	c.offers.Segment(from, seg)
	if seg.Len > 0 {
		c.countText(from, seg)
	}
	if from == c.opener && x.packets > 1 {
		c.usage.Opened(seg.Time)
	}
	if fin {
		c.usage.Closed(seg.Time)
		if x.finPacket, x.firstAckOfFin = seg.Packet, y.fins > 0 && !y.finAcked; y.fins == 0 {
			c.finIdle, c.finIdleKnown = seg.Time-c.end, true
		}
	}
	if seg.Flags.Has(flows.ACK) {
		y.synAnswer = record.Yes
	}
	if y.fins > 0 && !y.finAcked {
		y.finAcked, y.finAckedAt = true, seg.Time
	}
	c.end = seg.Time
	return true
}

// line is what is known of a segment. What it lacks follows from the segments before.
type line struct {
	passed               uint64 // ns since the segment before; in a SYN without ACK, SEG.ACK
	packets              uint32 // since the segment before
	digest, tsVal, tsEcr uint32
	behind               uint16 // octets sent by its peer that it does not acknowledge; in a SYN, the MSS
	len                  uint16 // in a SYN, the window scale, and which options it has
	window, ipid         uint16
	headers, ttl         uint8
	flags, marks         uint8
}

// The bits of line.marks. The first two are the codepoint of ECN, the next two the checksum.
const (
	markFromB = 1 << (4 + iota)
	markStamped
	markCut
	markAE
)

// The bits of line.len in a SYN, after those of the window scale.
const (
	optionMSS = 1 << (8 + iota)
	optionWScale
	optionSACK
)

// fits reports whether a line can hold a segment. Long segments and rare options do not fit.
func fits(seg *flows.Segment) bool {
	o := &seg.Options
	if o.HasSACK || o.FastOpen || o.MPTCP != flows.NoMPTCP || o.Signed || o.Cut || seg.Headers >= 1<<8 {
		return false
	}
	return seg.Flags.Has(flows.SYN) || seg.Len < 1<<16 && !o.HasMSS && !o.HasWScale && !o.SACKPermitted
}

// set stores a segment that fits, except passed, packets and behind. It writes each field to its final place: a
// processor stalls when it copies in one piece what it has just written in several.
func (l *line) set(seg *flows.Segment) {
	o := &seg.Options
	l.digest, l.tsVal, l.tsEcr, l.window, l.ipid = seg.Digest, o.TSVal, o.TSEcr, seg.Window, seg.IPID
	l.headers, l.ttl, l.flags = uint8(seg.Headers), seg.TTL, uint8(seg.Flags)
	l.marks = uint8(seg.ECN) | uint8(seg.Checksum)<<2 | uint8(bit(seg.FromB)*markFromB|
		bit(o.HasTimestamp)*markStamped|bit(seg.Cut)*markCut|bit(seg.Flags.Has(flows.AE))*markAE)
	if l.len = uint16(seg.Len); seg.Flags.Has(flows.SYN) {
		l.behind, l.len = o.MSS, uint16(o.WScale)|bit(o.HasMSS)*optionMSS|bit(o.HasWScale)*optionWScale|
			bit(o.SACKPermitted)*optionSACK
	}
}

// bit is 1 for true.
func bit(is bool) (n uint16) {
	if is {
		n = 1
	}
	return n
}

// read sets the fields of a segment that the line holds, except the text of a SYN.
func (l *line) read(seg *flows.Segment) {
	seg.FromB, seg.Cut = l.marks&markFromB != 0, l.marks&markCut != 0
	seg.Flags = flows.Flags(l.flags)
	if l.marks&markAE != 0 {
		seg.Flags |= flows.AE
	}
	seg.Window, seg.Headers, seg.TTL, seg.IPID = l.window, uint16(l.headers), l.ttl, l.ipid
	seg.ECN, seg.Checksum, seg.Digest = flows.ECN(l.marks&3), l.checksum(), l.digest
	seg.Options = flows.Options{HasTimestamp: l.marks&markStamped != 0, TSVal: l.tsVal, TSEcr: l.tsEcr}
	if !seg.Flags.Has(flows.SYN) {
		seg.Len = uint32(l.len)
		return
	}
	opt := &seg.Options
	opt.MSS, opt.WScale = l.behind, uint8(l.len)
	opt.HasMSS, opt.HasWScale, opt.SACKPermitted = l.len&optionMSS != 0, l.len&optionWScale != 0, l.len&optionSACK != 0
}

// options returns the options of a SYN.
func (l *line) options() record.Options {
	return record.Options{
		MSS:           record.Count{Number: uint64(l.behind), Known: l.len&optionMSS != 0},
		WScale:        record.Count{Number: uint64(uint8(l.len)), Known: l.len&optionWScale != 0},
		SACKPermitted: l.len&optionSACK != 0, Timestamps: l.marks&markStamped != 0,
	}
}

// sender returns the end that sent the segment.
func (l *line) sender() int { return int(l.marks >> 4 & 1) }

func (l *line) checksum() flows.Checksum { return flows.Checksum(l.marks >> 2 & 3) }

// stampedZero reports whether the segment has a timestamp of 0.
func (l *line) stampedZero() bool { return l.marks&markStamped != 0 && l.tsVal == 0 }

// coding is what the next line of an ordinary connection is compared with. A line is stored as what differs from the
// expected one, in some 15 bytes.
type coding struct {
	stamps       [2]uint32 // last TSval of each end, 0 for none
	window, ipid [2]uint16 // last of each end
	ttl          [2]uint8
	headers      uint8 // last of both
	marks        uint8 // of the SYN
}

// A connection of more than maxLines segments after its SYN is not short: the rules follow it from then on.
const (
	maxLines  = 16
	lineBytes = 38 // that a line takes at most
	timeBytes = 5  // that its time takes at most
)

// The first byte of a stored line: its sender, whether it has text, and which of its traits differ from the expected
// ones. Then come the bytes of its packets, less one, and those of its time, less two. The time is in microseconds, but
// nanoseconds if it takes five bytes.
const (
	codeText = 1 << (1 + iota)
	codeUsual
	codeRare
	codePackets = 4
	codeTime    = 6
)

// traits packs the fields that can be expected: those that lines of an end mostly share, and others.
func (l *line) traits() (usual, rare uint64) {
	return uint64(l.window) | uint64(l.ipid)<<16 | uint64(l.flags)<<32 | uint64(l.marks)<<40 |
		uint64(l.headers)<<48 | uint64(l.ttl)<<56, uint64(l.tsEcr) | uint64(l.behind)<<32
}

// setTraits unpacks what traits packed.
func (l *line) setTraits(usual, rare uint64) {
	l.window, l.ipid, l.flags, l.marks = uint16(usual), uint16(usual>>16), uint8(usual>>32), uint8(usual>>40)
	l.headers, l.ttl, l.tsEcr, l.behind = uint8(usual>>48), uint8(usual>>56), uint32(rare), uint16(rare>>32)
}

// begin begins with the SYN.
func (k *coding) begin(syn *line) {
	*k = coding{marks: syn.marks}
	k.follow(syn)
}

// follow makes a line the last one.
func (k *coding) follow(l *line) {
	from := l.sender()
	k.window[from], k.ipid[from], k.ttl[from], k.headers = l.window, l.ipid, l.ttl, l.headers
	if l.marks&markStamped != 0 {
		k.stamps[from] = l.tsVal
	}
}

// expected returns the most likely traits of the next line of an end, with text or without.
func (k *coding) expected(from, text uint8) (usual, rare uint64) {
	l := line{window: k.window[from], ipid: k.ipid[from], headers: k.headers, ttl: k.ttl[from],
		flags: uint8(flows.ACK) | text*uint8(flows.PSH), marks: k.marks&^markFromB | from*markFromB}
	if l.ipid != 0 {
		l.ipid++
	}
	if l.marks&markStamped != 0 {
		l.tsEcr = k.stamps[1-from]
	}
	return l.traits()
}

// code is a stored line, and room to write its numbers in one piece.
type code [lineBytes + 8]byte

// write writes a line to b, and returns how many bytes it takes.
func (k *coding) write(b *code, l *line) (n int) {
	from, text := uint8(l.sender()), uint8(bit(l.len > 0))
	usual, rare := l.traits()
	x, y := k.expected(from, text)
	b[0], n = from|text*codeText, 1
	if usual != x {
		b[0] |= codeUsual
		n = b.putBytes(n, usual^x)
	}
	if rare != y {
		b[0] |= codeRare
		n = b.putBytes(n, rare^y)
	}
	time, size := l.passed, timeBytes
	if micros := time / 1000; micros*1000 == time {
		time, size = micros, max(2, (bits.Len64(micros)+7)/8)
	}
	packets := max(1, (bits.Len32(l.packets)+7)/8)
	b[0] |= uint8(packets-1)<<codePackets | uint8(size-2)<<codeTime
	n = b.put(n, time, size)
	n = b.put(n, uint64(l.digest)|uint64(l.packets)<<32, 4+packets)
	if text > 0 {
		n += binary.PutUvarint(b[n:], uint64(l.len))
	}
	if l.marks&markStamped != 0 {
		n += binary.PutUvarint(b[n:], uint64(l.tsVal-k.stamps[from]))
	}
	k.follow(l)
	return n
}

// put writes the lower bytes of a number at n, and returns the place after them.
func (b *code) put(n int, v uint64, size int) int {
	binary.LittleEndian.PutUint64(b[n:], v)
	return n + size
}

// putBytes writes which bytes of a number are not 0, and these.
func (b *code) putBytes(n int, v uint64) int {
	at, which := n, uint8(0)
	for n++; v != 0; v &^= 0xff << (bits.TrailingZeros64(v) &^ 7) {
		i := bits.TrailingZeros64(v) / 8
		b[n], which = byte(v>>(8*i)), which|1<<i
		n++
	}
	b[at] = which
	return n
}

// read reads a line that write wrote at the beginning of b, and returns the bytes after it. At least eight must follow.
func (k *coding) read(b []byte, l *line) []byte {
	first := b[0]
	b = b[1:]
	from, text := first&1, first&codeText/codeText
	usual, rare := k.expected(from, text)
	if first&codeUsual != 0 {
		d, rest := getBytes(b)
		usual, b = usual^d, rest
	}
	if first&codeRare != 0 {
		d, rest := getBytes(b)
		rare, b = rare^d, rest
	}
	*l = line{}
	l.setTraits(usual, rare)
	size := int(first>>codeTime) + 2
	if l.passed, b = get(b, size); size < timeBytes {
		l.passed *= 1000
	}
	v, b := get(b, int(first>>codePackets&3)+5)
	l.digest, l.packets = uint32(v), uint32(v>>32)
	if text > 0 {
		n, size := binary.Uvarint(b)
		l.len, b = uint16(n), b[size:]
	}
	if l.marks&markStamped != 0 {
		n, size := binary.Uvarint(b)
		l.tsVal, b = k.stamps[from]+uint32(n), b[size:]
	}
	k.follow(l)
	return b
}

// get reads what put wrote, and getBytes what putBytes wrote.
func get(b []byte, size int) (v uint64, rest []byte) {
	return binary.LittleEndian.Uint64(b) << (64 - 8*size) >> (64 - 8*size), b[size:]
}

func getBytes(b []byte) (v uint64, rest []byte) {
	which, n := b[0], 1
	for ; which != 0; which &= which - 1 {
		v |= uint64(b[n]) << (8 * bits.TrailingZeros8(which))
		n++
	}
	return v, b[n:]
}

// Most connections are ordinary up to their end, and a table shows only a few of them. With Options.Whole, such a
// connection gets a brief record, just enough to decide whether it is needed whole. Its tracker adds it to the sums,
// and puts its segments into the journal. The whole record is made from these if Whole asks for it.

// endedOrdinary is an ordinary connection at its end. The fields for a brief record come first.
type endedOrdinary struct {
	at      int64 // the end of its record
	by      record.EndedBy
	stay    record.TimeWait
	options record.Options // of the client
	usage   record.Pattern
	turns   uint64
	ordinary
	stored
}

// endBriefly ends the record at a place for a reason, if a brief record can suffice. Otherwise it does nothing.
func (a *Analyzer) endBriefly(n uint32, at int64, by record.EndedBy) bool {
	p := a.table.places.At(n)
	if a.options.Whole == nil || p.kind != kindOrdinary {
		return false
	}
	o := a.table.ordinary.At(p.where)
	if !o.isComplete() || a.options.AtClose {
		return false
	}
	s := a.nextEnded()
	s.ordinary, s.at, s.by = *o, at, by
	a.table.read(o, &s.stored)
	t := &a.ordinarySums
	if !s.key.Hosts() || !t.read(s) || t.usage.Silence(at) > 0 {
		return false
	}
	t.fill(s, &a.options)
	a.sums.Sum(&t.record)
	t.stay(s, a.sums)
	e := a.next(briefEnds)
	t.tell(e, s)
	o.standing().count(&a.live, ^uint64(0)) // one less
	where := p.where
	a.table.remove(&s.key, n)
	a.table.forget(where)
	a.enter(e)
	return true
}

// ordinarySums is what the segments of an ended ordinary connection add up to.
type ordinarySums struct {
	tcpstate.Ordinary
	usage    usage.Usage
	text     [2]uint64         // octets that each end sent
	ttl      uint8             // of the server's first segment after the SYN-ACK; 0: not known
	record   record.Connection // what package ledger sums up; other fields are never set
	idleness record.Idle       // the record's
}

// read reads the segments of s. It returns false if the rules may find more in them.
func (t *ordinarySums) read(s *endedOrdinary) bool {
	client, server := s.ordinary.opener(), 1-s.ordinary.opener()
	t.Ordinary, t.usage, t.text, t.ttl = tcpstate.Ordinary{Opener: client}, usage.Usage{}, [2]uint64{}, 0
	now := tcpstate.Passed{At: s.attempt.at, Packet: s.packet, Seq: tcpstate.Seq(s.seq)}
	t.Segment(client, now, 0, false)
	var next [2]uint32
	next[client], next[server] = s.seq+1, s.irs
	for i := range s.count {
		l := &s.lines[i]
		from, text, behind := l.sender(), uint32(l.len), uint32(l.behind)
		fin := l.flags&uint8(flows.FIN) != 0
		if i == 0 { // in a SYN-ACK these fields hold options
			text, behind = 0, 0
		}
		now.At += int64(l.passed)
		now.Packet += uint64(l.packets)
		now.Seq, now.Ack = tcpstate.Seq(next[from]), tcpstate.Seq(next[1-from]-behind)
		if (l.marks^s.syn.marks)&markStamped != 0 || !t.Segment(from, now, text, fin) {
			return false
		}
		if next[from] += text; i == 0 || fin {
			next[from]++
		}
		if t.text[from] += uint64(text); text > 0 {
			t.usage.Text(from, client, now.At, text, now.Packet)
		}
		if from == client {
			t.usage.Opened(now.At)
		} else if i > 0 && t.ttl == 0 {
			t.ttl = l.ttl
		}
		if fin {
			t.usage.Closed(now.At)
		}
	}
	return true
}

// fill fills in what package ledger sums up, and the fields of s that its brief record shows.
func (t *ordinarySums) fill(s *endedOrdinary, o *Options) {
	r, client := &t.record, t.Opener
	r.Start, r.Ended, r.EndedBy = record.Time(t.Syn.At), record.Time(s.at), s.by
	r.Duration = record.Duration(s.lastAt - t.Syn.At)
	h, end := &r.Handshake, &r.Teardown
	h.Outcome, h.ServerRTT = record.OutcomeComplete, record.Duration(t.SynAck.At-t.Syn.At)
	h.ClientRTT = record.Duration(t.Ack.At - t.SynAck.At)
	end.Kind, end.HalfClosed = record.TeardownFourWay, record.Duration(t.SecondFin.At-t.AcksFin.At)
	if t.ThreeSegments() {
		end.Kind = record.TeardownThreeSegment
	}
	two := record.Duration(2 * o.MSL)
	w := &s.stay
	*w = record.TimeWait{Side: record.Client, Entered: record.Time(t.SecondFin.At), TwoMSL: two,
		Expires: record.Time(t.SecondFin.At) + record.Time(two), Observed: record.Duration(max(s.at-t.SecondFin.At, 0)),
		EndedBy: record.TimeWaitCaptureEnd}
	if t.First != client {
		w.Side = record.Server
	}
	r.Client.Packets, r.Server.Packets = 1, uint64(s.count) // their sum counts
	if s.by == record.EndTimeWaitExpired {
		w.EndedBy = record.TimeWaitExpired
	}
	t.usage.Of(r, t.text[0]+t.text[1], &t.idleness)
	s.usage, s.turns, s.options = r.Pattern, r.Exchanges.Number, s.syn.options()
}

// stay adds up how long each end was in each state.
func (t *ordinarySums) stay(s *endedOrdinary, sums *ledger.Sums) {
	end := record.Time(s.at)
	if s.by == record.EndCaptureEnd {
		end++ // it still exists at the last moment
	}
	for i := range t.ISS {
		state, since := tcpstate.Closed, record.Time(0)
		t.EachState(i, func(_ tcpstate.Rule, to tcpstate.State, p *tcpstate.Passed) {
			at := record.Time(p.At)
			if state != tcpstate.Closed {
				sums.Stay(state, since, min(at, end))
			}
			state, since = to, at
		})
		if state != tcpstate.Closed {
			sums.Stay(state, since, end)
		}
	}
}

// tell fills in the event for package crowd.
func (t *ordinarySums) tell(e *event, s *endedOrdinary) {
	client, server := t.Opener, 1-t.Opener
	setSockets(&e.attempt, &s.key, client)
	e.attempt.SynAt, e.attempt.SynAckAt, e.attempt.AckAt = t.Syn.At, t.SynAck.At, t.Ack.At
	if e.end, e.cut = crowd.Idle, s.by == record.EndCaptureEnd; t.text[client] > 0 {
		e.end = crowd.Used
	}
	e.acceptedAt, e.askedAt, e.servedAt, e.heardAt = t.Ack.At, t.usage.First(client), t.usage.First(server),
		t.Last[server].At
	fin := &t.SecondFin
	if t.First == server {
		fin = &t.Fin
	}
	if e.servedAt == 0 || fin.At < e.servedAt {
		e.servedAt = fin.At
	}
	if synAck := s.lines[0].ttl; distance.Differ(synAck, t.ttl) {
		e.synAckTTL, e.serverTTL = synAck, t.ttl
	}
}

// nextEnded returns the place for the next ended connection.
func (a *Analyzer) nextEnded() *endedOrdinary {
	if a.journal != nil {
		return a.journal.page.nextEnded()
	}
	if a.ended == nil {
		a.ended = new(endedOrdinary)
	}
	return a.ended
}

// whole makes the whole record of s.
func (a *Analyzer) whole(s *endedOrdinary) *record.Connection {
	c := &a.scratch
	a.buildComplete(c, &s.ordinary, &s.stored)
	if s.by == record.EndTimeWaitExpired {
		c.expireTimeWait(s.at, &a.options)
	}
	a.settle(c, s.at)
	a.fill(a.record, c, s.at, s.by)
	return a.record
}

// brief fills in the brief record of s.
func (s *endedOrdinary) brief(r *record.Connection, e *event) {
	client := s.ordinary.opener()
	addr, peer := s.key.AddrPortA(), s.key.AddrPortB()
	if client == 1 {
		addr, peer = peer, addr
	}
	synAck := &s.lines[0]
	r.ID, r.Start, r.Ended, r.EndedBy = s.packet, record.Time(s.attempt.at), record.Time(s.at), s.by
	r.TimeWait, r.Findings = append(r.TimeWait[:0], s.stay), r.Findings[:0]
	r.Client.IP, r.Client.Port, r.Client.Options = addr.Addr(), addr.Port(), &s.options
	r.Server.IP, r.Server.Port = peer.Addr(), peer.Port()
	r.Client.ISN, r.Client.ISNEvidence = record.Seq{Number: s.seq, Known: true}, record.Seen
	r.Server.ISN, r.Server.ISNEvidence = record.Seq{Number: s.irs, Known: true}, record.Seen
	h := &r.Handshake
	h.Outcome, h.SynAt, h.SynPacket = record.OutcomeComplete, r.Start, record.PacketNumber(s.packet)
	h.SynAckAt, h.SynAckPacket = record.Time(e.attempt.SynAckAt), record.PacketNumber(s.packet+uint64(synAck.packets))
	r.Pattern, r.Exchanges = s.usage, record.Count{Number: s.turns, Known: true}
}
