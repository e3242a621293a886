package tcpstate

// TwoMSL describes an end's stay in TIME_WAIT, beyond what its history holds.
type TwoMSL struct {
	Since    int64 // when 2MSL was started last
	Restarts uint64
}

// sendsFin processes a FIN of x, new or retransmitted (RFC 9293 §3.10.4).
func (c *Conn) sendsFin(from int, x, y *Endpoint, s *Segment) (e Effect) {
	seq := s.textEnd()
	before := x.State() == SynRcvd || x.State() == Established || x.State() == CloseWait
	if x.fins > 0 {
		c.Note(FinRetransmitted, from, seq, s.Packet)
	}
	if x.fins > 0 && seq == x.FinSeq {
		x.fins++
	} else {
		x.fins = 1
	}
	if x.FinSent && seq == x.FinSeq && !before {
		if x.past(s) {
			return 0
		}
		x.restamp(stamp{x.FinAt, x.finPacket, x.finStamp}, s)
		return c.retransmitsFin(from, x, y, s)
	}
	if x.FinSent && y.gotFin && !before {
		return 0
	}
	if !x.FinSent && x.sndUna.After(seq) && !(y.ackSent && y.maxAck.After(seq)) {
		// its first segment had SND.NXT as SEG.SEQ, which lies after this FIN, and no segment acknowledges that far
		x.sndUna = seq
	}
	x.withdrawFin(dataBeyondFin, s.Packet) // an earlier FIN that its peer could not accept was not this endpoint's
	x.FinSent, x.FinSeq, x.FinAt = true, seq, s.At
	x.finAck, x.finPacket, x.finStamp, x.stamps = s.Ack, s.Packet, s.TSVal, x.stamps[:0]
	if x.State() == CloseWait {
		if y.FinSent && !s.Ack.After(y.FinSeq) {
			// The peer's FIN is on its way and has not arrived: both close at once (RFC 9293 §3.6, figure 13).
			x.unreceiveFin(finsCross, s.Packet)
			x.enter(finSent, s)
			x.gotFin = true
			x.enter(finOnItsWay, s)
			return FinsCross
		}
		if x.ackedFin && x.ackedFinWith == seq.Add(1) && y.fins == 1 && x.ackedFinAt-y.FinAt <= x.crossing() {
			// When it acknowledged the peer's FIN, its own FIN had the number before. So its FIN had already left, and
			// was lost on the way to the observer.
			at, packet := x.since(), x.History[len(x.History)-1].Packet
			x.withdraw(finLeftFirst, s.Packet, func(st State) bool { return st != CloseWait })
			x.infer(finUnseen, at, packet)
			x.enterAt(finArrives, at, packet)
			return e
		}
	}
	x.enter(finSent, s)
	return e
}

// retransmitsFin processes a retransmitted FIN: the acknowledgement had not arrived when it left.
func (c *Conn) retransmitsFin(from int, x, y *Endpoint, s *Segment) (e Effect) {
	if ack := &c.last[1-from]; x.finAcked() && ack.hasAck && ack.ack.After(x.FinSeq) && s.At-ack.at <= x.crossing() {
		x.finAckedBy(ack) // this FIN disproves the first acknowledgement only: the last is on its way
	} else if x.finAcked() && s.At-x.finAckedAt() > x.crossing() {
		x.sndUna = x.FinSeq
		hasPeerFin := y.FinSent && s.Ack.After(y.FinSeq)
		switch x.State() {
		case FinWait2:
			x.withdrawTo(FinWait1, finAckLost, s.Packet)
			e |= AckOfFinLost
		case TimeWait:
			at, packet := x.since(), x.History[len(x.History)-1].Packet
			x.withdraw(finAckLost, s.Packet, func(st State) bool { return st == FinWait1 || st == Closing })
			if hasPeerFin && x.State() == FinWait1 {
				x.enterAt(finArrives, at, packet)
			} else if !hasPeerFin {
				x.gotFin = false
				x.rcv.missing(s.Ack)
			}
			e |= AckOfFinLost
		case Closed:
			if c.Reset == nil {
				x.withdrawTo(LastAck, finAckLost, s.Packet)
				e |= AckOfFinLost
			}
		}
	}
	if y.gotFin && !(y.ackSent && y.maxAck.After(x.FinSeq)) {
		switch y.State() {
		case CloseWait, Closing, TimeWait:
			// Nothing shows that the first FIN arrived.
			y.unreceiveFin(finResent, s.Packet)
			y.rcv.missing(x.FinSeq)
			e |= FinLost
		}
	}
	return e
}

