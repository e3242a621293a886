package tcpstate

// sendsSyn processes a SYN without ACK: its sender is in SYN_SENT (RFC 9293 §3.10.1).
func (c *Conn) sendsSyn(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		return Dropped(SynInside)
	}
	x.HasSent = true
	again := x.Syns > 0
	if x.sentSynAck && !x.sentSyn && x.Known() && x.History[0].State == SynRcvd {
		// The endpoint's own SYN, captured late: it sent this before the peer's SYN came (RFC 9293 §3.5, figure 7).
		x.insert(0, Entry{State: SynSent, Rule: ActiveOpen, At: x.History[0].At, Packet: s.Packet,
			Inferred: x.History[0].Inferred}, synArrived)
	}
	x.sentSyn = true
	if again {
		e |= Retransmission
		x.restamp(stamp{x.firstSynAt, x.lastSynPacket, x.tsSent}, s)
		// A retransmitted SYN shows that its sender had received no SYN-ACK, and accepted no RST, when the SYN left.
		if !x.ackSent && x.State() != SynSent && s.At-x.left(SynSent) > x.crossing() {
			x.withdrawTo(SynSent, synResent, s.Packet)
			x.rcv, x.gotFin = received{}, false
			e |= SynAckLost
		}
	}
	x.Syns++
	x.setISS(s.Seq, true)
	x.synLen = max(x.synLen, s.Len)
	x.sent(s.end())
	x.transmitsSyn(s)
	x.offers(s)
	switch {
	case !x.Known() && y.synAckSent() && x.acksSyn(y.maxAck):
		// The capture has it after the SYN-ACK that answers it, but it was sent before.
		x.enterAt(ActiveOpen, min(s.At, y.lastSynAt), s.Packet)
		x.enterAt(synAckArrives, y.lastSynAt, y.lastSynPacket)
	case !x.Known():
		x.enter(ActiveOpen, s)
	}
	if y.issSeen && y != x && x.State() == SynSent && y.State() == SynSent && !again {
		// Both have sent a SYN, and neither has acknowledged: the other's SYN is on its way here (RFC 9293 §3.5, figure
		// 7).
		if !x.rcv.known {
			x.rcv = received{known: true, nxt: y.ISS.Add(1)}
		}
		x.enter(synOnItsWay, s)
	}
	if !y.rcv.known {
		y.rcv = received{known: true, nxt: s.Seq.Add(1)} // its SYN-ACK will show whether it accepts the text (RFC 7413)
	}
	return e | c.arrives(1-from, x, y, s, e)
}

// sendsSynAck processes a SYN with ACK: its sender has received a SYN and is in SYN_RCVD. A FIN in the same segment is
// processed after the SYN (RFC 9293 §3.10.7.3, fourth step: "if there are other controls or text in the segment, then
// continue").
func (c *Conn) sendsSynAck(from int, x, y *Endpoint, s *Segment) Effect {
	if !s.Fin {
		return c.answersSyn(from, x, y, s)
	}
	opening := *s
	opening.Fin = false
	e := c.answersSyn(from, x, y, &opening)
	if e.Has(Rejected) || e.Has(BadSynAck) {
		return e
	}
	fin := *s
	fin.Syn, fin.Seq, fin.Len = false, s.textEnd(), 0
	e |= c.sendsFin(from, x, y, &fin)
	x.sent(fin.end())
	return e | c.receives(from, x, y, &fin, e)
}

