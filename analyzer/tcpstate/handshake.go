package tcpstate

// syn is a SYN without ACK: its sender is in SYN_SENT (RFC 9293 §3.10.1).
func (c *Conn) syn(x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		return Foreign
	}
	x.Spoke = true
	again := x.syns > 0
	if x.sentSynAck && !x.sentSyn && x.Known() && x.History[0].State == SynRcvd {
		// A SYN of its own, captured late: it did not wait for the other's (RFC 9293 §3.5, figure 7).
		first := x.History[0]
		first.State, first.Packet = SynSent, s.Packet
		x.insert(0, first)
	}
	x.sentSyn = true
	if again {
		e |= Again
		// A SYN sent again says that no SYN-ACK was received, and no RST believed, when it left.
		if !x.ackSent && x.State() != SynSent && s.At-x.left(SynSent) > x.crossing() {
			x.withdrawTo(SynSent)
			x.rcv, x.gotFin = received{}, false
			e |= SynAckLost
		}
	}
	x.syns++
	x.setISS(s.Seq, true)
	x.synLen = max(x.synLen, s.Len)
	x.sent(s.end())
	x.transmitsSyn(s)
	x.offers(s)
	switch {
	case !x.Known() && y.synAckSent() && x.acceptsAck(y.maxAck):
		// Captured behind the SYN-ACK that answers it: it cannot have been sent later.
		x.enterAt(SynSent, min(s.At, y.lastSynAt), s.Packet, false)
		x.enterAt(Established, y.lastSynAt, y.lastSynPacket, true)
	case !x.Known():
		x.enter(SynSent, s, false)
	}
	if y.issSeen && y != x && x.State() == SynSent && y.State() == SynSent && !again {
		// Both have sent a SYN, neither has acknowledged: the other's is on its way here (RFC 9293 §3.5, figure 7).
		x.receiveSyn(y.ISS, s)
	}
	y.receiveSyn(s.Seq, s)
	return e
}

// receiveSyn is a SYN that arrives at e. In SYN_SENT it makes a simultaneous open (RFC 9293 §3.10.7.3, fourth step).
// Whether a listener is there its answer will tell.
func (e *Endpoint) receiveSyn(irs Seq, s *Segment) {
	if !e.rcv.known {
		e.rcv = received{known: true, nxt: irs.Add(1)}
	}
	if e.State() == SynSent && e.Known() {
		e.enter(SynRcvd, s, true)
	}
}