// finAckedAt returns when the acknowledgement of the FIN passed. The state that followed it began then.
func (e *Endpoint) finAckedAt() int64 {
	if i := e.afterFinAcked(); i >= 0 {
		return e.History[i].At
	}
	return e.since()
}

// afterFinAcked returns the index of the state that followed the acknowledgement of the FIN, or -1.
func (e *Endpoint) afterFinAcked() int {
	for i := len(e.History) - 1; i >= 0; i-- {
		if st := e.History[i].State; st == FinWait2 || st == Closed ||
			st == TimeWait && (i == 0 || e.History[i-1].State != FinWait2) {
			return i
		}
	}
	return -1
}

// finAckedBy moves the acknowledgement of the FIN to a later segment.
func (e *Endpoint) finAckedBy(ack *lastSegment) {
	i := e.afterFinAcked()
	if i < 0 || e.History[i].At >= ack.at {
		return
	}
	e.History[i].Packet = ack.packet
	for ; i < len(e.History); i++ {
		e.History[i].At = max(e.History[i].At, ack.at)
	}
}

// finAcked makes the acknowledgement of the endpoint's FIN arrive.
func (c *Conn) finAcked(i int, e *Endpoint, s *Segment) {
	e.enter(finAckArrives, s)
	c.startTimeWait(i, e, s)
}

// finAcked reports whether an acknowledgement of this endpoint's FIN has passed on its way to it.
func (e *Endpoint) finAcked() bool { return e.FinSent && e.unaKnown && e.sndUna.After(e.FinSeq) }

// receiveFin makes the peer's FIN arrive, with nothing missing before it, by one of the rules for that.
func (c *Conn) receiveFin(i int, e *Endpoint, s *Segment, by Rule) {
	e.gotFin = true
	if e.in(SynRcvd) {
		e.infer(synAckedUnseen, s.At, s.Packet) // the fifth step comes before the eighth (RFC 9293 §3.10.7.4)
	}
	switch {
	case !e.in(FinWait1) || !e.finAcked():
	case by == finTaken:
		by = finsTaken
	default:
		by = finAcksFin
	}
	e.enter(by, s)
	c.startTimeWait(i, e, s)
}

// startTimeWait starts the 2MSL timer if s moved the endpoint to TIME_WAIT.
func (c *Conn) startTimeWait(i int, e *Endpoint, s *Segment) {
	if e.in(TimeWait) && e.History[len(e.History)-1].Packet == s.Packet {
		c.TimeWaits[i] = TwoMSL{Since: s.At}
	}
}

// unreceiveFin withdraws the receipt of the peer's FIN. An endpoint that went from CLOSING to TIME_WAIT becomes
// FIN_WAIT_2. One that went from FIN_WAIT_1 to TIME_WAIT did so by the lost segment, so the acknowledgement in it is
// lost too.
func (e *Endpoint) unreceiveFin(by Rule, packet uint64) {
	e.gotFin = false
	n := len(e.History) - 1
	last := e.History[n]
	closing := n > 0 && e.History[n-1].State == Closing
	e.withdraw(by, packet, func(st State) bool { return st != CloseWait && st != Closing && st != TimeWait })
	switch {
	case last.State != TimeWait || e.State() != FinWait1:
	case closing:
		e.enterAt(finAckArrives, last.At, last.Packet)
	case e.bareAck != nil:
		e.enterAt(finAckArrives, e.bareAck.At, e.bareAck.Packet)
	default:
		e.sndUna = e.FinSeq
	}
}

