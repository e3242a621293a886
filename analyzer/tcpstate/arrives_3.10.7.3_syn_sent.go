package tcpstate

// §3.10.7.3 SYN-SENT STATE.

// arrivesSynSent takes the steps for a segment without RST. Text and FIN of one without SYN are dropped (fifth step).
func (e *Endpoint) arrivesSynSent(s *Segment) {
	if e.synSentAck(s) {
		e.synSentSyn(s)
	}
}

// synSentAck is the first step, check the ACK bit: an acceptable SEG.ACK acknowledges the SYN.
func (e *Endpoint) synSentAck(s *Segment) bool { return !s.HasAck || e.acksSyn(s.Ack) }

// acksSyn reports whether ISS < SEG.ACK =< SND.NXT in SYN_SENT: the SYN, or the SYN and text in it, are acknowledged
// (RFC 7413 §4.2).
func (e *Endpoint) acksSyn(ack Seq) bool {
	return ack.After(e.ISS) && !ack.After(e.ISS.Add(1+e.synLen))
}

// synSentRst is the second step, check the RST bit: the RST counts if its ACK was acceptable, and shows that its sender
// has no such socket.
func (e *Endpoint) synSentRst(s *Segment) bool { return s.HasAck && e.synSentAck(s) }

// synSentSyn is the fourth step, check the SYN bit: with an acceptable ACK it opens the connection, without it both
// open at once. (The third step is RFC 793's security, which is unused.)
func (e *Endpoint) synSentSyn(s *Segment) {
	switch {
	case !s.Syn:
	case s.HasAck:
		e.rcv = received{known: true, nxt: s.end()}
		e.sndUna = maxSeq(e.sndUna, s.Ack)
		e.enter(synAckArrives, s)
	default:
		e.enter(synArrives, s)
	}
}
