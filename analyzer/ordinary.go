package analyzer

import (
	"math"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/lines"
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
	next    [2]uint32 // SND.NXT of each end
	// behind is how many octets of its peer each end has not acknowledged, or more. In a connection that waits, it is
	// what setClosing writes.
	behind [2]uint16
	states [2]tcpstate.State
	lines.Chain
}

// stored is what an ordinary connection was stored as.
type stored struct {
	attempt
	irs   uint32 // ISS of the end that has answered
	lines [lines.Most]lines.Line
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
	asks := e.len == 0 && e.syn.Window() != 0 && e.syn.Checksum() != flows.ChecksumWrong && !e.self() &&
		(!e.syn.Stamped() || e.syn.TSVal != 0)
	client, server := e.opener(), 1-e.opener()
	if !asks || sender(seg) == client || seg.Flags&^flows.ECE != flows.SYN|flows.ACK || seg.Ack != e.seq+1 ||
		seg.Len > 0 {
		return false
	}
	number := a.table.ordinary.Take()
	o := a.table.ordinary.At(number)
	*o = ordinary{lastAt: e.at, asked: p.where}
	o.Begin(&e.syn)
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
	closing := seg.Time - o.lastAt
	a.write(o, seg, id, uint16(behind))
	sent := seg.Len + uint32(seg.Flags&flows.FIN)
	o.next[from] += sent
	o.behind[from], o.behind[to] = uint16(behind), uint16(min(uint32(o.behind[to])+sent, math.MaxUint16))
	if y == tcpstate.Closed {
		o.setClosing(uint32(closing))
	}
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
		last := o.LastTSVal(sender(seg))
		if opt.TSVal == 0 || last != 0 && int32(opt.TSVal-last) < 0 { // RFC 7323 §5.3
			return false
		}
	}
	return o.Count < lines.Most && passed >= 0 && passed <= lines.MostPassed && packets >= uint64(o.packets) &&
		packets <= math.MaxUint32 && a.clock-seg.Time <= math.MaxUint32 && seg.Window != 0 &&
		seg.Checksum != flows.ChecksumWrong && lines.Fits(seg)
}

// write stores the line of a segment after the others.
func (a *Analyzer) write(o *ordinary, seg *flows.Segment, id uint64, behind uint16) {
	l := lines.Line{Passed: uint64(seg.Time - o.lastAt), Packets: uint32(seg.Packet-id) - o.packets, Behind: behind}
	l.Set(seg)
	a.table.chains.Append(&o.Chain, &l)
	o.lastAt, o.packets, o.late = seg.Time, uint32(seg.Packet-id), uint32(a.clock-seg.Time)
}

// read reads what an ordinary connection was stored as.
func (t *table) read(o *ordinary, to *stored) {
	to.attempt = attempt{}
	t.attempts.read(o.asked, &to.attempt)
	t.chains.Read(&o.Chain, &to.syn, &to.lines)
	server := 1 - to.opener()
	to.irs = o.next[server] - 1
	for i := 1; i < int(o.Count); i++ {
		if l := &to.lines[i]; l.Sender() == server {
			to.irs -= uint32(l.Len) + uint32(l.Flags()&flows.FIN)
		}
	}
}