// holdFin moves the peer's FIN behind retransmitted text: nothing shows that this text arrived the first time.
func (e *Endpoint) holdFin(text Seq, packet uint64) {
	if reset := e.beforeReset(); reset != nil {
		defer e.closeAgain(reset, reset.At, packet)
	}
	last, una := e.History[len(e.History)-1], e.sndUna
	if last.State != CloseWait && last.State != Closing && last.State != TimeWait {
		return
	}
	e.unreceiveFin(finHeldBack, packet)
	e.rcv.missing(text)
	if e.sndUna = una; e.State() == FinWait1 && e.finAcked() {
		e.enterAt(finAckArrives, last.At, last.Packet)
	}
}

// unwind withdraws the states from index n on, and the receipt of the segments that caused them.
func (e *Endpoint) unwind(n int, peer *Endpoint, by Rule, packet uint64) {
	for i := len(e.History) - 1; i >= n; i-- {
		before := Closed
		if i > 0 {
			before = e.History[i-1].State
		}
		st := e.History[i].State
		if st == CloseWait || st == Closing || st == TimeWait && before != Closing {
			e.gotFin = false
			e.rcv.missing(peer.FinSeq)
		}
		if st == FinWait2 || (st == TimeWait || st == Closed) && before != FinWait2 && e.finAcked() {
			e.sndUna = e.FinSeq
		}
		if st == Established && before == SynRcvd {
			e.sndUna = e.ISS
		}
	}
	e.cut(n, by, packet)
}

// withdrawFin withdraws a FIN that turned out not to be the endpoint's.
func (e *Endpoint) withdrawFin(by Rule, packet uint64) {
	if e.FinSent {
		e.FinSent = false
		e.withdraw(by, packet, func(st State) bool { return st < FinWait1 || st == CloseWait })
	}
}

// inferFin infers a FIN in captures of one direction. An empty segment acknowledges one number more than before, and
// later segments acknowledge nothing beyond it: it acknowledges the FIN of the side that is not captured. Text of a
// single octet is rare.
func (c *Conn) inferFin(x, y *Endpoint, s *Segment) bool {
	if y.finInferred {
		if y.HasSent || s.Ack.After(y.FinSeq.Add(1)) {
			x.unreceiveFin(noFinSent, s.Packet)
			y.withdraw(noFinSent, s.Packet, func(st State) bool { return st == Established || st == CloseWait })
			y.FinSent, y.finInferred, y.finWithdrawn = false, false, true
		}
		return false
	}
	if y.HasSent || y.FinSent || y.finWithdrawn || x == y || s.Len > 0 || !x.ackSent || s.Ack != x.maxAck.Add(1) {
		return false
	}
	switch y.State() {
	case Established:
		y.enter(finUnseen, s)
	case CloseWait:
		y.enter(finUnseen, s)
		x.sndUna = x.FinSeq.Add(1) // it was in CLOSE_WAIT, so it had received the FIN and acknowledged it
	default:
		return false
	}
	y.FinSent, y.FinSeq, y.FinAt, y.finAck, y.finInferred = true, x.maxAck, s.At, x.sndNxt, true
	return true
}

// FinsCrossed reports whether each end sent its FIN before it had received the other's (RFC 9293 §3.6, figure 13).
func (c *Conn) FinsCrossed() bool {
	a, b := &c.Ends[0], &c.Ends[1]
	return a.FinSent && b.FinSent && !a.finAck.After(b.FinSeq) && !b.finAck.After(a.FinSeq)
}

// FirstToClose returns the end that closed first: the other end's FIN acknowledged this end's when it was first sent.
func (c *Conn) FirstToClose() (end int, is bool) {
	a, b := &c.Ends[0], &c.Ends[1]
	if !a.FinSent || !b.FinSent {
		return 0, false
	}
	of, by := b.finAck.After(a.FinSeq), a.finAck.After(b.FinSeq) // b's FIN acknowledges a's, and a's b's
	if by {
		end = 1
	}
	return end, of != by
}
