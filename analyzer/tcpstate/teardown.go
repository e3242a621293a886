package tcpstate

// TwoMSL is an end's stay in TIME_WAIT beyond what its history says.
type TwoMSL struct {
	Since    int64 // when 2MSL was started last
	Restarts uint64
}

// sendsFin is a FIN that the endpoint sends, for the first time or again (RFC 9293 §3.10.4).
func (c *Conn) sendsFin(from int, x, y *Endpoint, s *Segment) (e Effect) {
	seq := s.textEnd()
	before := x.State() == SynRcvd || x.State() == Established || x.State() == CloseWait
	if x.FinSent && seq == x.FinSeq && !before {
		x.fins++
		if x.past(s) {
			return 0
		}
		return c.finAgain(from, x, y, s)
	}
	if x.FinSent && y.gotFin && !before {
		return 0
	}
	if !x.FinSent && x.sndUna.After(seq) && !(y.ackSent && y.maxAck.After(seq)) {
		x.sndUna = seq // SEG.SEQ of its first segment was SND.NXT, behind this FIN, and nobody has acknowledged that far
	}
	x.disownFin() // one before that nobody could take in: it was not this endpoint's
	x.FinSent, x.FinSeq, x.FinAt, x.fins = true, seq, s.At, 1
	x.finAck, x.finPacket = s.Ack, s.Packet
	switch x.State() {
	case CloseWait:
		if y.FinSent && !s.Ack.After(y.FinSeq) {
			// It has not received the FIN that is on its way to it: both close at once (RFC 9293 §3.6, figure 13).
			x.lostFin()
			x.enter(FinWait1, s, false)
			x.gotFin = true
			x.enter(Closing, s, true)
			return FinsCross
		}
		if x.ackedFin && x.ackedFinWith == seq.Add(1) && y.fins == 1 && x.ackedFinAt-y.FinAt <= x.crossing() {
			// When it acknowledged the peer's FIN its own had the number before: it had left already and was lost on
			// the way to the observer.
			at, packet := x.since(), x.History[len(x.History)-1].Packet
			x.withdraw(func(st State) bool { return st != CloseWait })
			x.infer(FinWait1, at, packet, false)
			x.enterAt(Closing, at, packet, true)
			return e
		}
		x.enter(LastAck, s, false)
	case FinWait1, FinWait2, Closing, TimeWait, LastAck:
	default:
		x.enter(FinWait1, s, false)
	}
	return e
}

// finAgain is a retransmitted FIN: its acknowledgement had not arrived when it left.
func (c *Conn) finAgain(from int, x, y *Endpoint, s *Segment) (e Effect) {
	if ack := &c.last[1-from]; x.finAcked() && ack.hasAck && ack.ack.After(x.FinSeq) && s.At-ack.at <= x.crossing() {
		x.finAckedBy(ack) // it denies the first acknowledgement, and the last one is on its way
	} else if x.finAcked() && s.At-x.finAckedAt() > x.crossing() {
		x.sndUna = x.FinSeq
		hasPeerFin := y.FinSent && s.Ack.After(y.FinSeq)
		switch x.State() {
		case FinWait2:
			x.withdrawTo(FinWait1)
			e |= AckOfFinLost
		case TimeWait:
			at, packet := x.since(), x.History[len(x.History)-1].Packet
			x.withdraw(func(st State) bool { return st == FinWait1 || st == Closing })
			if hasPeerFin && x.State() == FinWait1 {
				x.enterAt(Closing, at, packet, true)
			} else if !hasPeerFin {
				x.gotFin = false
				x.rcv.missing(s.Ack)
			}
			e |= AckOfFinLost
		case Closed:
			if c.Reset == nil {
				x.withdrawTo(LastAck)
				e |= AckOfFinLost
			}
		}
	}
	if y.gotFin && !(y.ackSent && y.maxAck.After(x.FinSeq)) {
		switch y.State() {
		case CloseWait, Closing, TimeWait:
			// Nothing shows that the first one arrived.
			y.lostFin()
			y.rcv.missing(x.FinSeq)
			e |= FinLost
		}
	}
	return e
}

// finAckedAt is when the acknowledgement of the FIN passed: the state it led to began then.
func (e *Endpoint) finAckedAt() int64 {
	if i := e.afterFinAcked(); i >= 0 {
		return e.History[i].At
	}
	return e.since()
}

// afterFinAcked is the index of the state that the acknowledgement of the FIN led to, -1 for none.
func (e *Endpoint) afterFinAcked() int {
	for i := len(e.History) - 1; i >= 0; i-- {
		if st := e.History[i].State; st == FinWait2 || st == Closed || st == TimeWait && (i == 0 || e.History[i-1].State != FinWait2) {
			return i
		}
	}
	return -1
}

// finAckedBy dates the acknowledgement of the FIN by a later segment than before.
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

func (c *Conn) finAcked(i int, y *Endpoint, s *Segment) {
	switch y.State() {
	case FinWait1:
		y.enter(FinWait2, s, true)
	case Closing:
		c.timeWait(i, y, s)
	case LastAck:
		y.enter(Closed, s, true)
	}
}