func (c *Conn) answersSyn(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		if !x.badSynAck || y.synAcked || !y.acksSyn(s.Ack) {
			if !y.acksSyn(s.Ack) {
				return Dropped(otherSynAck)
			}
			return c.reject(from, s, otherSynAck)
		}
		// The previous SYN-ACK acknowledged no SYN of this attempt, and was reset or forgotten. This SYN-ACK is the
		// answer.
		if y.gotFin {
			y.unreceiveFin(otherSyn, s.Packet)
		}
		x.cut(0, otherSyn, s.Packet)
		*x = Endpoint{Withdrawn: x.Withdrawn, WithdrawnMore: x.WithdrawnMore}
		c.Reset = nil
	}
	if !y.ISSKnown {
		y.setISS(s.Ack-1, false)
	}
	x.HasSent = true
	good := y.acksSyn(s.Ack)
	again := x.Syns > 0 && x.ackSent
	if again {
		e |= Retransmission
		x.restamp(stamp{x.firstSynAt, x.lastSynPacket, x.tsSent}, s)
		// A retransmitted SYN-ACK shows that its sender accepted nothing that completes the handshake. Either the ACK
		// was lost, or the accept queue is full, or TCP_DEFER_ACCEPT waits for data. A SYN-ACK that comes sooner than
		// any timeout is a duplicate, unless it answers a retransmitted SYN.
		due := s.At-x.lastSynAt > SoonestTimeout || !y.sentSynAck && y.lastSynPacket > x.lastSynPacket
		if ack := &c.last[1-from]; x.State() == Established && x.acksSyn(ack.ack) && s.At-ack.at <= x.crossing() {
			x.postponeTo(ack) // this SYN-ACK disproves earlier ACKs only: the last one is still on its way
		} else if due && x.synchronized() && !x.proven(y) && s.At-max(x.since(), x.gotSynAckAt) > x.crossing() {
			x.withdrawTo(SynRcvd, synAckResent, s.Packet)
			x.sndUna = x.ISS
			x.rcv.missing(s.Ack)
			x.gotFin = x.gotFin && y.FinSent && x.rcv.nxt.After(y.FinSeq)
			x.ackNotAccepted = true
			e |= AckNotAccepted
		}
	} else if x.State() == Established && x.Known() {
		x.postpone(s) // the ACK that completes the handshake crossed this SYN-ACK
	}
	x.sentSynAck = true
	x.setISS(s.Seq, true)
	x.synLen = max(x.synLen, s.Len)
	x.sent(s.end())
	if !x.rcv.known {
		x.rcv = received{known: true, nxt: s.Ack}
	}
	x.rcv.acked(s.Ack)
	switch {
	case x.in(SynSent):
		x.enter(synArrived, s)
	case len(x.History) > 1 && x.History[0].State == SynSent && x.History[1].State > SynRcvd && !again && x.sentSyn:
		// Captured late: the endpoint was in SYN_RCVD before.
		x.insert(1, Entry{State: SynRcvd, Rule: synArrived, At: x.History[1].At, Packet: s.Packet}, synAcked)
	case !x.Known():
		x.passiveOpens(y, s)
	case x.in(Closed) && x.resetClosed && x.History[len(x.History)-1].onReceipt && s.At-x.since() <= x.crossing() &&
		!again:
		// The SYN-ACK left before the RST arrived.
		reset := x.beforeReset()
		if x.Known() {
			x.enter(synArrived, s)
		} else {
			x.enter(synAckSent, s)
		}
		x.closeAgain(reset, s.At, s.Packet)
	case x.State() == Closed && len(x.History) == 1:
		x.enter(listenerAppeared, s) // it refused an earlier SYN
		c.Reset = nil
	case x.State() == Closed && x.resetClosed && !(x.proven(y) && x.sndUna.After(x.ISS)) &&
		s.At-x.since() > x.crossing():
		x.withdraw(outlivesRst, s.Packet, func(st State) bool { return st != Closed }) // it has accepted no RST
		x.resetClosed = false
		if x.State() == Established && !x.proven(y) {
			x.withdrawTo(SynRcvd, outlivesRst, s.Packet)
		} else if x.State() == SynSent {
			x.enter(synArrived, s)
		}
	}
	x.confirm(SynRcvd)
	x.Syns++
	x.transmitsSyn(s)
	x.offers(s)
	if !s.HasWScale {
		y.wscale = 0 // both must offer it (RFC 7323 §2.2)
	}
	if !good {
		x.badSynAck = true
		return e | BadSynAck // in SYN_SENT the peer answers by an RST and stays (RFC 9293 §3.10.7.3, first step)
	}
	y.synAcked = true
	c.SynDataAcked = c.SynDataAcked || s.Ack.After(y.ISS.Add(1))
	if y.issSeen && !again {
		if y.Syns == 1 || y.echoesLast(s) { // otherwise it is unknown which SYN it answers (RFC 6298 §3)
			c.HasServerRTT, c.ServerRTT = true, s.At-y.lastSynAt
		}
	}
	if y.issSeen && !again {
		x.recordRTT(s.At - y.firstSynAt) // an upper bound, whichever transmission it answers (RFC 6298 §3)
	}
	if y.State() == Established && y.sentSyn && !y.ackSent && s.At-y.since() > y.crossing() {
		y.withdrawTo(SynSent, synAckUnanswered, s.Packet) // it would have answered the previous SYN-ACK at once
	}
	if again && !y.ackSent && s.At-x.synAckAt > y.crossing() {
		x.unanswered++
	}
	x.synAckAt = s.At
	if x.unanswered < patience || y.ackSent {
		y.gotSynAckAt = s.At
		c.arrives(1-from, x, y, s, e)
	}
	return e
}

