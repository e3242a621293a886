package tcpstate

// segment processes a segment with neither SYN nor RST.
func (c *Conn) segment(from int, x, y *Endpoint, s *Segment) Effect {
	switch {
	case !s.HasAck:
		return c.reject(from, s, noAck)
	case c.log != nil && c.proves(from, x, y, s):
	case y.outdated(s):
		return c.reject(from, s, paws)
	case y.issSeen && y.in(SynSent) && !y.synSentAck(s):
		return Dropped(otherAck)
	case c.behindFin(x, y, s):
		bare := *s
		bare.Seq, bare.Len, bare.Fin = x.FinSeq.Add(1), 0, false
		return c.segment(from, x, y, &bare) | BehindFin
	case !c.fits(x, y, s):
		return c.reject(from, s, otherNumbers)
	}
	rejects := c.rejectsClaim(from, x, y, s)
	y.stamp(s)
	e := c.shape(x, y, s)
	if rejects {
		e |= Challenge
	}
	if s.Seq != s.end() && y.rcv.known && y.rcv.passed(s.Seq, s.end()) {
		e |= Retransmission
	}
	x.HasSent = true
	if !x.past(s) {
		e |= c.outlivesReset(from, x, s)
	}
	reset := x.beforeReset()
	c.sends(from, x, y, s)
	e |= c.readAck(from, x, y, s)
	if s.Fin {
		e |= c.sendsFin(from, x, y, s)
	}
	if reset != nil {
		at := s.At
		if at-reset.At > x.crossing() {
			at = reset.At // a late duplicate does not show when its sender closed
		}
		x.closeAgain(reset, at, s.Packet)
	}
	c.seenPlain = c.seenPlain || !s.Fin
	x.sentText = x.sentText || s.Len > 0 && !e.Has(Keepalive)
	x.time(y, s, e.Has(Retransmission))
	x.sent(s.end())
	x.offers(s)
	e |= c.receives(from, x, y, s, e)
	if s.Fin && y.Known() && y.rcv.known && s.Seq.After(y.rcv.nxt) && !y.gotFin {
		e |= FinAhead
	}
	return e
}

// behindFin reports that s lies in the window but after its sender's FIN, which has arrived. The receiver ignores its
// text and FIN, and uses its acknowledgement (RFC 9293 §3.10.7.4, seventh and eighth step). Some stacks keep counting
// sequence numbers after their FIN.
func (c *Conn) behindFin(x, y *Endpoint, s *Segment) bool {
	return x.FinSent && y.gotFin && y.ackSent && s.Seq.Before(y.edge) && s.end().After(x.FinSeq.Add(1)) &&
		s.Seq.After(x.FinSeq)
}

