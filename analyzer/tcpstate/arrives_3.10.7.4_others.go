package tcpstate

// §3.10.7.4 Other States. (The third step is RFC 793's security; the sixth, the urgent pointer, changes no state.)

// arrivesOther takes the steps for a segment without RST.
func (c *Conn) arrivesOther(to int, x, y *Endpoint, s *Segment, shape Effect) Effect {
	if s.Syn {
		y.synBit(x, s)
		return 0
	}
	if !y.acceptable(s) {
		return c.restart(to, y, s)
	}
	had := y.rcv.nxt
	ofFin, proceed := c.ackField(x, y, s)
	if !proceed {
		return 0
	}
	y.segmentText(s, shape)
	return c.finBit(to, x, y, s, ofFin, had)
}

// acceptable is the first step, check sequence number: table 6. RCV.NXT is the highest number that the receiver has
// acknowledged, because other segments that passed may have been lost. If a segment ends there, its ACK field still
// counts (appendix A.2, and Linux), and so does that of text for a closed window ("special allowance should be made to
// accept valid ACKs"). How far ahead of the window a segment may lie depends on capture loss: see fits.
func (e *Endpoint) acceptable(s *Segment) bool {
	nxt := e.ownNxt()
	switch closed := e.ackSent && e.wnd == 0; {
	case s.Seq == s.end() && closed:
		return s.Seq == nxt
	case s.Seq == s.end():
		return !s.Seq.Before(nxt)
	case closed:
		return !s.end().Before(nxt) && !s.Seq.After(nxt)
	default:
		return !s.end().Before(nxt)
	}
}

// rstFit is what the second step makes of an RST (RFC 5961 §3.2).
type rstFit uint8

const (
	rstOutside  rstFit = iota // dropped silently
	rstInexact                // in the window: it draws a challenge ACK
	rstAtFin                  // below the window: dropped silently by some, taken by others
	rstAccepted               // SEG.SEQ = RCV.NXT
)

// rstBit is the second step, check the RST bit, for an RST from x.
func (e *Endpoint) rstBit(x *Endpoint, s *Segment) rstFit {
	switch {
	case e.atFin(s):
		return rstAtFin
	case e.rcv.known && s.Seq == e.rcv.nxt, x.sndKnown && s.Seq == x.sndNxt && !e.rcv.known,
		e.ackSent && s.Seq == e.maxAck:
		return rstAccepted
	case !e.rcv.known || s.Seq.Before(e.rcv.nxt) || e.ackSent && !s.Seq.Before(e.edge):
		return rstOutside
	}
	return rstInexact
}

// atFin reports whether an RST has the number of the peer's FIN, which has arrived. By the RFC that is below the
// window; Linux accepts it (tcp_reset_check), because many stacks send such an RST. A receiver that continues to send
// did not accept the RST; silence confirms that it did.
func (e *Endpoint) atFin(s *Segment) bool {
	return e.in(CloseWait, LastAck, Closing) && e.rcv.known && s.Seq.Add(1) == e.rcv.nxt
}

// synBit is the fourth step, check the SYN bit: a SYN draws a challenge ACK and changes nothing (RFC 5961 §4.2), except
// the SYN-ACK of a side that opens at the same time, which acknowledges the SYN (§3.5, figure 7). A passive opener gets
// no SYN-ACK: if the capture has neither side's SYN, both have opened.
func (e *Endpoint) synBit(x *Endpoint, s *Segment) {
	if s.HasAck && e.State() == SynRcvd && e.acksSyn(s.Ack) && (e.sentSyn || !x.sentSyn) {
		e.sndUna = maxSeq(e.sndUna, s.Ack)
		e.enter(synAckArrives, s)
	}
}

// ackField is the fifth step, check the ACK field. It reports whether the segment is the first to acknowledge y's FIN,
// and whether to process the rest of the segment.
func (c *Conn) ackField(x, y *Endpoint, s *Segment) (ofFin, proceed bool) {
	if x.maxWnd > 0 && s.Ack.Before(y.sndUna-Seq(x.maxWnd)) {
		return false, false // RFC 5961 §5.2
	}
	if s.Ack.After(y.sndUna) {
		y.sndUna = s.Ack
		ofFin = y.finAcked()
	}
	if y.State() == SynRcvd && y.ISSKnown && y.sndUna.After(y.ISS) {
		y.enter(synAcked, s)
		c.completed(y, s)
	}
	if y.bareAck == nil && !s.Fin && y.finAcked() && s.Ack.After(y.FinSeq) {
		y.bareAck = &Entry{Rule: finAckArrives, At: s.At, Packet: s.Packet}
	}
	return ofFin, true
}

// segmentText is the seventh step, process the segment text; the FIN counts as one more octet after it.
func (e *Endpoint) segmentText(s *Segment, shape Effect) {
	closed := e.ackSent && e.wnd == 0
	if s.Seq != s.end() && !shape.Has(ZeroWindowProbe) && !(closed && !s.Seq.Before(e.edge)) {
		e.rcv.add(s.Seq, s.end())
	}
}

// finBit is the eighth step, check the FIN bit, once nothing before the FIN is missing. The segment may be later than
// the FIN. An acknowledgement of y's FIN moves y here too, because one segment may do both (§3.3.2, note 2). had is
// RCV.NXT before the segment.
func (c *Conn) finBit(to int, x, y *Endpoint, s *Segment, ofFin bool, had Seq) Effect {
	comes := x.FinSent && !y.gotFin && y.rcv.nxt.After(x.FinSeq)
	if ofFin && !(comes && y.State() == FinWait1) {
		c.finAcked(to, y, s)
	}
	switch {
	case comes && s.Fin:
		c.receiveFin(to, y, s, finArrives)
	case comes:
		c.receiveFin(to, y, s, finFilled)
	case !s.end().After(had):
		return c.restart(to, y, s)
	}
	return 0
}

// restart restarts 2MSL if s is a retransmitted FIN that arrives in TIME_WAIT.
func (c *Conn) restart(i int, e *Endpoint, s *Segment) Effect {
	if !s.Fin || e.State() != TimeWait || s.end().After(e.rcv.nxt) {
		return 0
	}
	c.TimeWaits[i].Since = s.At
	c.TimeWaits[i].Restarts++
	return TimeWaitRestarted
}
