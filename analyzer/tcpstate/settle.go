package tcpstate

import "slices"

const second = 1e9 // the first retransmission timeout (RFC 6298 §2.1)

// Settle ends a connection's history at a time of the capture, when no more segments of it will be seen. It decides the
// questions that only silence answers. Filtered says that the whole capture holds only segments with SYN, FIN or RST: a
// filter then left out this connection's other segments.
func (c *Conn) Settle(at int64, filtered bool) {
	c.settleDoubt()
	filtered = filtered && !c.seenPlain
	c.settleUnanswered(at, filtered)
	c.settleGivenUp(at)
	if filtered {
		c.settleUnseen(at)
	}
	c.settleReset()
	c.settleHalfOpen()
	c.settleEvidence()
}

// settleHalfOpen removes HalfOpen if the settled histories contradict it: both ends were synchronized, and the one that
// lost the connection does not have it any more.
func (c *Conn) settleHalfOpen() {
	if c.HalfOpen == nil {
		return
	}
	survivor := &c.Ends[c.HalfOpen.Survivor]
	lost := &c.Ends[1-c.HalfOpen.Survivor]
	if !survivor.wasSynchronized() || !lost.wasSynchronized() || lost.State() >= SynRcvd && lost.State() != TimeWait {
		c.HalfOpen, c.HalfOpenPacket = nil, 0
	}
}

// wasSynchronized reports whether the endpoint has been in a synchronized state.
func (e *Endpoint) wasSynchronized() bool {
	return slices.ContainsFunc(e.History, func(h Entry) bool { return h.State >= Established })
}

// settleReset sets Reset as the settled histories require: to the first RST that caused its receiver's last CLOSED.
func (c *Conn) settleReset() {
	first, later := c.Reset, c.laterReset
	c.Reset = nil
	for i := range c.Ends {
		n := len(c.Ends[i].History) - 1
		if n < 0 || c.Ends[i].History[n].Rule != rstArrives {
			continue
		}
		closed := &c.Ends[i].History[n]
		for _, seen := range [...]*Reset{first, later} {
			if seen == nil || seen.Packet != closed.Packet || c.Reset != nil && c.Reset.Packet < closed.Packet {
				continue
			}
			r := *seen
			if n > 0 {
				r.ReceiverState = c.Ends[i].History[n-1].State
			}
			c.Reset = &r
		}
	}
}

// settleEvidence marks the states that rest on segments which no packet shows. These are: the ESTABLISHED of an
// endpoint that has sent nothing in it; every state beyond SYN_RCVD of an endpoint whose peer is not in the capture;
// and, in a connection picked up midstream, every state after a FIN whose receiver sent neither text nor an earlier
// FIN, because that receiver may have closed before.
func (c *Conn) settleEvidence() {
	if c.self {
		return
	}
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if c.SilentSinceSyn(i) {
			x.History[len(x.History)-1].Inferred = true
		}
		midstream := x.Known() && x.History[0].State == Established && x.FinSent && !y.sentText &&
			(!y.FinSent || y.FinAt > x.FinAt)
		for _, e := range []*Endpoint{x, y} {
			for n := range e.History {
				h := &e.History[n]
				if e == x && !y.HasSent && h.State > SynRcvd || midstream && h.State > Established {
					h.Inferred = true
				}
			}
		}
	}
}

// SilentSinceSyn reports whether only a SYN-ACK on its way to Ends[i] makes it ESTABLISHED: it has sent nothing since.
// Its address may be forged.
func (c *Conn) SilentSinceSyn(i int) bool {
	x, y := &c.Ends[i], &c.Ends[1-i]
	return x.in(Established) && x.sentSyn && !x.ackSent && y.in(SynRcvd)
}

// MaybeReset reports whether the connection is over if its receiver accepted an RST that some stacks accept and others
// drop.
func (c *Conn) MaybeReset() bool {
	return c.maybeReset != nil && c.Ends[c.maybeReset.By].State() == Closed
}

// acceptMaybeReset assumes that the RST was accepted.
func (c *Conn) acceptMaybeReset() {
	r := c.maybeReset
	y := &c.Ends[1-r.By]
	r.ReceiverState = y.State()
	c.resets(*r)
	y.infer(rstArrives, r.At, r.Packet)
	y.resetClosed, c.maybeReset = true, nil
}

// settleDoubt accepts a doubted RST if silence followed it.
func (c *Conn) settleDoubt() {
	if r := c.maybeReset; r != nil && !c.Ends[1-r.By].in(Closed, TimeWait) {
		c.acceptMaybeReset()
	}
	for i := range c.Ends {
		e := &c.Ends[i]
		// an end in TIME_WAIT is silent whether it accepts an RST or not
		if e.doubted == nil || !e.Known() || e.in(Closed, TimeWait) {
			continue
		}
		if c.last[i].kind != Nothing && c.last[i].at > e.doubted.At {
			continue
		}
		if c.challengedAt[i] != 0 && e.doubted.At-c.challengedAt[i] <= throttle {
			continue
		}
		if e.doubted.onReceipt {
			c.resets(Reset{By: 1 - i, At: e.doubted.At, Packet: e.doubted.Packet, ReceiverState: e.State(), Idle: -1})
		}
		e.infer(e.doubted.Rule, e.doubted.At, e.doubted.Packet)
		e.resetClosed = true
	}
}