// finAcked reports whether an acknowledgement of this endpoint's FIN has passed on its way to it.
func (e *Endpoint) finAcked() bool { return e.FinSent && e.unaKnown && e.sndUna.After(e.FinSeq) }

// receiveFin is the arrival of the peer's FIN with nothing missing before it.
func (c *Conn) receiveFin(i int, e *Endpoint, s *Segment, onReceipt bool) {
	e.gotFin = true
	switch e.State() {
	case SynRcvd, Established:
		if e.Known() {
			e.enter(CloseWait, s, onReceipt)
		}
	case FinWait1:
		if e.finAcked() {
			c.timeWait(i, e, s)
		} else {
			e.enter(Closing, s, onReceipt)
		}
	case FinWait2:
		c.timeWait(i, e, s)
	}
}

func (c *Conn) timeWait(i int, e *Endpoint, s *Segment) {
	e.enter(TimeWait, s, true)
	c.TimeWaits[i] = TwoMSL{Since: s.At}
}

// lostFin takes back the receipt of the peer's FIN. What went from CLOSING to TIME_WAIT was FIN_WAIT_2; what went there
// from FIN_WAIT_1 did so by the segment that is lost, its acknowledgement with it.
func (e *Endpoint) lostFin() {
	e.gotFin = false
	n := len(e.History) - 1
	last := e.History[n]
	closing := n > 0 && e.History[n-1].State == Closing
	e.withdraw(func(st State) bool { return st != CloseWait && st != Closing && st != TimeWait })
	switch {
	case last.State != TimeWait || e.State() != FinWait1:
	case closing:
		e.enterAt(FinWait2, last.At, last.Packet, true)
	case e.bareAck != nil:
		e.enterAt(FinWait2, e.bareAck.At, e.bareAck.Packet, true)
	default:
		e.sndUna = e.FinSeq
	}
}

// holdFin puts the peer's FIN behind text that comes again: nothing shows that this arrived the first time.
func (e *Endpoint) holdFin(text Seq) {
	if reset := e.beforeReset(); reset != nil {
		defer e.push(*reset)
	}
	last, una := e.History[len(e.History)-1], e.sndUna
	if last.State != CloseWait && last.State != Closing && last.State != TimeWait {
		return
	}
	e.lostFin()
	e.rcv.missing(text)
	if e.sndUna = una; e.State() == FinWait1 && e.finAcked() {
		e.enterAt(FinWait2, last.At, last.Packet, true)
	}
}

// unwind takes back the states from the n-th on, and the receipt of what brought them.
func (e *Endpoint) unwind(n int, peer *Endpoint) {
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
	}
	e.History = e.History[:n]
}

// disownFin takes back a FIN that turned out not to be the endpoint's.
func (e *Endpoint) disownFin() {
	if e.FinSent {
		e.FinSent = false
		e.withdraw(func(st State) bool { return st < FinWait1 || st == CloseWait })
	}
}

// guessFin is for captures of one direction. An empty segment that acknowledges one number more than before, and
// nothing beyond it later, acknowledges the FIN of the side that is not captured: text seldom comes by one octet.
func (c *Conn) guessFin(x, y *Endpoint, s *Segment) bool {
	if y.finGuessed {
		if y.Spoke || s.Ack.After(y.FinSeq.Add(1)) {
			x.lostFin()
			y.withdraw(func(st State) bool { return st == Established || st == CloseWait })
			y.FinSent, y.finGuessed, y.finDenied = false, false, true
		}
		return false
	}
	if y.Spoke || y.FinSent || y.finDenied || x == y || s.Len > 0 || !x.ackSent || s.Ack != x.maxAck.Add(1) {
		return false
	}
	switch y.State() {
	case Established:
		y.enter(FinWait1, s, false)
	case CloseWait:
		y.enter(LastAck, s, false)
		x.sndUna = x.FinSeq.Add(1) // it was in CLOSE_WAIT, so it had received the FIN and acknowledged it
	default:
		return false
	}
	y.FinSent, y.FinSeq, y.FinAt, y.finAck, y.finGuessed = true, x.maxAck, s.At, x.sndNxt, true
	return true
}

// FinsCrossed reports whether each end sent its FIN before it had received the other's (RFC 9293 §3.6, figure 13).
func (c *Conn) FinsCrossed() bool {
	a, b := &c.Ends[0], &c.Ends[1]
	return a.FinSent && b.FinSent && !a.finAck.After(b.FinSeq) && !b.finAck.After(a.FinSeq)
}

// restart is a FIN that arrives again: in TIME_WAIT it starts 2MSL again (RFC 9293 §3.10.7.4, eighth step).
func (c *Conn) restart(i int, e *Endpoint, s *Segment) Effect {
	if !s.Fin || e.State() != TimeWait {
		return 0
	}
	c.TimeWaits[i].Since = s.At
	c.TimeWaits[i].Restarts++
	return TimeWaitRestarted
}
