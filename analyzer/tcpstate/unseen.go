package tcpstate

// This file handles captures in which a filter on control bits kept only SYNs, FINs and RSTs. Their numbers show what
// the ends exchanged: see also settleUnseen.

// Bridge takes a FIN or RST of Ends[from] as proof that everything before it was sent and has arrived, though no
// segment shows it.
func (c *Conn) Bridge(from int, s *Segment) {
	x, y := &c.Ends[from], &c.Ends[1-from]
	if c.seenPlain || c.self || s.Syn || !s.Fin && !s.Rst || !x.ISSKnown || !y.ISSKnown ||
		!x.sentSynAck && !y.sentSynAck || !x.sndKnown || !y.sndKnown {
		return
	}
	sent, received := s.Seq.Sub(x.sndNxt), int32(0)
	if s.HasAck {
		received = s.Ack.Sub(y.sndNxt)
	}
	if s.Rst && s.HasAck && s.Seq == 0 {
		return // it refuses a SYN (RFC 9293 §3.10.7.1)
	}
	if sent > 0 && !x.FinSent {
		x.sentUnseen(y, s.Seq)
	}
	if received > 0 && !y.FinSent {
		y.sentUnseen(x, s.Ack)
	}
	if sent <= 0 && received <= 0 {
		return
	}
	for _, e := range []*Endpoint{x, y} {
		e.timing = false // the capture lacks what it answered
		if e.in(SynRcvd) && e.sentSynAck {
			e.infer(synAckedUnseen, e.lastSynAt, e.lastSynPacket)
		}
	}
}

// unrepeated is the longest time until a SYN-ACK that was not acknowledged is sent again: the first retransmission
// timeout was 3 s until RFC 6298 (appendix A).
const unrepeated = 3500e6

// unscaled is the largest window without the window scale option (RFC 7323).
const unscaled = 1<<16 - 1

// OpenUnseen reports whether no packet shows if the SYN-ACK of Ends[i] was acknowledged: it was sent once, and only the
// SYN came before it.
func (c *Conn) OpenUnseen(i int) bool {
	x, y := &c.Ends[i], &c.Ends[1-i]
	return !c.seenPlain && x.sentSynAck && x.Syns == 1 && y.sentSyn && y.lastSynAt <= x.lastSynAt && c.Reset == nil &&
		!y.sentSynAck
}

// sentUnseen records that the endpoint has sent everything before end, and that its peer received it.
func (e *Endpoint) sentUnseen(peer *Endpoint, end Seq) {
	e.sent(end)
	e.unaKnown, e.sndUna = true, end
	peer.rcv.acked(end)
	if peer.wnd == 0 {
		peer.wnd = unscaled // the window is unknown, but it accepted what came
	}
	peer.ackSent, peer.maxAck, peer.maxWnd = true, end, max(peer.maxWnd, peer.wnd)
	peer.edge = maxSeq(peer.edge, end.Add(peer.maxWnd))
}

// ResetBeyondSyn reports whether the number of the RST that ended the connection lies beyond its sender's SYN: then its
// sender had sent text.
func (c *Conn) ResetBeyondSyn() bool {
	const far = 1 << 30
	for i := range c.Ends {
		x, d := &c.Ends[i], c.Ends[1-i].doubted
		if c.Reset != nil && c.Reset.By == i || c.Reset == nil && d != nil && d.onReceipt {
			text := c.resetSeq.Sub(x.ISS.Add(1 + x.synLen))
			return x.issSeen && text > 0 && text < far
		}
	}
	return false
}

// FinAcked reports whether the settled history of Ends[i] says that its FIN was acknowledged.
func (c *Conn) FinAcked(i int) bool {
	history := c.Ends[i].History
	for n, h := range history {
		if h.State == FinWait2 || h.State == TimeWait || h.State == LastAck && n+1 < len(history) &&
			history[n+1].Rule != rstArrives {
			return true
		}
	}
	return false
}
