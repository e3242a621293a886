package tcpstate

// Reset is an RST that closed its receiver.
type Reset struct {
	By            int // index of the end that sent it
	At            int64
	Packet        uint64
	ReceiverState State // before it
	Answers       Stimulus
	// Idle is how long no segment had passed before the RST. If the RST answers a segment, Idle counts from the last
	// segment of the RST's sender, because what it answers may have been retransmitted many times. -1 means that there
	// was none.
	Idle int64
}

// HalfOpen describes a half-open connection (RFC 9293 §3.5.1).
type HalfOpen struct {
	Survivor int      // index of the end that did not know
	GaveUp   bool     // the other end gave up Survivor, which answered nothing and may be gone too
	Since    int64    // the other end's last segment; Survivor's last, if GaveUp
	At       int64    // when it was discovered; 0 if the capture does not show that
	By       Stimulus // what discovered it; Nothing if nothing did
}

// sendsRst processes a segment with RST (RFC 9293 §3.10.7, RFC 5961 §3.2): what it shows about its sender, and what its
// receiver does with it.
func (c *Conn) sendsRst(from int, x, y *Endpoint, s *Segment) Effect {
	switch {
	case y.in(SynSent) && y.synSentRst(s):
		x.HasSent = true
		return c.accept(from, x, y, s, &question{kind: AnsweredSyn})
	case y.in(SynSent):
		return Dropped(rstNotAcked)
	case !y.Known() && x.in(SynSent) && x.acksSyn(s.Seq):
		// An RST takes its number from the segment that it answers (RFC 9293 §3.5.2). That segment acknowledged the
		// SYN, so it was a SYN-ACK, which the capture lacks. A side in SYN_SENT that gives up sends nothing (§3.10.5).
		x.HasSent = true
		y.infer(passiveOpen, x.lastSynAt, x.lastSynPacket)
		return c.accept(from, x, y, s, &question{kind: AnsweredSyn})
	case !y.Known():
		// It answers a segment that is not in this connection: so does an endpoint in SYN_SENT if an ACK or SYN-ACK
		// acknowledges another number (RFC 9293 §3.10.7.3, first step). Its state does not change.
		x.HasSent = true
		if x.State() != SynSent {
			x.enter(aborts, s)
			x.resetClosed = true
		}
		return 0
	}
	if x.in(Established) && y.in(SynRcvd) && s.HasAck && x.sentSyn && s.Seq.After(x.sndNxt) && s.Seq.Before(y.edge) &&
		s.Ack.After(y.ISS) && !s.Ack.After(y.sndNxt) {
		// It has sent text, so it had acknowledged the SYN-ACK. The capture lacks that segment.
		y.infer(synAckedUnseen, s.At, s.Packet)
		y.rcv.acked(s.Seq)
	}
	fit := y.rstBit(x, s)
	if fit < rstAtFin && s.HasAck && s.Seq == 0 && y.issSeen && s.Ack == y.ISS.Add(1+y.synLen) {
		// This is how a host without a connection answers a late SYN (RFC 9293 §3.10.7.1). The receiver of this RST
		// drops it.
		x.resetAfterSyn(y, s)
		x.enter(answersRst, s)
		x.resetClosed = true
		return 0
	}
	answered := c.answeredBy(from, s)
	switch {
	case fit < rstAtFin && s.Seq.Before(y.rcv.nxt) && answered != nil:
		// Below the window the RST does not affect its receiver. As an answer it shows that its sender is CLOSED.
		c.answersClosed(from, x, y, answered, s)
		x.enter(answersRst, s)
		x.resetClosed = true
		return 0
	case fit == rstInexact:
		return c.doubt(x, y, s, answered)
	case fit == rstOutside:
		return Dropped(rstOutsideWindow)
	}
	x.HasSent = true
	x.resetAcked = x.resetAcked || s.HasAck && s.Seq != 0
	if x.in(SynSent) && y.badSynAck {
		// It rejects a SYN-ACK that acknowledges another number, and keeps waiting (RFC 9293 §3.10.7.3, first step;
		// figure 8).
		y.enter(rstArrives, s)
		y.resetClosed, y.rstSeq = true, s.Seq
		return ResetAccepted
	}
	reset := x.beforeReset()
	c.withdrawInFlight(x, y, s)
	if !s.HasAck && x.ISSKnown && s.Seq == x.sndUna {
		x.resetAfterSyn(y, s)
	}
	if reset != nil {
		// The other's RST had not reached it yet. So what this RST shows about received segments holds for the time
		// before that.
		if answered != nil && !s.HasAck && s.At-answered.at <= x.crossing() {
			c.answersClosed(from, x, y, answered, s)
		}
		if h := c.HalfOpen; h != nil && h.Survivor != from && h.By == Nothing && !h.GaveUp && answered != nil &&
			!s.HasAck {
			h.At, h.By = s.At, answered.kind // it had given up, and this RST shows it
		}
		x.closeAgain(reset, reset.At, s.Packet)
		return c.accept(from, x, y, s, answered)
	}
	if answered != nil && !s.HasAck {
		c.answersClosed(from, x, y, answered, s)
		if x.State() == SynRcvd && !x.acksSyn(answered.ack) {
			// The ACK that it answers was not acceptable, so the state stays (RFC 9293 §3.10.7.4, fifth step).
			x.sndNxt, x.sndUna = x.ISS.Add(1+x.synLen), x.ISS
			if last := &c.last[1-from]; answered == &last.question {
				x.rcv.missing(last.seq) // nor did it accept that segment's text
			}
			return 0
		}
		// a segment sent so recently shows that it had the connection then: it has closed or aborted it since
		recently := s.At-c.last[from].at < SoonestTimeout
		if c.HalfOpen == nil && y.Known() && !recently && (x.in(Established, CloseWait) && x.ackSent && !x.FinSent ||
			x.in(FinWait2) && y.in(CloseWait) && answered.kind == AnsweredAck) {
			// It answers as if there were no connection (RFC 9293 §3.10.7.1), but it had not closed it (figure 10), or
			// had closed only its own side: in FIN_WAIT_2 it would still accept segments.
			c.HalfOpenPacket = s.Packet
			c.HalfOpen = &HalfOpen{Survivor: 1 - from, Since: c.last[from].at, At: s.At, By: answered.kind}
		}
	}
	return c.accept(from, x, y, s, answered)
}