// fits reports whether the numbers are within reach of what both sides have exchanged. If they are not, the alleged
// sender did not send the segment, and the receiver would drop it (RFC 9293 §3.10.7.4, first and fifth steps). Capture
// loss makes gaps, so fits extends the windows. It accepts a wider gap when the next segment continues from there.
func (c *Conn) fits(x, y *Endpoint, s *Segment) bool {
	const slack = 1 << 17
	if x.ISSKnown && !x.farFromISS && s.Seq != s.end() && !s.end().After(x.ISS.Add(1)) && !x.probesAtISS(s) {
		return false // before the first octet
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
		if x.unaKnown && x.reachBack() > 0 {
			behind = -x.reachBack()
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
	return good
}

// reachBack returns how far behind SND.NXT an old duplicate may lie and still come from the endpoint.
func (e *Endpoint) reachBack() int32 {
	if !e.ISSKnown {
		return 0
	}
	back := uint32(1 << 20)
	if !e.farFromISS {
		back = min(back, uint32(e.sndNxt-e.ISS))
	}
	return int32(back) + 1<<16
}

// probesAtISS reports whether s is a keepalive of an end that has sent only its SYN (RFC 9293 §3.8.4).
func (e *Endpoint) probesAtISS(s *Segment) bool {
	return s.Seq == e.ISS && s.Len <= 1 && !s.Syn && !s.Fin
}

// shape distinguishes probes from text. Both kinds of probe repeat a number that was acknowledged, or use no number.
func (c *Conn) shape(x, y *Endpoint, s *Segment) Effect {
	if s.Fin || s.Len > 1 || !x.sndKnown || !x.synchronized() {
		return 0
	}
	closed := y.ackSent && y.wnd == 0
	switch {
	case s.Seq == x.sndNxt-1 && closed && x.sndUna.Sub(s.Seq) <= 1:
		return ZeroWindowProbe // Linux: a number below SND.UNA, no text
	case s.Len == 1 && s.Seq == x.sndNxt && closed && y.maxAck == s.Seq:
		return ZeroWindowProbe // BSD, Windows: the next octet (RFC 9293 §3.8.6.1)
	case s.Seq == x.sndNxt-1 && x.unaKnown && x.sndUna == x.sndNxt:
		return Keepalive // SEG.SEQ = SND.NXT-1, acknowledged before (RFC 9293 §3.8.4)
	case s.Seq == x.sndNxt-1 && s.Len == 0 && !y.HasSent:
		return Keepalive // the capture holds no acknowledgement, but nothing else has this number
	}
	return 0
}

// sends moves the sender to the state in which it can send this segment.
func (c *Conn) sends(from int, x, y *Endpoint, s *Segment) {
	if at := c.provokedAt[from]; x.in(SynRcvd) && x.sentSyn && !x.sentSynAck && at != 0 && s.At-at <= x.crossing() &&
		s.Len == 0 && !s.Fin && s.Seq == x.sndNxt {
		return // a challenge ACK (RFC 5961 §3.2): an end in SYN_RCVD sends it too
	}
	if n := len(x.History); n > 1 && x.History[1].State == SynRcvd && x.History[0].State == SynSent && !x.sentSynAck &&
		(n == 2 || x.History[2].State == Established) {
		x.withdrawn(x.History[1], synNotReceived, s.Packet)
		x.History = append(x.History[:1], x.History[2:]...)
		if n > 2 {
			x.History[1].Rule = synAckUnseen
			if y.synAckSent() {
				x.History[1].Rule = synAckArrives
			}
		}
	}
	switch {
	case !x.Known() && x.ISSKnown && y.issSeen && y.synAckSent():
		// It answers a SYN-ACK, and its own SYN was not captured: it was in SYN_SENT when the SYN-ACK came.
		x.infer(synUnseen, y.lastSynAt, y.lastSynPacket)
		x.enterAt(synAckArrives, y.lastSynAt, y.lastSynPacket)
	case !x.Known():
		// Picked up midstream. Every connection passes through ESTABLISHED, so that is assumed. No packet shows which
		// side opened it.
		if !x.sndKnown {
			x.sndKnown, x.sndNxt = true, s.Seq
		}
		if !x.unaKnown {
			x.unaKnown, x.sndUna = true, s.Seq
		}
		if y.issSeen && y.in(SynSent) {
			// It acknowledges a SYN, so it was in SYN_RCVD before. The capture lacks its SYN-ACK.
			x.infer(passiveOpen, y.lastSynAt, y.lastSynPacket)
		}
		x.infer(midstream, s.At, s.Packet)
	case x.State() == SynSent && (x.farFromISS || s.Seq.After(x.ISS) || s.Seq == x.ISS && s.Seq == s.end()):
		// Only an endpoint in ESTABLISHED acknowledges.
		if !y.ISSKnown {
			y.setISS(s.Ack-1, false)
		}
		x.rcv = received{known: true, nxt: s.Ack}
		x.sndUna = maxSeq(x.sndUna, s.Seq)
		if y.synAckSent() {
			x.enter(synAckTaken, s)
		} else {
			x.infer(synAckUnseen, s.At, s.Packet)
		}
	case x.State() == SynRcvd && x.ISSKnown:
		beyond := s.Seq.Add(s.Len).After(x.ISS.Add(1+x.synLen)) || s.Fin && !x.sentSyn
		ofData := y.ISSKnown && s.Ack.After(y.ISS.Add(1+y.synLen))
		if beyond && !c.SynDataAcked || ofData || x.probesAtISS(s) {
			// The capture lacks the ACK that completed the handshake. (With Fast Open, text may be sent before that
			// ACK: RFC 7413 §4.2.)
			x.infer(synAckedUnseen, s.At, s.Packet)
		}
	}
	if !y.Known() {
		c.inferFromAck(x, y, s)
	}
}

// inferFromAck gives an endpoint that has sent nothing the state that its peer's acknowledgement implies.
func (c *Conn) inferFromAck(x, y *Endpoint, s *Segment) {
	if x.sentSynAck && x.synchronized() {
		// The endpoint is beyond SYN_RCVD: the side that opened has answered, and the capture lacks that answer.
		y.enterAt(synUnseen, x.lastSynAt, x.lastSynPacket)
		y.enterAt(synAckArrives, x.lastSynAt, x.lastSynPacket)
		return
	}
	if x.sentSynAck {
		return
	}
	if x.issSeen && y.ISSKnown && !y.synAckSent() {
		y.infer(passiveOpen, x.lastSynAt, x.lastSynPacket)
		y.sndUna = y.ISS
		if !y.rcv.known {
			y.rcv = received{known: true, nxt: x.ISS.Add(1)}
		}
		return
	}
	if x.synchronized() {
		if !y.sndKnown {
			y.sndKnown, y.sndNxt = true, s.Ack
		}
		if !y.unaKnown {
			y.unaKnown, y.sndUna = true, s.Ack
		}
		y.infer(midstreamAcked, s.At, s.Packet)
	}
}

// answersFirstProbe reports whether s acknowledges one number more than its peer's first segments show. Those were
// empty, and began at SND.NXT-1, as a keepalive does (RFC 9293 §3.8.4).
func (c *Conn) answersFirstProbe(from int, y *Endpoint, s *Segment) bool {
	probe := &c.last[1-from]
	return !y.ISSKnown && !y.sentText && !y.FinSent && y.HasSent && probe.seq == probe.end && probe.end == y.sndNxt &&
		s.Ack == y.sndNxt.Add(1)
}

// readAck reads SEG.ACK as the sender's RCV.NXT when it sent this segment.
func (c *Conn) readAck(from int, x, y *Endpoint, s *Segment) (e Effect) {
	inferred := c.inferFin(x, y, s)
	switch {
	case !y.sndKnown || !s.Ack.After(y.sndNxt) || inferred:
	case c.answersFirstProbe(from, y, s):
		e |= AnswersKeepalive
	default:
		e |= Unsent
		if y.HasSent {
			c.claims(from, x, y, s)
		}
		if y.HasSent && !(x.rcv.known && x.rcv.covers(s.Ack-1, s.Ack)) {
			c.noteMissing(1-from, s.Ack-1, s.Packet)
		}
	}
	y.sent(s.Ack) // what was acknowledged was sent, captured or not
	if x.gotFin && !s.Ack.After(y.FinSeq) && !x.past(s) && (!x.ackSent || !s.Ack.Before(x.maxAck)) &&
		x.State() != Closed {
		if s.At-x.since() > x.crossing() {
			// The FIN was assumed to have arrived. It has not.
			x.unreceiveFin(ackShort, s.Packet)
			x.rcv.missing(s.Ack)
			e |= FinLost
		} else if x.State() == CloseWait || x.State() == Closing {
			x.postpone(s)
		}
	}
	if l := &c.last[1-from]; x.FinSent && !x.finAcked() && l.hasAck && l.ack.After(x.FinSeq) && x != y &&
		l.seq != l.end && !s.Ack.Before(l.end) && (!x.ackSent || x.maxAck.Before(l.end)) {
		// It acknowledges the peer's last segment for the first time. So the acknowledgement of its FIN, which that
		// segment carries, has arrived too.
		x.sndUna = l.ack
		if !y.FinSent || l.end != y.FinSeq.Add(1) {
			c.finAcked(from, x, &Segment{At: l.at, Packet: l.packet})
		}
	}
	had := x.rcv.nxt
	x.rcv.acked(s.Ack)
	first := y.FinSent && !x.ackedFin && s.Ack.After(y.FinSeq)
	if first {
		x.ackedFin, x.ackedFinWith, x.ackedFinAt = true, s.Seq, s.At
	}
	if !x.gotFin && y.FinSent && x.rcv.nxt.After(y.FinSeq) && (x.rcv.nxt != had || s.Ack.After(y.FinSeq)) {
		if x.FinSent && y.finAck.After(x.FinSeq) {
			x.sndUna = maxSeq(x.sndUna, y.finAck)
		}
		c.receiveFin(from, x, s, finTaken)
		if inferred {
			x.inferSince(s.Packet)
		}
	}
	if st := y.echoed(s); first && st != nil {
		x.redate(st, CloseWait, Closing, TimeWait)
	} else if st != nil && !x.ackSent && x.sentSyn && !y.FinSent {
		x.redate(st, Established) // the SYN-ACK that was sent earlier did it
	}
	return e
}

// receives makes the segment arrive at y, unless its sender is unheard.
func (c *Conn) receives(from int, x, y *Endpoint, s *Segment, shape Effect) Effect {
	if c.unheard(from) {
		return 0
	}
	// a retransmission acknowledges what its sender has received by now (RFC 9293 §3.8.1)
	old := x.ackSent && s.Ack.Before(x.maxAck)
	if y.rcv.known && shape.Has(Retransmission) && !old && y.gotFin && y.ackSent && !s.Seq.After(y.maxAck) &&
		s.textEnd().After(y.maxAck) && s.At-y.since() > y.crossing() {
		y.holdFin(s.Seq, s.Packet)
	}
	return c.arrives(c.peer(from), x, y, s, shape)
}
