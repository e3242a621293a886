package rfcsim

// arrives is SEGMENT ARRIVES (RFC 9293 §3.10.7).
func (e *Endpoint) arrives(s Segment) {
	e.act(Arrival, func() {
		switch e.State() {
		case Closed:
			e.arrivesClosed(s)
		case Listen:
			e.arrivesListen(s)
		case SynSent:
			e.arrivesSynSent(s)
		default:
			e.arrivesOther(s)
		}
		if !e.in(Closed, Listen) {
			e.output()
			e.answer()
		}
	})
}

// §3.10.7.1 CLOSED STATE
func (e *Endpoint) arrivesClosed(s Segment) {
	if !s.Rst {
		e.refuse(s)
	}
}

// §3.10.7.2 LISTEN STATE
func (e *Endpoint) arrivesListen(s Segment) {
	switch {
	case s.Rst:
	case s.HasAck:
		e.refuse(s)
	case s.Syn:
		e.irs, e.rcvNxt = s.Seq, s.Seq+1
		e.create()
		e.updateWindow(s)
		e.enter(SynRcvd)
		e.send(Segment{Seq: e.ISS, Syn: true, HasAck: true})
		// Other controls or text would be processed in SYN_RCVD; no endpoint here sends a SYN with any.
	}
}

// §3.10.7.3 SYN-SENT STATE
func (e *Endpoint) arrivesSynSent(s Segment) {
	// First, check the ACK bit.
	if s.HasAck && (lessEqual(s.Ack, e.ISS) || less(e.sndNxt, s.Ack)) {
		if !s.Rst {
			e.net.transmit(e, Segment{Seq: s.Ack, Rst: true})
		}
		return
	}
	// Second, check the RST bit. There is no RCV.NXT yet that the number could match.
	if s.Rst {
		if s.HasAck {
			e.enter(Closed)
		}
		return
	}
	// Fourth, check the SYN bit.
	if !s.Syn {
		return
	}
	e.irs, e.rcvNxt = s.Seq, s.Seq+1
	e.updateWindow(s)
	if !s.HasAck {
		e.enter(SynRcvd)
		e.send(Segment{Seq: e.ISS, Syn: true, HasAck: true})
		return
	}
	e.acknowledged(s.Ack)
	e.enter(Established)
	if e.ack = dueNow; !e.Joins {
		e.sendAck()
	}
}

// §3.10.7.4 Other States
func (e *Endpoint) arrivesOther(s Segment) {
	// First, check sequence number.
	if !e.acceptable(s) {
		e.unacceptable(s)
		return
	}
	// Second, check the RST bit, with the checks of RFC 5961 §3.2.
	if s.Rst {
		if s.Seq != e.rcvNxt {
			e.ack = dueNow
			return
		}
		e.reset()
		return
	}
	// Fourth, check the SYN bit.
	if s.Syn {
		if e.in(SynRcvd) && e.passive {
			e.backToListen()
			return
		}
		e.ack = dueNow // RFC 5961 §4.2
		return
	}
	// Fifth, check the ACK field.
	if !s.HasAck {
		return
	}
	if e.InOrder && less(e.rcvNxt, s.Seq) {
		e.hold(s)
		return
	}
	if e.ackField(s) {
		e.textAndFin(s)
	}
}

// acceptable is table 6 of §3.10.7.4.
func (e *Endpoint) acceptable(s Segment) bool {
	wnd := e.rcvWnd()
	inWindow := func(n uint32) bool { return n-e.rcvNxt < wnd }
	switch size := s.size(); {
	case size == 0 && wnd == 0:
		return s.Seq == e.rcvNxt
	case size == 0:
		return inWindow(s.Seq) || !e.Strict && !s.Rst && s.Seq-e.rcvNxt == wnd
	case wnd == 0:
		return false
	default:
		return inWindow(s.Seq) || inWindow(s.Seq+size-1)
	}
}

// unacceptable answers an unacceptable segment, and uses what may still be used of it.
func (e *Endpoint) unacceptable(s Segment) {
	if s.Rst {
		return
	}
	if s.Fin && e.in(TimeWait) {
		// The eighth step means this FIN, though the first step stops it: "the only thing that can arrive in this state
		// is a retransmission of the remote FIN. Acknowledge it, and restart the 2 MSL timeout."
		e.startTwoMSL()
	}
	if s.Seq == e.rcvNxt && s.HasAck && !s.Syn {
		// "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to accept valid
		// ACKs".
		e.ack = dueNow
		e.ackField(s)
		return
	}
	if !e.Strict && s.Seq+s.size() == e.rcvNxt && s.size() > 0 {
		e.touching(s)
		return
	}
	e.ack = dueNow
}