// survives records that Ends[i], which its peer has given up, continues the connection. Nothing earlier shows that
// Ends[i] still exists.
func (c *Conn) survives(i int, s *Segment) {
	h, peer := c.HalfOpen, &c.Ends[1-i]
	if h == nil || !h.GaveUp || h.Survivor != i || s.Rst || s.Syn || s.At-peer.since() <= c.Ends[i].crossing() {
		return
	}
	h.GaveUp, h.Since = false, peer.since()
}

// resetAfterSyn handles an RST that is the first segment after its sender's SYN: the sender had no such SYN
// outstanding. A scanner sent the SYN, or it was an old duplicate (RFC 9293 §3.5, figure 8), or the user closed
// meanwhile.
func (e *Endpoint) resetAfterSyn(peer *Endpoint, s *Segment) {
	if !e.sentSyn || e.ackSent || e.resetAcked || e.State() == Closed {
		return
	}
	for i := range e.History {
		if e.History[i].State == SynSent {
			e.unwind(i+1, peer, onlySyn, s.Packet)
			return
		}
	}
}

// withdrawInFlight withdraws what had not arrived when the RST left: what passed the observer less than a round trip
// before the RST, and a FIN that the RST's own acknowledgement does not cover.
func (c *Conn) withdrawInFlight(x, y *Endpoint, s *Segment) {
	hasFin := y.FinSent && (x.ackSent && x.maxAck.After(y.FinSeq) || s.HasAck && s.Ack.After(y.FinSeq))
	if s.HasAck && x.gotFin && !hasFin {
		switch x.State() {
		case CloseWait, Closing, TimeWait:
			x.unreceiveFin(beforeRst, s.Packet)
		}
	}
	for n := len(x.History) - 1; n > 0 && x.History[n].onReceipt; n-- {
		st, late := x.State(), x.rttKnown && s.At-x.History[n].At < x.rtt*9/10
		switch {
		case st == TimeWait && s.HasAck: // a socket in TIME_WAIT has no user left who could abort it
		case !late, st == Closed, st == Established, hasFin && (st == CloseWait || st == Closing ||
			st == TimeWait && x.History[n-1].State != Closing):
			n = 0
			continue
		}
		x.unwind(n, y, beforeRst, s.Packet)
	}
}

