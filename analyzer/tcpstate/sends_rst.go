package tcpstate

// Reset is an RST that closed its receiver.
type Reset struct {
	By            int // index of the end that sent it
	At            int64
	Packet        uint64
	ReceiverState State // before it
	Answers       Stimulus
	// Idle is how long nothing had passed before it, or, if it answers something, nothing of its sender: -1 if nothing
	// had ever. What it answers can have been retransmitted many times.
	Idle int64
}

// HalfOpen is RFC 9293 §3.5.1's half-open connection.
type HalfOpen struct {
	Survivor int      // index of the end that did not know
	GaveUp   bool     // the other end gave up Survivor, which answered nothing and may be gone as well
	Since    int64    // the last sign of the other end's connection; of Survivor's, if that was given up
	At       int64    // its discovery; 0 if the capture shows none
	By       Stimulus // what discovered it; Nothing if nothing did
}

// sendsRst is a segment with RST (RFC 9293 §3.10.7, RFC 5961 §3.2): what it says of its sender, and what its receiver
// makes of it.
func (c *Conn) sendsRst(from int, x, y *Endpoint, s *Segment) Effect {
	switch {
	case y.in(SynSent) && y.synSentRst(s):
		x.HasSent = true
		return c.accept(from, x, y, s, &question{kind: AnsweredSyn})
	case y.in(SynSent):
		return Dropped(rstNotAcked)
	case !y.Known() && x.in(SynSent) && x.acksSyn(s.Seq):
		// It takes its number from what drew it (RFC 9293 §3.5.2), so that acknowledged the SYN: a SYN-ACK that is not
		// in the capture. A side in SYN_SENT that gives up says nothing (§3.10.5).
		x.HasSent = true
		y.infer(passiveOpen, x.lastSynAt, x.lastSynPacket)
		return c.accept(from, x, y, s, &question{kind: AnsweredSyn})
	case !y.Known():
		// An answer to something that is not in this connection: in SYN_SENT, to an ACK or SYN-ACK that acknowledges
		// another number (RFC 9293 §3.10.7.3, first step). Its sender stays what it is.
		x.HasSent = true
		if x.State() != SynSent {
			x.enter(aborts, s)
		}
		return 0
	}
	if x.in(Established) && y.in(SynRcvd) && s.HasAck && x.sentSyn && s.Seq.After(x.sndNxt) && s.Seq.Before(y.edge) &&
		s.Ack.After(y.ISS) && !s.Ack.After(y.sndNxt) {
		// It has sent text, so it had acknowledged the SYN-ACK: that segment is not in the capture.
		y.infer(synAckedUnseen, s.At, s.Packet)
		y.rcv.acked(s.Seq)
	}
	fit := y.rstBit(x, s)
	if fit < rstAtFin && s.HasAck && s.Seq == 0 && y.issSeen && s.Ack == y.ISS.Add(1+y.synLen) {
		// The answer of one who has no connection to a SYN that came late (RFC 9293 §3.10.7.1); its receiver drops it.
		x.neverBeyondSyn(y, s)
		x.enter(answersRst, s)
		x.resetClosed = true
		return 0
	}
	answered := c.answeredBy(from, s)
	switch {
	case fit < rstAtFin && s.Seq.Before(y.rcv.nxt) && answered != nil:
		// Below the window it does nothing to its receiver; as an answer it says that its sender is CLOSED.
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
	if x.in(SynSent) && y.misled {
		// It disowns a SYN-ACK of another number, and waits on (RFC 9293 §3.10.7.3, first step; figure 8).
		y.enter(rstArrives, s)
		y.resetClosed, y.rstSeq = true, s.Seq
		return ResetAccepted
	}
	reset := x.beforeReset()
	c.underWay(x, y, s)
	if !s.HasAck && x.ISSKnown && s.Seq == x.sndUna {
		x.neverBeyondSyn(y, s)
	}
	if reset != nil {
		// It had not heard of the other's RST yet: what it says of receipts is said of the time before.
		if answered != nil && !s.HasAck && s.At-answered.at <= x.crossing() {
			c.answersClosed(from, x, y, answered, s)
		}
		if h := c.HalfOpen; h != nil && h.Survivor != from && h.By == Nothing && !h.GaveUp && answered != nil &&
			!s.HasAck {
			h.At, h.By = s.At, answered.kind // it had given up, and tells so
		}
		x.closeAgain(reset, reset.At, s.Packet)
		return c.accept(from, x, y, s, answered)
	}
	if answered != nil && !s.HasAck {
		c.answersClosed(from, x, y, answered, s)
		if x.State() == SynRcvd && !x.acksSyn(answered.ack) {
			// The ACK that it answers was not acceptable: it stays where it is (RFC 9293 §3.10.7.4, fifth step).
			x.sndNxt, x.sndUna = x.ISS.Add(1+x.synLen), x.ISS
			if last := &c.last[1-from]; answered == &last.question {
				x.rcv.missing(last.seq) // nor did it take its text
			}
			return 0
		}
		// it spoke as one who has the connection: it has closed or aborted it since
		lately := s.At-c.last[from].at < SoonestTimeout
		if c.HalfOpen == nil && y.Known() && !lately && (x.in(Established, CloseWait) && x.ackSent && !x.FinSent ||
			x.in(FinWait2) && y.in(CloseWait) && answered.kind == AnsweredAck) {
			// It answers as if there were no connection (RFC 9293 §3.10.7.1), and it had not closed it (figure 10), or
			// only its own side: in FIN_WAIT_2 it would still take what comes.
			c.HalfOpenPacket = s.Packet
			c.HalfOpen = &HalfOpen{Survivor: 1 - from, Since: c.last[from].at, At: s.At, By: answered.kind}
		}
	}
	return c.accept(from, x, y, s, answered)
}

// survives takes note that Ends[i], which its peer has given up, goes on with the connection: only now is it known that
// it is there.
func (c *Conn) survives(i int, s *Segment) {
	h, peer := c.HalfOpen, &c.Ends[1-i]
	if h == nil || !h.GaveUp || h.Survivor != i || s.Rst || s.Syn || s.At-peer.since() <= c.Ends[i].crossing() {
		return
	}
	h.GaveUp, h.Since = false, peer.since()
}

// neverBeyondSyn is for an RST that is its sender's first word after its SYN: it had no such SYN in the air. The SYN
// was a scanner's, or an old duplicate (RFC 9293 §3.5, figure 8), or its user has closed meanwhile.
func (e *Endpoint) neverBeyondSyn(peer *Endpoint, s *Segment) {
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

// underWay takes back what had not arrived yet when the RST left: what passed the observer less than a round trip
// before it, and a FIN that its own acknowledgement does not cover.
func (c *Conn) underWay(x, y *Endpoint, s *Segment) {
	hasFin := y.FinSent && (x.ackSent && x.maxAck.After(y.FinSeq) || s.HasAck && s.Ack.After(y.FinSeq))
	if s.HasAck && x.gotFin && !hasFin {
		switch x.State() {
		case CloseWait, Closing, TimeWait:
			x.lostFin(beforeRst, s.Packet)
		}
	}
	for n := len(x.History) - 1; n > 0 && x.History[n].onReceipt; n-- {
		st, late := x.State(), x.rttKnown && s.At-x.History[n].At < x.rtt*9/10
		switch {
		case st == TimeWait && s.HasAck: // a socket in TIME_WAIT has nobody left who could abort it
		case !late, st == Closed, st == Established, hasFin && (st == CloseWait || st == Closing ||
			st == TimeWait && x.History[n-1].State != Closing):
			n = 0
			continue
		}
		x.unwind(n, y, beforeRst, s.Packet)
	}
}

// accept is an RST that closes its receiver, and its sender.
func (c *Conn) accept(from int, x, y *Endpoint, s *Segment, answered *question) (e Effect) {
	switch {
	case c.deaf(from):
		// It gives up a peer that no longer answers (RFC 9293 §3.8.3), and which will not hear of that either.
		if c.HalfOpen == nil && y.synchronized() {
			c.HalfOpen = &HalfOpen{Survivor: 1 - from, GaveUp: true, Since: c.last[1-from].at}
			c.HalfOpenPacket = s.Packet
		}
	case c.maybeReset != nil && c.maybeReset.By == from && !y.in(Closed, TimeWait):
		if !y.atFin(s) {
			c.acceptMaybeReset() // nothing came between: this one does no more
		}
	case y.Known() && y.State() != Closed:
		answers := Nothing
		if answered != nil {
			answers = answered.kind
		}
		r := Reset{By: from, At: s.At, Packet: s.Packet, ReceiverState: y.State(), Answers: answers,
			Idle: c.idle(from, s, answers)}
		y.rstSeq = s.Seq
		if y.atFin(s) {
			c.maybeReset = &r
			break
		}
		if c.resets(r) {
			c.resetSeq, c.resetAcks = s.Seq, s.HasAck
		}
		y.enter(rstArrives, s)
		y.resetClosed = true
		e |= ResetAccepted
	}
	x.enter(x.closesBy(answered), s)
	x.resetClosed = true
	return e
}

// resets records an RST that closes its receiver, and reports whether it is the first.
func (c *Conn) resets(r Reset) (first bool) {
	if c.Reset != nil {
		c.later = &r
		return false
	}
	c.Reset = &r
	return true
}

// closesBy is the rule by which the endpoint sends an RST that answers a segment, or nothing.
func (e *Endpoint) closesBy(answered *question) Rule {
	switch {
	case answered == nil:
		return aborts
	case answered.kind == AnsweredData && e.in(FinWait1, FinWait2):
		return notReading
	}
	return answersRst
}

// idle is Reset.Idle of an RST that answers a segment of a kind, or Nothing.
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

// doubt is an RST in the window that is not exact. It draws a challenge ACK: whether it was believed, or was its
// sender's at all, silence will tell.
func (c *Conn) doubt(x, y *Endpoint, s *Segment, answered *question) Effect {
	if c.Reset == nil {
		c.resetSeq, c.resetAcks = s.Seq, s.HasAck
	}
	y.rstSeq = s.Seq
	y.doubted = &Entry{Rule: rstArrives, State: Closed, At: s.At, Packet: s.Packet, onReceipt: true}
	by := aborts
	if answered != nil {
		by = answersRst
	}
	if x.sndKnown && s.Seq == x.sndNxt {
		// Its own next number: the receiver lacks only what was lost or late between them.
		x.enter(by, s)
		x.resetClosed = true
		return ResetDoubted
	}
	x.doubted = &Entry{Rule: by, State: Closed, At: s.At, Packet: s.Packet}
	return ResetDoubted
}

// answeredBy is what the RST answers, nil for one of its sender's own accord. An answer takes its number from the
// segment that drew it (RFC 9293 §3.5.2), and comes at once. Each segment draws one, so that of several the last
// is it, until another RST comes.
func (c *Conn) answeredBy(from int, s *Segment) (found *question) {
	last := &c.last[1-from]
	if s.HasAck {
		if s.Seq == 0 && !last.hasAck && s.Ack == last.end && s.At-last.at <= SoonestTimeout {
			return &last.question
		}
		return nil
	}
	x := &c.Ends[from]
	if own := &c.last[from]; own.at >= last.at && last.seq != last.end && !last.again && own.hasAck &&
		!own.ack.Before(last.end) {
		return nil // it has taken that in, and so it had a connection
	}
	if at := c.asks[from]; at > last.at && s.At-at <= max(x.crossing(), SoonestTimeout) {
		return &question{at: at, ack: s.Seq, hasAck: true, kind: AnsweredSyn} // that was dropped, and is not remembered
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

// goesOn withdraws a reset that the endpoint has outlived: it sends more than what was under way.
func (c *Conn) goesOn(from int, x *Endpoint, s *Segment) Effect {
	y := &c.Ends[1-from]
	answers := !x.rttKnown || s.At-x.since() >= x.rtt*3/4 || x.openedByRst()
	bare := s.Len == 0 && !s.Fin && s.Seq == x.sndNxt && x.ackSent && s.Ack == x.maxAck
	challenge := answers && bare // RFC 5961 §3.2
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
	inexact := received && s.Ack != x.rstSeq && y.resetClosed // or its sender has gone on, and this acknowledges that
	// It has received what passed before the RST: that lay below the window.
	beyond := received && s.Ack.After(x.rstSeq) && !(y.FinSent && x.rstSeq == y.FinSeq)
	asks := beyond || received && challenge && s.Ack != x.rstSeq // it expected another number than the RST's
	if s.At-x.since() <= x.crossing() && !asks {
		return 0
	}
	if bare && !asks && y.HasSent && c.last[1-from].at <= x.since() {
		return 0 // nothing drew it: a late copy
	}
	n := len(x.History) - 1
	for rst := x.History[n].Packet; n > 0 && x.History[n-1].Packet == rst; {
		n-- // CLOSED, and what its number seemed to say
	}
	closed := x.History[n]
	switch {
	case inexact:
		c.Note(RstInexact, 1-from, x.rstSeq, closed.Packet)
	case own && closed.Rule != unreachable && x.ackSent:
		// It was not its own. A receiver that goes on proves less: the RST may have been lost. Nor does one whose RST
		// disowned a SYN-ACK: many scanners send by themselves, beside their host's TCP.
		rst := closed.Packet
		if c.HalfOpen != nil {
			rst = c.HalfOpenPacket // a SYN before it had told of the loss
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
		// It was only the RST that denied the receipt of what completed the handshake.
		at, packet := y.lastSynAt, y.lastSynPacket
		if c.HandshakeAcked {
			at, packet = c.HandshakeAckAt, c.HandshakeAckPacket
		}
		x.enterAt(synAcked, at, packet)
	}
	if asks && x.gotFin && y.FinSent && !s.Ack.After(y.FinSeq) {
		// Had the FIN arrived, the RST behind it would have been exact.
		x.lostFin(ackShort, s.Packet)
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
		return ResetUntaken
	}
	return ResetOutlived
}

// openedByRst reports that nothing but the number of the RST that closed the endpoint says that it was ESTABLISHED. In
// SYN_RCVD it has no ACK under way: one that passes answers the RST.
func (e *Endpoint) openedByRst() bool {
	n := len(e.History) - 1
	return n > 0 && e.History[n].Packet == e.History[n-1].Packet && e.History[n-1].Rule == synAckedUnseen
}

// isOld reports that a segment with a number below SND.NXT tells nothing of its sender's state after an RST: the path
// may have doubled it. Who goes on sends again only what was not acknowledged (RFC 9293 §3.8.1), and acknowledges from
// SND.NXT (§3.10.7.4), or, idle for a second at least, from the number before (§3.8.4).
func (e *Endpoint) isOld(peer *Endpoint, s *Segment) bool {
	if s.Seq == s.end() {
		return s.Seq != e.sndNxt-1 || s.At-e.since() < second
	}
	return peer.ackSent && !s.end().After(peer.maxAck)
}

// beforeReset takes off the CLOSED of an RST that is on its way to the endpoint, or that overtook what it sent before:
// what passes now was sent in the state before.
func (e *Endpoint) beforeReset() *Entry {
	n := len(e.History) - 1
	if n < 0 || e.State() != Closed || !e.resetClosed {
		return nil
	}
	last := e.History[n]
	e.History = e.History[:n]
	return &last
}

// closeAgain puts the CLOSED back that beforeReset took off, behind what a segment shows. An ICMP error does not close
// what turns out to have been synchronized.
func (e *Endpoint) closeAgain(reset *Entry, at int64, packet uint64) {
	switch leads := reset.Rule.leads(e.from()) != nil; {
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

// LostBy is what a SYN discloses that the RST of Ends[i] confirms, where HalfOpen is known: it had no connection any
// more when it sent that SYN.
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