// touching processes a segment that ends at RCV.NXT: nothing of it is new except perhaps its ACK field (appendix A.2).
func (e *Endpoint) touching(s Segment) {
	switch {
	case s.Syn && s.HasAck && e.in(SynRcvd) && s.Ack == e.sndNxt: // figure 7, lines 6 and 7
		e.acknowledged(s.Ack)
		e.establish()
	case s.Syn && !s.HasAck && e.in(SynRcvd):
		e.send(Segment{Seq: e.ISS, Syn: true, HasAck: true})
	default:
		e.ack = dueNow
		if s.HasAck && !s.Syn {
			e.ackField(s)
		}
	}
}

// reset is what an RST at RCV.NXT does.
func (e *Endpoint) reset() {
	if e.in(SynRcvd) && e.passive {
		e.backToListen()
		return
	}
	e.enter(Closed)
}

// backToListen returns to LISTEN. The user opened it for this connection alone and closes it at once: otherwise a late
// SYN would begin another connection.
func (e *Endpoint) backToListen() {
	e.enter(Listen)
	e.enter(Closed)
}

// establish enters ESTABLISHED from SYN_RCVD, and continues with CLOSE if it was called meanwhile.
func (e *Endpoint) establish() {
	e.enter(Established)
	if e.closing {
		e.enter(FinWait1)
	}
}

// ackField is the fifth step. It reports whether to process the rest of the segment.
func (e *Endpoint) ackField(s Segment) bool {
	if e.in(SynRcvd) {
		if !less(e.sndUna, s.Ack) || less(e.sndNxt, s.Ack) {
			e.net.transmit(e, Segment{Seq: s.Ack, Rst: true})
			return false
		}
		e.establish()
	}
	if less(e.sndNxt, s.Ack) || less(s.Ack, e.sndUna-e.maxSndWnd) { // RFC 5961 §5.2
		e.ack = dueNow
		return false
	}
	e.acknowledged(s.Ack)
	if lessEqual(e.sndUna, s.Ack) && (less(e.sndWl1, s.Seq) || e.sndWl1 == s.Seq && lessEqual(e.sndWl2, s.Ack)) {
		e.updateWindow(s)
	}
	if !e.finAcked() {
		return !e.in(Closing, LastAck)
	}
	switch e.State() {
	case FinWait1:
		e.enter(FinWait2)
	case Closing:
		e.enter(TimeWait)
	case LastAck:
		e.enter(Closed)
		return false
	}
	return true
}

func (e *Endpoint) acknowledged(ack uint32) {
	if !less(e.sndUna, ack) {
		return
	}
	e.sndUna, e.timeouts = ack, 0
	e.stop(&e.retransmit)
	if e.sndUna != e.sndNxt {
		e.startRetransmit()
	}
}

func (e *Endpoint) updateWindow(s Segment) {
	e.sndWnd, e.sndWl1, e.sndWl2 = uint32(s.Window), s.Seq, s.Ack
	e.maxSndWnd = max(e.maxSndWnd, e.sndWnd)
}

// textAndFin is the seventh and the eighth step, for a segment and then for the held ones that follow it.
func (e *Endpoint) textAndFin(s Segment) {
	if s.Len == 0 && !s.Fin {
		return
	}
	if less(e.rcvNxt, s.Seq) {
		e.hold(s)
		return
	}
	e.take(s)
	for i := 0; i < len(e.held); i++ {
		next := e.held[i]
		if less(e.rcvNxt, next.Seq) {
			continue
		}
		e.held = append(e.held[:i], e.held[i+1:]...)
		if e.InOrder && !e.ackField(next) {
			return
		}
		e.take(next)
		i = -1
	}
}

// hold keeps a segment beyond RCV.NXT. A duplicate acknowledgement reports the gap to its sender (RFC 5681 §4.2).
func (e *Endpoint) hold(s Segment) {
	if s.size() > 0 {
		e.ack = dueNow
	}
	if !e.Forgets {
		e.held = append(e.held, s)
	}
}

// take receives the new text within the window, and the FIN, of a segment that begins at or before RCV.NXT.
func (e *Endpoint) take(s Segment) {
	if !e.in(Established, FinWait1, FinWait2) {
		return // "this should not occur since a FIN has been received from the remote side"
	}
	end, edge := s.Seq+s.Len, e.rcvNxt+e.rcvWnd()
	if less(edge, end) {
		end, s.Fin = edge, false
	}
	if less(e.rcvNxt, end) {
		if e.ack == due {
			e.ack = dueNow // an ACK for every second segment at least
		}
		e.ack = max(e.ack, due)
		if e.stalled {
			e.unread += end - e.rcvNxt
		}
		e.rcvNxt = end
	}
	if !s.Fin || e.rcvNxt != end || end == edge {
		return
	}
	e.rcvNxt++
	e.ack = max(e.ack, due)
	switch e.State() {
	case Established:
		e.enter(CloseWait)
		if e.CloseOnFin {
			e.close()
		}
	case FinWait1:
		if e.finAcked() {
			e.enter(TimeWait)
		} else {
			e.enter(Closing)
		}
	case FinWait2:
		e.enter(TimeWait)
	}
}