// accept processes an RST that closes both its receiver and its sender.
func (c *Conn) accept(from int, x, y *Endpoint, s *Segment, answered *question) (e Effect) {
	switch {
	case c.unheard(from):
		// It gives up a peer that no longer answers (RFC 9293 §3.8.3). That peer will not receive this RST either.
		if c.HalfOpen == nil && y.synchronized() {
			c.HalfOpen = &HalfOpen{Survivor: 1 - from, GaveUp: true, Since: c.last[1-from].at}
			c.HalfOpenPacket = s.Packet
		}
	case c.maybeReset != nil && c.maybeReset.By == from && !y.in(Closed, TimeWait):
		if !y.atFin(s) {
			c.acceptMaybeReset() // nothing came between: this RST changes nothing more
		}
	case y.Known() && y.State() != Closed:
		answers := Nothing
		if answered != nil {
			answers = answered.kind
		}
		r := Reset{By: from, At: s.At, Packet: s.Packet, ReceiverState: y.State(), Answers: answers,
			Idle: c.idle(from, s, answers)}
		y.rstSeq = s.Seq
		if !c.self && y.atFin(s) {
			c.maybeReset = &r
			break
		}
		if c.resets(r) {
			c.resetSeq, c.resetHasAck = s.Seq, s.HasAck
		}
		y.enter(rstArrives, s)
		y.resetClosed = true
		e |= ResetAccepted
	}
	x.enter(x.resetRule(answered), s)
	x.resetClosed = true
	return e
}

// resets records an RST that closes its receiver, and reports whether it is the first.
func (c *Conn) resets(r Reset) (first bool) {
	if c.Reset != nil {
		c.laterReset = &r
		return false
	}
	c.Reset = &r
	return true
}

// resetRule returns the rule by which the endpoint sends an RST: one that answers a segment, or one of its own accord.
func (e *Endpoint) resetRule(answered *question) Rule {
	switch {
	case answered == nil:
		return aborts
	case answered.kind == AnsweredData && e.in(FinWait1, FinWait2):
		return notReading
	}
	return answersRst
}

// idle returns Reset.Idle of an RST that answers a segment of a kind, or Nothing.
func (c *Conn) idle(from int, s *Segment, answers Stimulus) int64 {
	own, others := &c.last[from], &c.last[1-from]
	switch {
	case answers == Nothing && others.kind != Nothing && (own.kind == Nothing || others.at > own.at):
		return max(0, s.At-others.at)
	case own.kind != Nothing:
		return max(0, s.At-own.at)
	}
	return -1
}

// doubt processes an RST that is in the window but not exact. Its receiver answers by a challenge ACK. Later silence
// shows whether the receiver accepted the RST, and whether it came from its alleged sender.
func (c *Conn) doubt(x, y *Endpoint, s *Segment, answered *question) Effect {
	if c.Reset == nil {
		c.resetSeq, c.resetHasAck = s.Seq, s.HasAck
	}
	y.rstSeq = s.Seq
	y.doubted = &Entry{Rule: rstArrives, State: Closed, At: s.At, Packet: s.Packet, onReceipt: true}
	by := aborts
	if answered != nil {
		by = answersRst
	}
	if x.sndKnown && s.Seq == x.sndNxt {
		// It has its sender's next number: the receiver lacks only segments that were lost or late in between.
		x.enter(by, s)
		x.resetClosed = true
		return ResetDoubted
	}
	x.doubted = &Entry{Rule: by, State: Closed, At: s.At, Packet: s.Packet}
	return ResetDoubted
}