// settleUnanswered withdraws the ESTABLISHED of an opener that has not answered a SYN-ACK within a second. An opener
// answers at once (RFC 9293 §3.10.7.3, fourth step), so the SYN-ACK never reached it, or no host is there. It also
// withdraws the receipt of a FIN that was repeated and never acknowledged.
func (c *Conn) settleUnanswered(at int64, filtered bool) {
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if !filtered && x.State() == Established && x.sentSyn && !x.ackSent && y.State() == SynRcvd &&
			at-y.lastSynAt > second+x.crossing() {
			x.withdrawTo(SynSent, synAckUnanswered, 0)
		}
		if y.gotFin && x.FinSent && x.fins > patience && c.repeats[i].n >= patience &&
			!(y.ackSent && y.maxAck.After(x.FinSeq)) && y.HasSent {
			y.unreceiveFin(finUnanswered, 0) // one that had the FIN would have acknowledged it
		}
	}
}

// settleGivenUp ends the attempts whose sender stopped trying.
func (c *Conn) settleGivenUp(at int64) {
	for i := range c.Ends {
		e := &c.Ends[i]
		if e.Known() && (e.State() == SynSent || e.State() == SynRcvd) && e.GaveUp(at) {
			e.infer(givenUp, e.synDue(), 0)
		}
	}
}

// GaveUp reports whether the endpoint gave up the attempt: it has repeated its SYN or SYN-ACK, and the next one was due
// before a time and has not come (RFC 9293 §3.8.3, R2).
func (e *Endpoint) GaveUp(at int64) bool {
	return e.Syns >= 2 && e.synGap > 0 && at > e.synDue()+e.synGap/2
}

// synDue returns when an endpoint that repeats its SYN or SYN-ACK sends the next one: it waits twice as long each time
// (RFC 6298 §5.5).
func (e *Endpoint) synDue() int64 { return e.lastSynAt + 2*e.synGap }

// settleUnseen handles captures that hold only SYNs, FINs and RSTs. Their numbers show what the missing segments said.
// A SYN-ACK or FIN that was not repeated was acknowledged.
func (c *Conn) settleUnseen(at int64) {
	if c.HandshakeAcked && !c.Ends[0].sentText && !c.Ends[1].sentText {
		c.HandshakeAcked, c.HasClientRTT = false, false // what seemed the first acknowledgement already closes
	}
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if x.in(SynRcvd) && c.OpenUnseen(i) && at-x.lastSynAt > unrepeated {
			x.infer(synAckedUnseen, x.lastSynAt, x.lastSynPacket)
		}
		refused := slices.ContainsFunc(x.Withdrawn, func(w Withdrawal) bool { return w.By == refusedByRst })
		if n := len(x.History); !refused && n == 2 && x.History[0].State == SynRcvd && x.State() == Closed &&
			x.sentSynAck && y.wasSynchronized() && c.Reset != nil &&
			(c.resetHasAck && !c.SynDataAcked && !(c.Reset.By == i && c.resetSeq == 0) ||
				c.Reset.By == i && c.resetSeq.After(x.ISS.Add(1+x.synLen))) {
			// A host that rejects a SYN-ACK sends no ACK (RFC 9293 §3.10.7.3, first step). An end in SYN_RCVD has no
			// user who could abort, and has sent no text. So this RST aborted a complete connection. With number 0 it
			// refuses a SYN (§3.10.7.1).
			x.insert(1, Entry{State: Established, Rule: synAckedUnseen, At: x.lastSynAt, Packet: x.lastSynPacket,
				Inferred: true}, x.History[1].Rule)
		}
		if y.FinSent && !x.gotFin && x.synchronized() {
			c.receiveFin(i, x, &Segment{At: y.FinAt, Packet: y.finPacket}, finArrives)
			x.inferSince(y.finPacket)
		}
	}
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if n := len(x.History); n > 1 && x.State() == Closed && x.History[n-2].State == FinWait1 && c.Reset != nil &&
			c.Reset.By != i &&
			y.gotFin && c.Reset.At-x.FinAt > y.crossing() {
			// An RST that comes so late is not the first segment to acknowledge the FIN.
			x.insert(n-1, Entry{State: FinWait2, Rule: finAckUnseen, At: x.FinAt, Packet: x.finPacket, Inferred: true},
				x.History[n-1].Rule)
		}
		if x.State() == FinWait1 && x.fins <= patience && y.gotFin && !y.FinSent && at-x.FinAt > second {
			x.infer(finAckUnseen, x.FinAt, x.finPacket)
		}
		if !x.FinSent || !y.FinSent {
			continue
		}
		if x.State() == Closing && x.fins <= patience {
			x.infer(finAckUnseen, y.FinAt, y.finPacket)
			c.TimeWaits[i] = TwoMSL{Since: max(x.FinAt, y.FinAt)}
		}
		if n := len(x.History); n > 1 && x.State() == TimeWait && x.History[n-2].State == FinWait1 &&
			x.History[n-1].At > x.History[n-2].At+y.crossing() {
			// A FIN that comes so late is not the first segment to acknowledge the other FIN.
			x.insert(n-1, Entry{State: FinWait2, Rule: finAckUnseen, At: x.History[n-2].At,
				Packet: x.History[n-2].Packet, Inferred: true}, finArrives)
		}
		if n := len(x.History); n > 1 && x.History[1].State == Established && x.History[1].Inferred && x.sentSynAck &&
			x.Syns == 1 {
			x.History[1].At, x.History[1].Packet = max(x.History[0].At, min(x.lastSynAt, x.History[1].At)),
				x.lastSynPacket
		}
		if x.State() == LastAck && x.fins <= patience {
			x.infer(finAckUnseen, x.FinAt, c.last[i].packet)
		}
	}
}
