package rfcsim

// send fills in the window and the ACK field of a segment, and sends it. An ACK is the acknowledgement that was due.
func (e *Endpoint) send(s Segment) {
	s.Window = uint16(e.rcvWnd())
	if s.HasAck {
		s.Ack = e.rcvNxt
		e.ack = notDue
		e.stop(&e.ackTimer)
	}
	e.net.transmit(e, s)
}

// sendAck sends <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.
func (e *Endpoint) sendAck() { e.send(Segment{Seq: e.sndNxt, HasAck: true}) }

// refuse sends the RST that a segment of no connection draws (§3.10.7.1), to one that is not itself an RST.
func (e *Endpoint) refuse(s Segment) {
	if s.HasAck {
		e.net.transmit(e, Segment{Seq: s.Ack, Rst: true})
		return
	}
	e.net.transmit(e, Segment{Ack: s.Seq + s.size(), Rst: true, HasAck: true})
}

// answer sends the acknowledgement that is due, or lets it wait.
func (e *Endpoint) answer() {
	switch {
	case e.ack == notDue:
	case e.ack == dueNow || e.DelayAck == 0:
		e.sendAck()
	case e.ackTimer == nil:
		e.ackTimer = e.net.after(e.DelayAck, func() {
			e.ackTimer = nil
			e.act(Timer, e.sendAck)
		})
	}
}

// output sends the text that the window has room for, and the FIN after it.
func (e *Endpoint) output() {
	if !e.in(Established, CloseWait, FinWait1, Closing) {
		return
	}
	for {
		room := e.sndUna + e.sndWnd - e.sndNxt
		if int32(room) < 0 {
			room = 0
		}
		if !e.sendNew(min(e.MSS, room), room) {
			break
		}
	}
	if e.sndNxt != e.sndUna || e.pending() {
		e.armRetransmit() // for what is under way, or to probe the window (§3.8.6.1)
	}
}

// pending reports whether text or a FIN waits for its number.
func (e *Endpoint) pending() bool {
	return less(e.sndNxt, e.textEnd) || e.closing && !e.finSent()
}

// sendNew sends up to limit octets of new text, and the FIN if it follows and there is room for it.
func (e *Endpoint) sendNew(limit, room uint32) bool {
	if e.finSent() {
		return false
	}
	left := e.textEnd - e.sndNxt
	n := min(limit, left)
	fin := e.closing && n == left && n < room
	if n == 0 && !fin {
		return false
	}
	s := Segment{Seq: e.sndNxt, Len: n, Fin: fin, HasAck: true}
	e.sndNxt += s.size()
	if fin && e.in(CloseWait) {
		e.enter(LastAck)
	}
	e.send(s)
	return true
}

func (e *Endpoint) armRetransmit() {
	if e.retransmit == nil {
		e.startRetransmit()
	}
}

func (e *Endpoint) startRetransmit() {
	e.stop(&e.retransmit)
	e.retransmit = e.net.after(e.RTO<<min(e.timeouts, 6), func() {
		e.retransmit = nil
		e.act(Timer, e.timeout)
	})
}

// timeout resends the front of the retransmission queue (§3.10.8), in segments of the present size, or probes a closed
// window.
func (e *Endpoint) timeout() {
	e.timeouts++
	e.startRetransmit()
	switch {
	case e.sndUna == e.sndNxt:
		if !e.sendNew(1, 1) && !e.sendNew(0, 1) {
			e.stop(&e.retransmit)
		}
	case e.sndUna != e.ISS:
		n := min(e.MSS, e.textEnd-e.sndUna, e.sndNxt-e.sndUna)
		e.send(Segment{Seq: e.sndUna, Len: n, Fin: e.finSent() && e.sndUna+n == e.textEnd, HasAck: true})
	case e.in(SynSent):
		e.send(Segment{Seq: e.ISS, Syn: true})
	default:
		e.send(Segment{Seq: e.ISS, Syn: true, HasAck: true})
	}
}