// answeredBy returns the segment that the RST answers, or nil if its sender sent it of its own accord. An answer takes
// its number from the segment that it answers (RFC 9293 §3.5.2), and comes at once. Each segment causes one RST. So if
// several segments fit, the RST answers the last, until another RST comes.
func (c *Conn) answeredBy(from int, s *Segment) (found *question) {
	last := &c.last[1-from]
	if s.HasAck {
		if s.Seq == 0 && !last.hasAck && s.Ack == last.end && s.At-last.at <= SoonestTimeout {
			return &last.question
		}
		return nil
	}
	x := &c.Ends[from]
	if own := &c.last[from]; own.at >= last.at && last.seq != last.end && !last.ackedBefore && own.hasAck &&
		!own.ack.Before(last.end) && !s.Seq.Before(own.seq) {
		return nil // it has received that segment, so it had a connection, and the number is its own
	}
	if at := c.provokedAt[from]; at > last.at && s.At-at <= max(x.crossing(), SoonestTimeout) {
		return &question{at: at, ack: s.Seq, hasAck: true, kind: AnsweredSyn} // that SYN was dropped: not in last
	}
	for _, q := range [...]*question{&last.question, &c.earlier[1-from][0], &c.earlier[1-from][1]} {
		ago := s.At - q.at
		switch {
		case q.kind == Nothing || !q.hasAck || q.ack != s.Seq || c.last[from].at-q.at > x.crossing():
		case found == nil && ago <= max(x.crossing(), SoonestTimeout):
			found = q
		case found != nil && found.refused && !q.refused && ago <= x.crossing():
			found = q
		}
	}
	return found
}

// outlivesReset withdraws a reset if the endpoint sends more than what was under way.
func (c *Conn) outlivesReset(from int, x *Endpoint, s *Segment) Effect {
	y := &c.Ends[1-from]
	answers := !x.rttKnown || s.At-x.since() >= x.rtt*3/4 || x.openedByRst()
	bare := s.Len == 0 && !s.Fin && s.Seq == x.sndNxt && x.ackSent && s.Ack == x.maxAck
	challenge := answers && bare && !c.answersProbe(from, s) // RFC 5961 §3.2
	if x.doubted != nil && (s.At-x.doubted.At > x.crossing() || challenge) {
		x.doubted, y.doubted = nil, nil
	}
	if r := c.maybeReset; r != nil && r.By != from && s.At-r.At > x.crossing() {
		c.maybeReset = nil
	}
	if !x.Known() || x.State() != Closed || !x.resetClosed {
		return 0
	}
	own := !x.History[len(x.History)-1].onReceipt
	if x.sndKnown && s.Seq.Before(x.sndNxt) && x.isOld(y, s) {
		return 0
	}
	received := x.History[len(x.History)-1].Rule == rstArrives
	inexact := received && s.Ack != x.rstSeq && y.resetClosed // else the peer continued, and this acknowledges it
	// The endpoint has received what passed before the RST, so the RST lay below its window.
	beyond := received && s.Ack.After(x.rstSeq) && !(y.FinSent && x.rstSeq == y.FinSeq)
	asks := beyond || received && challenge && s.Ack != x.rstSeq // it expected another number than the RST's
	if s.At-x.since() <= x.crossing() && !asks {
		return 0
	}
	if bare && !asks && y.HasSent && c.last[1-from].at <= x.since() {
		return 0 // it answers nothing: a late duplicate
	}
	n := len(x.History) - 1
	for rst := x.History[n].Packet; n > 0 && x.History[n-1].Packet == rst; {
		n-- // CLOSED, and the states that the RST's number seemed to show
	}
	closed := x.History[n]
	switch {
	case inexact:
		c.Note(RstInexact, 1-from, x.rstSeq, closed.Packet)
	case own && closed.Rule != unreachable && x.ackSent:
		// The endpoint did not send that RST. A receiver that continues proves less, because the RST may have been
		// lost. An RST that rejected a SYN-ACK proves nothing either: many scanners send packets beside their host's
		// TCP.
		rst := closed.Packet
		if c.HalfOpen != nil {
			rst = c.HalfOpenPacket // an earlier SYN had shown the loss
		}
		c.note(RstOutlived, from, s.Seq, s.Packet, rst)
	}
	if own {
		x.doubted, y.doubted = nil, nil
		if c.maybeReset != nil && c.maybeReset.By == from {
			c.maybeReset = nil
		}
	}
	x.cut(n, outlivesRst, s.Packet)
	x.resetClosed = false
	if x.State() == SynRcvd && x.Known() && (x.sndUna.After(x.ISS) || own && c.HandshakeAcked) {
		// Only the RST said that the ACK which completed the handshake had not arrived.
		at, packet := y.lastSynAt, y.lastSynPacket
		if c.HandshakeAcked {
			at, packet = c.HandshakeAckAt, c.HandshakeAckPacket
		}
		x.enterAt(synAcked, at, packet)
	}
	if asks && x.gotFin && y.FinSent && !s.Ack.After(y.FinSeq) {
		// Had the FIN arrived, the RST behind it would have been exact.
		x.unreceiveFin(ackShort, s.Packet)
		x.rcv.missing(s.Ack)
	}
	if own && c.HalfOpen != nil && c.HalfOpen.Survivor != from {
		c.HalfOpen = nil
	}
	if c.Reset != nil && (c.Reset.By == from || c.Reset.Packet == closed.Packet || !y.resetClosed ||
		y.State() != Closed) {
		c.Reset = nil
	}
	if inexact {
		return ResetNotExact
	}
	return ResetOutlived
}

