package tcpstate

// Settle is the end of what will be seen, at a time of the capture: what silence decides is decided.
func (c *Conn) Settle(at int64) {
	c.settleDoubt()
	c.settleUnanswered(at)
	if !c.bare {
		c.settleUnseen()
	}
}

// settleDoubt believes an RST that was doubted and met silence.
func (c *Conn) settleDoubt() {
	for i := range c.Ends {
		e := &c.Ends[i]
		if e.doubted == nil || !e.Known() || e.State() == Closed {
			continue
		}
		if c.last[i].seen && c.last[i].at > e.doubted.At {
			continue
		}
		if c.Reset == nil && e.doubted.onReceipt {
			c.Reset = &Reset{By: 1 - i, At: e.doubted.At, Packet: e.doubted.Packet, ReceiverKnown: true, ReceiverState: e.State()}
		}
		e.push(*e.doubted)
		e.resetClosed = true
		e.inferLast()
	}
}

// settleUnanswered takes back the ESTABLISHED of an opener that has not answered a SYN-ACK in a second: it answers at
// once (RFC 9293 §3.10.7.3, fourth step), so the SYN-ACK never reached it, or nobody is there.
func (c *Conn) settleUnanswered(at int64) {
	const second = 1e9
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if x.State() == Established && x.sentSyn && !x.ackSent && y.State() == SynRcvd && at-y.lastSynAt > second+x.crossing() {
			x.withdrawTo(SynSent)
		}
	}
}

// settleUnseen is for captures that hold SYNs, FINs and RSTs only: the numbers of these tell what the rest said. A
// SYN-ACK that is not repeated was acknowledged, and so was a FIN.
func (c *Conn) settleUnseen() {
	for i := range c.Ends {
		x, y := &c.Ends[i], &c.Ends[1-i]
		if !x.FinSent || !y.FinSent {
			continue
		}
		if n := len(x.History); n > 1 && x.History[1].State == Established && x.History[1].Inferred && x.sentSynAck && x.syns == 1 {
			x.History[1].At, x.History[1].Packet = x.lastSynAt, x.lastSynPacket
		}
		if x.State() == LastAck && x.fins == 1 {
			x.enterAt(Closed, x.FinAt, c.last[i].packet, true)
			x.inferLast()
		}
	}
}
