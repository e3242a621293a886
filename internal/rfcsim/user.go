package rfcsim

// Open is an active OPEN (RFC 9293 §3.10.1).
func (e *Endpoint) Open() {
	e.act(User, func() {
		if !e.in(Closed, Listen) {
			return // "error: connection already exists"
		}
		e.create()
		e.enter(SynSent)
		e.send(Segment{Seq: e.ISS, Syn: true})
	})
}

// Listen is a passive OPEN (§3.10.1).
func (e *Endpoint) Listen() {
	e.act(User, func() {
		if e.in(Closed) {
			e.enter(Listen)
		}
	})
}

// create chooses the ISS and sets the send variables (§3.10.1, §3.10.7.2).
func (e *Endpoint) create() {
	e.passive = e.in(Listen)
	e.sndUna, e.sndNxt, e.textEnd = e.ISS, e.ISS+1, e.ISS+1
	e.startRetransmit()
}

// Send is SEND of n octets (§3.10.2).
func (e *Endpoint) Send(n uint32) {
	e.act(User, func() { e.sendText(n) })
}

func (e *Endpoint) sendText(n uint32) {
	if e.closing || !e.in(SynSent, SynRcvd, Established, CloseWait) {
		return // "error: connection closing", "error: connection does not exist"
	}
	e.textEnd += n
	e.output()
}

// Close is CLOSE (§3.10.4).
func (e *Endpoint) Close() {
	e.act(User, e.close)
}

// SendClose is SEND and CLOSE before any segment is made: the last text carries the FIN.
func (e *Endpoint) SendClose(n uint32) {
	e.act(User, func() {
		if !e.closing && e.in(Established, CloseWait) {
			e.textEnd += n
		}
		e.close()
	})
}

func (e *Endpoint) close() {
	if e.closing {
		return // "error: connection closing"
	}
	switch e.State() {
	case Listen, SynSent:
		e.enter(Closed)
	case SynRcvd:
		e.closing = true
		if e.textEnd == e.sndNxt { // "if no SENDs have been issued and there is no pending data to send"
			e.enter(FinWait1)
			e.output()
		} // "otherwise, queue for processing after entering ESTABLISHED state"
	case Established:
		e.closing = true
		e.enter(FinWait1) // "in any case", though the FIN may have to wait for the window
		e.output()
	case CloseWait:
		e.closing = true
		e.output() // LAST_ACK with the FIN, "after all preceding SENDs have been segmentized"
	}
}

// Abort is ABORT (§3.10.5).
func (e *Endpoint) Abort() {
	e.act(User, func() {
		if e.in(Closed) {
			return
		}
		sends := e.in(SynRcvd, Established, FinWait1, FinWait2, CloseWait)
		e.enter(Closed)
		if !sends {
			return
		}
		s := Segment{Seq: e.sndNxt, Rst: true}
		if e.AckInReset {
			s.HasAck, s.Ack = true, e.rcvNxt
		}
		e.net.transmit(e, s)
	})
}

// Crash loses the connection without sending anything (§3.5.1).
func (e *Endpoint) Crash() {
	e.act(User, func() {
		if !e.in(Closed) {
			e.enter(Closed)
		}
	})
}

// Stall is a user who receives no text for d nanoseconds: the window closes.
func (e *Endpoint) Stall(d int64) {
	e.stalled = true
	e.net.after(d, func() {
		e.stalled = false
		e.act(User, func() {
			opened := e.unread > 0 && e.rcvWnd() < e.MSS
			e.unread = 0
			if opened && e.in(Established, FinWait1, FinWait2) {
				e.sendAck() // the window update
			}
		})
	})
}

// Keepalive sends the segment of §3.8.4.
func (e *Endpoint) Keepalive() {
	e.act(User, func() {
		if e.in(Established, CloseWait) && e.sndUna == e.sndNxt {
			e.send(Segment{Seq: e.sndNxt - 1, HasAck: true})
		}
	})
}
