package tcpstate

// segment is a segment with neither SYN nor RST.
func (c *Conn) segment(from int, x, y *Endpoint, s *Segment) Effect {
	if !s.HasAck || y.outdated(s) || !c.fits(x, y, s) {
		return Foreign // without ACK it would be dropped (RFC 9293 §3.10.7.4, fifth step)
	}
	y.stamp(s)
	e := c.shape(x, y, s)
	if s.Seq != s.end() && y.rcv.known && y.rcv.covers(s.Seq, s.end()) {
		e |= Again
	}
	x.Spoke = true
	if !x.past(s) {
		e |= c.goesOn(from, x, s)
	}
	reset := x.beforeReset()
	c.sends(from, x, y, s)
	e |= c.ownWord(from, x, y, s)
	if s.Fin {
		e |= c.sendsFin(from, x, y, s)
	}
	if reset != nil {
		reset.At = max(reset.At, s.At)
		x.History = append(x.History, *reset)
	}
	c.bare = c.bare || !s.Fin
	x.time(y, s, e.Has(Again))
	x.sent(s.end())
	x.offers(s)
	e |= c.receives(from, x, y, s)
	if s.Fin && y.Known() && y.rcv.known && s.Seq.After(y.rcv.nxt) && !y.gotFin {
		e |= FinAhead
	}
	return e
}

// fits reports whether the numbers are within reach of what the two have exchanged: a segment that is not is no word
// of its alleged sender, and its receiver would drop it (RFC 9293 §3.10.7.4, first and fifth steps). Packets that the
// capture lost make gaps, so the windows are taken generously; a gap beyond them is believed when the next segment
// goes on from there.
func (c *Conn) fits(x, y *Endpoint, s *Segment) bool {
	const slack = 1 << 17
	if y.issSeen && y.State() == SynSent && y.Known() && (!s.Ack.After(y.ISS) || s.Ack.After(y.sndNxt)) {
		return false // an answer, but not to this SYN (RFC 9293 §3.10.7.3, first step)
	}
	good := !x.FinSent || !s.end().After(x.FinSeq.Add(1)) // nothing comes after a FIN
	if good && x.sndKnown {
		ahead := s.Seq.Sub(x.sndNxt)
		reach := int32(slack)
		if y.ackSent {
			reach = max(reach, y.edge.Sub(x.sndNxt)+2*slack)
		} else {
			reach = 1 << 30
		}
		behind := -int32(1 << 30)
		if x.unaKnown && x.rcvBack(y) > 0 {
			behind = -x.rcvBack(y)
		}
		good = ahead <= reach && ahead >= behind
	}
	if good && y.sndKnown {
		ahead := s.Ack.Sub(y.sndNxt)
		reach := int32(1 << 30)
		if x.ackSent {
			reach = max(slack, x.edge.Sub(y.sndNxt)+2*slack)
		}
		good = ahead <= reach && ahead >= -(1<<30)
	}
	if good {
		x.strayKnown = false
		return true
	}
	resumes := x.strayKnown && s.Seq == x.strayEnd && s.Len > 0 ||
		y.strayKnown && s.Ack == y.strayEnd && y.strayEnd != y.sndNxt
	x.strayKnown, x.strayEnd = true, s.end()
	if resumes {
		x.disownFin()
		x.sndNxt, x.sndKnown = s.Seq, true
		if y.sndKnown && s.Ack.After(y.sndNxt) {
			y.sndNxt = s.Ack
		}
		y.rcv.nxt, y.rcv.ahead = s.Seq, nil
		x.strayKnown = false
	}
	return resumes
}

// rcvBack is how far behind SND.NXT an old duplicate of the endpoint may lie and still be its own.
func (e *Endpoint) rcvBack(peer *Endpoint) int32 {
	if !e.ISSKnown {
		return 0
	}
	return int32(min(uint32(e.sndNxt-e.ISS), 1<<20)) + 1<<16
}