func (e *Endpoint) synAckSent() bool { return e.Syns > 0 && e.ackSent }

// proven reports whether the endpoint has sent something that shows it is beyond SYN_RCVD: text, a FIN, or an
// acknowledgement of more than the peer's SYN.
func (e *Endpoint) proven(peer *Endpoint) bool {
	return e.farFromISS || e.sndKnown && e.sndNxt.After(e.ISS.Add(1+e.synLen)) ||
		e.ackSent && e.maxAck.After(peer.ISS.Add(1+peer.synLen))
}

// completed records the segment that completed the handshake at the passive end, unless a gap lies between the SYN and
// that segment.
func (c *Conn) completed(y *Endpoint, s *Segment) {
	peer := &c.Ends[0]
	if peer == y {
		peer = &c.Ends[1]
	}
	if peer.farFromISS {
		return
	}
	c.HandshakeAcked = true
	c.HandshakeAckAt, c.HandshakeAckPacket = s.At, s.Packet
	c.HandshakeAckSeq, c.HandshakeAckAck = s.Seq, s.Ack
	if y.synAckSent() && !c.HasClientRTT {
		if y.Syns == 1 || y.echoesLast(s) {
			c.HasClientRTT, c.ClientRTT = true, s.At-y.lastSynAt
		}
		peer.recordRTT(s.At - y.firstSynAt)
	}
}

func (e *Endpoint) transmitsSyn(s *Segment) {
	if e.Syns <= 1 {
		e.firstSynAt = s.At
	} else {
		e.synGap = max(e.synGap, s.At-e.lastSynAt) // a SYN-ACK that answers a repeated SYN comes sooner
	}
	e.lastSynAt, e.lastSynPacket = s.At, s.Packet
}

func (e *Endpoint) setISS(iss Seq, seen bool) {
	e.ISS, e.ISSKnown = iss, true
	e.issSeen = e.issSeen || seen
	e.sent(iss.Add(1))
	if !e.unaKnown {
		e.unaKnown, e.sndUna = true, iss
	}
}

// Unreachable processes an ICMP error: the SYN or SYN-ACK of Ends[from] cannot be delivered. The error ends the attempt
// (RFC 1122 §4.2.3.9; RFC 5461 §4 reports that hosts end it for soft errors too). Another transmission disproves that.
func (c *Conn) Unreachable(from int, at int64, packet uint64) {
	if x := &c.Ends[from]; x.in(SynSent, SynRcvd) {
		x.enterAt(unreachable, at, packet)
		x.resetClosed = true
	}
}