// answersProbe reports whether an ACK of Ends[from] without news answers a keepalive (RFC 9293 §3.8.4).
func (c *Conn) answersProbe(from int, s *Segment) bool {
	for _, q := range [...]*question{&c.last[1-from].question, &c.earlier[1-from][0], &c.earlier[1-from][1]} {
		if q.kind == AnsweredKeepalive && q.at > c.last[from].at && s.At-q.at <= c.Ends[from].crossing() {
			return true
		}
	}
	return false
}

// openedByRst reports whether only the number of the RST that closed the endpoint shows that it was ESTABLISHED. In
// SYN_RCVD it has no ACK under way, so an ACK that passes answers the RST.
func (e *Endpoint) openedByRst() bool {
	n := len(e.History) - 1
	return n > 0 && e.History[n].Packet == e.History[n-1].Packet && e.History[n-1].Rule == synAckedUnseen
}

// isOld reports whether a segment with a number below SND.NXT may be a copy that the path made, and so shows nothing
// about its sender's state after an RST. An endpoint that continues retransmits only what was not acknowledged (RFC
// 9293 §3.8.1). Its acknowledgements have the number SND.NXT (§3.10.7.4) or, after at least a second of silence, the
// number before (§3.8.4).
func (e *Endpoint) isOld(peer *Endpoint, s *Segment) bool {
	if s.Seq == s.end() {
		return s.Seq != e.sndNxt-1 || s.At-e.since() < second
	}
	return peer.ackSent && !s.end().After(peer.maxAck)
}

// beforeReset removes the CLOSED of an RST that is still on its way to the endpoint, or that overtook the endpoint's
// earlier segments: what passes now was sent in the state before.
func (e *Endpoint) beforeReset() *Entry {
	n := len(e.History) - 1
	if n < 0 || e.State() != Closed || !e.resetClosed {
		return nil
	}
	last := e.History[n]
	e.History = e.History[:n]
	return &last
}

// closeAgain puts back the CLOSED that beforeReset removed, after the states that a segment shows. An ICMP error does
// not close an endpoint that turns out to have been synchronized.
func (e *Endpoint) closeAgain(reset *Entry, at int64, packet uint64) {
	switch leads := reset.Rule.arrowFrom(e.from()) != nil; {
	case e.in(Closed):
		return
	case !leads && reset.Rule == notReading:
		reset.Rule = answersRst
	case !leads:
		e.withdrawn(*reset, outlivesRst, packet)
		e.resetClosed = false
		return
	}
	reset.At = max(reset.At, at)
	e.push(*reset)
}

// LostBy records what a SYN shows and the RST of Ends[i] confirms: Ends[i] no longer had a connection when it sent that
// SYN. HalfOpen must be known.
func (c *Conn) LostBy(i int, at int64, packet uint64) {
	c.HalfOpen.By = AnsweredSyn // RFC 9293 §3.5.1, figure 9
	e := &c.Ends[i]
	n := len(e.History) - 1
	if n < 0 || e.State() != Closed {
		return
	}
	e.History = e.History[:n]
	e.enterAt(superseded, at, packet)
}