// synAck is a SYN with ACK: its sender has received a SYN and is in SYN_RCVD.
func (c *Conn) synAck(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		if !x.misled || y.synAcked || !y.acceptsAck(s.Ack) {
			return Foreign
		}
		// The SYN-ACK before acknowledged no SYN of this attempt, and was reset or forgotten: this is the answer.
		*x = Endpoint{}
		c.Reset = nil
	}
	if !y.ISSKnown {
		y.setISS(s.Ack-1, false)
	}
	x.Spoke = true
	good := y.acceptsAck(s.Ack)
	again := x.syns > 0 && x.ackSent
	if again {
		e |= Again
		// A SYN-ACK sent again says that nothing that completes the handshake was accepted: the ACK was lost, or the
		// accept queue is full, or TCP_DEFER_ACCEPT waits for data.
		if ack := &c.last[1-from]; x.State() == Established && x.acceptsAck(ack.ack) && s.At-ack.at <= x.crossing() {
			x.postponeTo(ack) // it denies those before, and this is on its way
		} else if x.synchronized() && !x.proven(y) && s.At-max(x.since(), x.heardAt) > x.crossing() {
			x.withdrawTo(SynRcvd)
			x.sndUna = x.ISS
			x.rcv.missing(s.Ack)
			x.gotFin = x.gotFin && y.FinSent && x.rcv.nxt.After(y.FinSeq)
			x.denied = true
			e |= AckNotAccepted
		}
	} else if x.State() == Established && x.Known() {
		x.postpone(s) // what completes the handshake crossed this on its way
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
	case x.Known() && x.State() == SynSent:
		x.enter(SynRcvd, s, false)
	case len(x.History) > 1 && x.History[0].State == SynSent && x.History[1].State > SynRcvd && !again && x.sentSyn:
		// Captured late: it was in SYN_RCVD before.
		x.insert(1, Entry{State: SynRcvd, At: x.History[1].At, Packet: s.Packet})
	case !x.Known() && y.sentSyn:
		// It has been in SYN_RCVD since the SYN arrived.
		x.enterAt(SynRcvd, y.lastSynAt, y.lastSynPacket, false)
	case !x.Known():
		x.enter(SynRcvd, s, false)
	case x.Known() && x.State() == Closed && x.resetClosed && x.History[len(x.History)-1].onReceipt && s.At-x.since() <= x.crossing() && !again:
		// It left before the RST arrived.
		reset := x.beforeReset()
		x.enter(SynRcvd, s, false)
		reset.At = max(reset.At, s.At)
		x.push(*reset)
	case x.State() == Closed && len(x.History) == 1:
		x.enter(SynRcvd, s, false) // it refused, and then came a listener
	case x.State() == Closed && x.resetClosed && !(x.proven(y) && x.sndUna.After(x.ISS)) && s.At-x.since() > x.crossing():
		x.withdraw(func(st State) bool { return st != Closed }) // it knows of no reset
		x.resetClosed = false
		if x.State() == Established && !x.proven(y) {
			x.withdrawTo(SynRcvd)
		} else if x.State() == SynSent {
			x.enter(SynRcvd, s, false)
		}
	}
	x.confirm(SynRcvd)
	x.syns++
	x.transmitsSyn(s)
	x.offers(s)
	if !s.HasWScale {
		y.wscale = 0 // both must offer it (RFC 7323 §2.2)
	}
	if !good {
		x.misled = true
		return e | BadSynAck // in SYN_SENT it draws an RST and changes nothing (RFC 9293 §3.10.7.3, first step)
	}
	y.synAcked = true
	c.SynDataAcked = c.SynDataAcked || s.Ack.After(y.ISS.Add(1))
	if y.issSeen && !again {
		if y.syns == 1 { // which of several it answers, nobody knows (RFC 6298 §3)
			c.HasServerRTT, c.ServerRTT = true, s.At-y.lastSynAt
		}
	}
	if y.issSeen && !again {
		x.answers(s.At - y.firstSynAt) // whichever transmission it answers (RFC 6298 §3): not longer than this
	}
	if y.State() == Established && y.sentSyn && !y.ackSent && s.At-y.since() > y.crossing() {
		y.withdrawTo(SynSent) // it would have answered the one before at once
	}
	if again && !y.ackSent && s.At-x.synAckAt > y.crossing() {
		x.unanswered++
	}
	x.synAckAt = s.At
	if x.unanswered < patience || y.ackSent {
		y.receiveSynAck(s)
	}
	return e
}

func (e *Endpoint) synAckSent() bool { return e.syns > 0 && e.ackSent }

// acceptsAck reports whether a SYN-ACK's number acknowledges the SYN, or the SYN and text in it (RFC 7413 §4.2).
func (e *Endpoint) acceptsAck(ack Seq) bool {
	return ack.After(e.ISS) && !ack.After(e.ISS.Add(1+e.synLen))
}

// proven reports whether the endpoint has shown by what it sent that it is beyond SYN_RCVD: text, a FIN, or an
// acknowledgement of more than the peer's SYN.
func (e *Endpoint) proven(peer *Endpoint) bool {
	return e.far || e.sndKnown && e.sndNxt.After(e.ISS.Add(1+e.synLen)) ||
		e.ackSent && e.maxAck.After(peer.ISS.Add(1+peer.synLen))
}

// receiveSynAck is an acceptable SYN-ACK that arrives at e (RFC 9293 §3.10.7.3, and §3.10.7.4 for SYN_RCVD).
func (e *Endpoint) receiveSynAck(s *Segment) {
	if !e.rcv.known || e.State() == SynSent {
		e.rcv = received{known: true, nxt: s.end()}
	}
	e.heardAt = s.At
	if e.Known() && (e.State() == SynSent || e.State() == SynRcvd) {
		e.sndUna = maxSeq(e.sndUna, s.Ack)
		e.enter(Established, s, true)
	}
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
		if y.syns == 1 {
			c.HasClientRTT, c.ClientRTT = true, s.At-y.lastSynAt
		}
		peer.answers(s.At - y.firstSynAt)
	}
}

func (e *Endpoint) transmitsSyn(s *Segment) {
	if e.syns <= 1 {
		e.firstSynAt = s.At
	} else {
		e.synGap = max(e.synGap, s.At-e.lastSynAt) // a SYN-ACK that answers a repeated SYN comes between
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

// Unreachable is an ICMP error that says Ends[from]'s SYN or SYN-ACK cannot be delivered: it ends the attempt (RFC 1122
// §4.2.3.9; RFC 5461 §4 tells that hosts do so for soft errors too). Another transmission denies it.
func (c *Conn) Unreachable(from int, at int64, packet uint64) {
	if x := &c.Ends[from]; x.Known() && (x.State() == SynSent || x.State() == SynRcvd) {
		x.enterAt(Closed, at, packet, true)
		x.resetClosed = true
	}
}