// shape tells probes from text. Both probes repeat a number that has been acknowledged, or none at all.
func (c *Conn) shape(x, y *Endpoint, s *Segment) Effect {
	if s.Fin || s.Len > 1 || !x.sndKnown || !x.synchronized() {
		return 0
	}
	closed := y.ackSent && y.wnd == 0
	switch {
	case s.Seq == x.sndNxt-1 && closed && x.sndUna.Sub(s.Seq) <= 1:
		return ZeroWindowProbe // Linux: a number below SND.UNA, no text
	case s.Len == 1 && s.Seq == x.sndNxt && closed && y.lastAck == s.Seq:
		return ZeroWindowProbe // BSD, Windows: the next octet (RFC 9293 §3.8.6.1)
	case s.Seq == x.sndNxt-1 && x.unaKnown && x.sndUna == x.sndNxt:
		return Keepalive // SEG.SEQ = SND.NXT-1, acknowledged before (RFC 9293 §3.8.4)
	}
	return 0
}

// goesOn withdraws a reset that the endpoint has outlived: it sends more than what was under way.
func (c *Conn) goesOn(from int, x *Endpoint, s *Segment) Effect {
	y := &c.Ends[1-from]
	challenge := s.Len == 0 && s.Seq == x.sndNxt && x.ackSent && s.Ack == x.lastAck // RFC 5961 §3.2
	if x.doubted != nil && (s.At-x.doubted.At > x.crossing() || challenge) {
		x.doubted, y.doubted = nil, nil
	}
	if x.State() != Closed || !x.resetClosed {
		return 0
	}
	own := !x.History[len(x.History)-1].onReceipt
	asks := !own && challenge && c.Reset != nil && s.Ack != c.resetSeq // it expected another number than the RST's
	if s.At-x.since() <= x.crossing() && !asks {
		return 0
	}
	x.withdraw(func(st State) bool { return st != Closed })
	x.resetClosed = false
	if own && c.HalfOpen != nil && c.HalfOpen.Survivor != from {
		c.HalfOpen = nil
	}
	if c.Reset != nil && (c.Reset.By == from || !y.resetClosed || y.State() != Closed) {
		c.Reset = nil
	}
	return ResetOutlived
}

// beforeReset takes off the CLOSED of an RST that is on its way to the endpoint: what the endpoint still sends, it sends
// in the state before.
func (e *Endpoint) beforeReset() *Entry {
	n := len(e.History) - 1
	if n < 0 || e.State() != Closed || !e.resetClosed || !e.History[n].onReceipt {
		return nil
	}
	last := e.History[n]
	e.History = e.History[:n]
	return &last
}

// sends puts the sender into the state that it must be in to send this.
func (c *Conn) sends(from int, x, y *Endpoint, s *Segment) {
	if n := len(x.History); n > 1 && x.History[1].State == SynRcvd && x.History[0].State == SynSent && !x.sentSynAck {
		// In SYN_RCVD it would have sent a SYN-ACK first: the peer's bare SYN never arrived.
		x.History = append(x.History[:1], x.History[2:]...)
	}
	switch {
	case !x.Known() && x.ISSKnown && y.issSeen && y.synAckSent():
		// It answers a SYN-ACK whose SYN was not captured: it was in SYN_SENT when that came.
		x.enterAt(SynSent, y.lastSynAt, y.lastSynPacket, false)
		x.inferLast()
		x.enterAt(Established, y.lastSynAt, y.lastSynPacket, true)
	case !x.Known():
		// Picked up midstream. ESTABLISHED is the one state every connection passes; which side opened it nobody saw.
		if !x.sndKnown {
			x.sndKnown, x.sndNxt = true, s.Seq
		}
		if !x.unaKnown {
			x.unaKnown, x.sndUna = true, s.Seq
		}
		if y.issSeen && y.State() == SynSent && y.Known() {
			// It acknowledges a SYN, so it had been in SYN_RCVD; its SYN-ACK is not in the capture.
			x.enterAt(SynRcvd, y.lastSynAt, y.lastSynPacket, true)
			x.inferLast()
		}
		if s.Len > 0 || !s.Fin || x.Known() {
			x.enter(Established, s, false)
			x.inferLast()
		}
	case x.State() == SynSent && !s.Seq.Before(x.ISS.Add(1)):
		// Only ESTABLISHED acknowledges.
		if !y.ISSKnown {
			y.setISS(s.Ack-1, false)
		}
		x.rcv = received{known: true, nxt: s.Ack}
		x.sndUna = maxSeq(x.sndUna, s.Seq)
		if x.enter(Established, s, true); !y.synAckSent() {
			x.inferLast() // by a SYN-ACK that is not in the capture
		}
	case x.State() == SynRcvd && x.ISSKnown:
		beyond := s.Seq.Add(s.Len).After(x.ISS.Add(1+x.synLen)) || s.Fin
		ofData := y.ISSKnown && s.Ack.After(y.ISS.Add(1+y.synLen))
		if beyond && !c.SynDataAcked || ofData {
			// The ACK that completed the handshake is not in the capture. (With Fast Open text may be sent before it:
			// RFC 7413 §4.2.)
			x.enter(Established, s, true)
			x.inferLast()
		}
	}
	if !y.Known() {
		c.acknowledged(x, y, s)
	}
}