// eachLine calls visit with each stored segment after the SYN, until visit returns false. It reports whether visit
// never did. Each time the segment is in seg.
func (o *ordinary) eachLine(written *stored, seg *flows.Segment, visit func(*flows.Segment) bool) bool {
	client := o.Opener()
	var next [2]uint32
	next[client], next[1-client] = written.seq+1, written.irs
	*seg = flows.Segment{Key: written.key, Packet: written.packet, Time: written.at}
	for i := range o.Count {
		l := &written.lines[i]
		l.Read(seg)
		from, behind := sender(seg), uint32(l.Behind)
		if i == 0 {
			behind = 0
		}
		seg.Time += int64(l.Passed)
		seg.Packet += uint64(l.Packets)
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

// setClosing stores how many ns passed from the second FIN to what acknowledges it. An end then waits, and both have
// acknowledged everything.
func (o *ordinary) setClosing(ns uint32) { o.behind = [2]uint16{uint16(ns), uint16(ns >> 16)} }

// closing returns what setClosing stored, or 0.
func (o *ordinary) closing() uint32 {
	if !o.isComplete() {
		return 0
	}
	return uint32(o.behind[0]) | uint32(o.behind[1])<<16
}

// heard returns what the clock was at the last packet.
func (o *ordinary) heard() int64 { return o.lastAt + int64(o.late) }

// standing returns how the connection is counted in Live.
func (o *ordinary) standing() standing {
	client := o.Opener()
	return standing{counted: true, client: uint8(o.states[client]) + 1, server: uint8(o.states[1-client]) + 1}
}

// deadline returns when the connection must be looked at, if no more segments come.
func (o *ordinary) deadline(opt *Options) int64 {
	switch {
	case o.waits():
		return o.lastAt - int64(o.closing()) + 2*int64(opt.MSL)
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
func (o *ordinary) embryonic() bool { return o.states[o.Opener()] == tcpstate.SynSent }

// forget frees an ordinary connection, and what it is stored as.
func (t *table) forget(n uint32) {
	if t.index == nil {
		return // at the end nothing needs the room
	}
	o := t.ordinary.At(n)
	t.chains.Drop(&o.Chain)
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
	if !a.tryComplete(c, o) {
		a.table.awake.release(c)
		return
	}
	a.replace(n, c)
}

// tryComplete makes c what the rules would make of a connection that was ordinary up to two acknowledged FINs. It
// returns false if it is no such connection, or if the rules may find more in it.
func (a *Analyzer) tryComplete(c *connection, o *ordinary) bool {
	if !o.isComplete() {
		return false
	}
	var written stored
	a.table.read(o, &written)
	return a.buildComplete(c, o, &written)
}

// isComplete reports whether both FINs were sent and acknowledged.
func (o *ordinary) isComplete() bool {
	x, y := o.states[0], o.states[1]
	return x == tcpstate.Closed && y == tcpstate.TimeWait || y == tcpstate.Closed && x == tcpstate.TimeWait
}

// buildComplete makes c what the rules would make of a complete connection. It returns false if they may find more in
// it.
func (a *Analyzer) buildComplete(c *connection, o *ordinary, written *stored) bool {
	client, server := o.Opener(), 1-o.Opener()
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

// endBriefly ends the record at a place for a reason, if a brief record can suffice, or if the whole one was reported
// when the connection closed. Otherwise it does nothing.
func (a *Analyzer) endBriefly(n uint32, at int64, by record.EndedBy) bool {
	p := a.table.places.At(n)
	if p.kind != kindOrdinary || a.options.Whole == nil && !a.options.AtClose {
		return false
	}
	o := a.table.ordinary.At(p.where)
	if !o.isComplete() {
		return false
	}
	s := a.nextEnded()
	s.ordinary, s.at, s.by = *o, at, by
	a.table.read(o, &s.stored)
	t := &a.ordinarySums
	if !t.read(s) || !a.options.AtClose && (!s.key.Hosts() || t.usage.Silence(at) > 0) {
		return false
	}
	t.fill(s, &a.options)
	o.standing().count(&a.live, ^uint64(0)) // one less
	where := p.where
	a.table.remove(&s.key, n)
	a.table.forget(where)
	if a.options.AtClose {
		a.tellStay(s)
		var e event
		t.tell(&e, s)
		a.tell(attemptEnds, &e)
		return true
	}
	a.sums.Sum(&t.record)
	t.stay(s, a.sums)
	e := a.next(briefEnds)
	t.tell(e, s)
	a.enter(e)
	return true
}

// tellStay adds to the totals how a TIME_WAIT ended that was running when the connection was reported.
func (a *Analyzer) tellStay(s *endedOrdinary) {
	a.record.TimeWait = append(a.record.TimeWait[:0], s.stay)
	setSocketsOf(a.record, &s.key, s.Opener())
	a.tell(timeWaitsEnd, &event{})
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
	client, server := s.Opener(), 1-s.Opener()
	t.Ordinary, t.usage, t.text, t.ttl = tcpstate.Ordinary{Opener: client}, usage.Usage{}, [2]uint64{}, 0
	now := tcpstate.Passed{At: s.attempt.at, Packet: s.packet, Seq: tcpstate.Seq(s.seq)}
	t.Segment(client, now, 0, false)
	var next [2]uint32
	next[client], next[server] = s.seq+1, s.irs
	for i := range s.Count {
		l := &s.lines[i]
		from, text, behind := l.Sender(), uint32(l.Len), uint32(l.Behind)
		fin := l.Flags().Has(flows.FIN)
		if i == 0 { // in a SYN-ACK these fields hold options
			text, behind = 0, 0
		}
		now.At += int64(l.Passed)
		now.Packet += uint64(l.Packets)
		now.Seq, now.Ack = tcpstate.Seq(next[from]), tcpstate.Seq(next[1-from]-behind)
		if l.Stamped() != s.syn.Stamped() || !t.Segment(from, now, text, fin) {
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
			t.ttl = l.TTL()
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
	r.Client.Packets, r.Server.Packets = 1, uint64(s.Count) // their sum counts
	if s.by == record.EndTimeWaitExpired {
		w.EndedBy = record.TimeWaitExpired
	}
	t.usage.Of(r, t.text[0]+t.text[1], &t.idleness)
	s.usage, s.turns, s.options = r.Pattern, r.Exchanges.Number, s.syn.Options()
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
	if synAck := s.lines[0].TTL(); distance.Differ(synAck, t.ttl) {
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
	setSocketsOf(r, &s.key, s.Opener())
	synAck := &s.lines[0]
	r.ID, r.Start, r.Ended, r.EndedBy = s.packet, record.Time(s.attempt.at), record.Time(s.at), s.by
	r.TimeWait, r.Findings = append(r.TimeWait[:0], s.stay), r.Findings[:0]
	r.Client.Options = &s.options
	r.Client.ISN, r.Client.ISNEvidence = record.Seq{Number: s.seq, Known: true}, record.Seen
	r.Server.ISN, r.Server.ISNEvidence = record.Seq{Number: s.irs, Known: true}, record.Seen
	h := &r.Handshake
	h.Outcome, h.SynAt, h.SynPacket = record.OutcomeComplete, r.Start, record.PacketNumber(s.packet)
	h.SynAckAt, h.SynAckPacket = record.Time(e.attempt.SynAckAt), record.PacketNumber(s.packet+uint64(synAck.Packets))
	r.Pattern, r.Exchanges = s.usage, record.Count{Number: s.turns, Known: true}
}