func (e *Endpoint) synAckSent() bool { return e.syns > 0 && e.ackSent }

// acknowledged gives an endpoint that has not spoken the state that its peer's acknowledgement supposes.
func (c *Conn) acknowledged(x, y *Endpoint, s *Segment) {
	if x.sentSynAck && x.synchronized() {
		// It has gone beyond SYN_RCVD: the side that opened has answered, unseen.
		y.enterAt(SynSent, x.lastSynAt, x.lastSynPacket, false)
		y.enterAt(Established, x.lastSynAt, x.lastSynPacket, true)
		return
	}
	if x.sentSynAck {
		return
	}
	if x.issSeen && y.ISSKnown && !y.synAckSent() {
		y.enterAt(SynRcvd, x.lastSynAt, x.lastSynPacket, true)
		y.inferLast()
		y.sndUna = y.ISS
		if !y.rcv.known {
			y.rcv = received{known: true, nxt: x.ISS.Add(1)}
		}
		return
	}
	if x.synchronized() && (s.Len > 0 || !s.Fin) {
		if !y.sndKnown {
			y.sndKnown, y.sndNxt = true, s.Ack
		}
		if !y.unaKnown {
			y.unaKnown, y.sndUna = true, s.Ack
		}
		y.enter(Established, s, true)
		y.inferLast()
	}
}

// ownWord takes SEG.ACK for what it is: the sender's RCV.NXT when it sent this.
func (c *Conn) ownWord(from int, x, y *Endpoint, s *Segment) (e Effect) {
	guessed := c.guessFin(x, y, s)
	if y.sndKnown && s.Ack.After(y.sndNxt) && !guessed {
		e |= Unsent
	}
	y.sent(s.Ack) // acknowledged, so sent, captured or not
	if x.gotFin && !s.Ack.After(y.FinSeq) && (!x.ackSent || !s.Ack.Before(x.maxAck)) && x.State() != Closed {
		if s.At-x.since() > x.crossing() {
			// The FIN that was taken to have arrived has not.
			x.lostFin()
			x.rcv.missing(s.Ack)
			e |= FinLost
		} else if x.State() == CloseWait || x.State() == Closing {
			x.postpone(s)
		}
	}
	had := x.rcv.nxt
	x.rcv.acked(s.Ack)
	if y.FinSent && !x.ackedFin && s.Ack.After(y.FinSeq) {
		x.ackedFin, x.ackedFinWith = true, s.Seq
	}
	if !x.gotFin && y.FinSent && x.rcv.nxt.After(y.FinSeq) && (x.rcv.nxt != had || s.Ack.After(y.FinSeq)) {
		c.receiveFin(from, x, s, false)
		if guessed {
			x.inferLast()
		}
	}
	return e
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

// sendsFin is a FIN that the endpoint sends, for the first time or again (RFC 9293 §3.10.4).
func (c *Conn) sendsFin(from int, x, y *Endpoint, s *Segment) (e Effect) {
	seq := s.textEnd()
	if x.FinSent && seq == x.FinSeq {
		x.fins++
		if x.past(s) {
			return 0
		}
		return c.finAgain(from, x, y, s)
	}
	if x.FinSent && y.gotFin {
		return 0
	}
	x.disownFin() // one before that nobody could take in: it was not this endpoint's
	x.FinSent, x.FinSeq, x.FinAt, x.fins = true, seq, s.At, 1
	x.finAck = s.Ack
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
		if x.ackedFin && x.ackedFinWith == seq.Add(1) && y.fins == 1 {
			// When it acknowledged the peer's FIN its own had the number before: it had left already and was lost on
			// the way to the observer.
			at, packet := x.since(), x.History[len(x.History)-1].Packet
			x.withdraw(func(st State) bool { return st != CloseWait })
			x.enterAt(FinWait1, at, packet, false)
			x.inferLast()
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

// disownFin takes back a FIN that turned out not to be the endpoint's.
func (e *Endpoint) disownFin() {
	if e.FinSent {
		e.FinSent = false
		e.withdraw(func(st State) bool { return st < FinWait1 || st == CloseWait })
	}
}

// finAgain is a retransmitted FIN: its acknowledgement had not arrived when it left.
func (c *Conn) finAgain(from int, x, y *Endpoint, s *Segment) (e Effect) {
	if x.finAcked() && s.At-x.finAckedAt() > x.crossing() {
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
	for i := len(e.History) - 1; i >= 0; i-- {
		if st := e.History[i].State; st == FinWait2 || st == Closed || st == TimeWait && (i == 0 || e.History[i-1].State != FinWait2) {
			return e.History[i].At
		}
	}
	return e.since()
}

// receives is the segment's arrival at y (RFC 9293 §3.10.7.4, in the order of its steps).
func (c *Conn) receives(from int, x, y *Endpoint, s *Segment) (e Effect) {
	if c.deaf(from) {
		return 0
	}
	if !y.rcv.known {
		y.rcv = received{known: true, nxt: s.Seq}
	}
	if !y.Known() || y.State() == Closed || y.State() == SynSent {
		if s.Seq != s.end() {
			y.rcv.add(s.Seq, s.end())
		}
		return 0
	}
	to := 1 - from
	if x == y {
		to = from
	}

	// Fifth step, the ACK field.
	finAcked := false
	if s.Ack.After(y.sndUna) {
		y.sndUna = s.Ack
		finAcked = y.finAcked()
	}
	if y.State() == SynRcvd && y.ISSKnown && y.sndUna.After(y.ISS) {
		y.enter(Established, s, true)
		c.completed(y, s)
	}
	if y.bareAck == nil && !s.Fin && y.finAcked() && s.Ack.After(y.FinSeq) {
		y.bareAck = &Entry{At: s.At, Packet: s.Packet}
	}
	gotFin := false
	had := y.rcv.nxt
	if s.Seq != s.end() {
		// Seventh step, the text; the FIN counts as one more octet behind it.
		y.rcv.add(s.Seq, s.end())
	}
	if x.FinSent && !y.gotFin && y.rcv.nxt.After(x.FinSeq) {
		gotFin = true
	}
	switch {
	case finAcked && gotFin && y.State() == FinWait1:
		// One segment does both: straight to TIME_WAIT (RFC 9293 §3.3.2).
		y.gotFin = true
		c.timeWait(to, y, s)
		return 0
	case finAcked:
		c.finAcked(to, y, s)
	}
	if gotFin {
		// Eighth step, the FIN, once nothing before it is missing.
		c.receiveFin(to, y, s, true)
	} else if s.Fin && y.State() == TimeWait && !s.end().After(had) {
		c.TimeWaits[to].Since = s.At
		c.TimeWaits[to].Restarts++
		e |= TimeWaitRestarted
	}
	return e
}

// completed takes note of the segment that completed the handshake at the passive end.
func (c *Conn) completed(y *Endpoint, s *Segment) {
	c.HandshakeAcked = true
	c.HandshakeAckAt, c.HandshakeAckPacket = s.At, s.Packet
	peer := &c.Ends[0]
	if peer == y {
		peer = &c.Ends[1]
	}
	if y.synAckSent() && !c.HasClientRTT {
		c.HasClientRTT, c.ClientRTT = true, s.At-y.lastSynAt
		peer.answers(s.At - y.firstSynAt)
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
