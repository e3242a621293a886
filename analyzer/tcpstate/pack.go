package tcpstate

import "github.com/tcplife/tcplife/analyzer/compact"

// Pack writes all that is known of the connection, or reads it into c, whatever c held before.
func (c *Conn) Pack(k *compact.Coder) {
	for i := range c.Ends {
		c.Ends[i].pack(k)
	}
	if optional(k, &c.Reset) {
		r := c.Reset
		k.Int(&r.By)
		k.Time(&r.At)
		k.Uint64(&r.Packet)
		k.Bool(&r.ReceiverKnown)
		k.Uint8((*uint8)(&r.ReceiverState))
		k.Uint8((*uint8)(&r.Answers))
		k.Int64(&r.Idle)
	}
	if optional(k, &c.HalfOpen) {
		h := c.HalfOpen
		k.Int(&h.Survivor)
		k.Time(&h.Since)
		k.Time(&h.At)
		k.Uint8((*uint8)(&h.By))
	}
	k.Uint64(&c.HalfOpenPacket)
	for i := range c.TimeWaits {
		if w := &c.TimeWaits[i]; compact.Some(k, w) {
			k.Time(&w.Since)
			k.Uint64(&w.Restarts)
		}
	}
	k.Time(&c.HandshakeAckAt)
	k.Uint64(&c.HandshakeAckPacket)
	k.Bool(&c.HandshakeAcked)
	k.Bool(&c.SynDataAcked)
	k.Int64(&c.ServerRTT)
	k.Int64(&c.ClientRTT)
	k.Bool(&c.HasServerRTT)
	k.Bool(&c.HasClientRTT)
	c.resetSeq.pack(k)
	k.Bool(&c.resetAcks)
	k.Bool(&c.bare)
	k.Bool(&c.self)
	k.Bool(&c.steady)
	for i := range c.last {
		l := &c.last[i]
		l.question.pack(k)
		k.Uint64(&l.packet)
		l.seq.pack(k)
		l.end.pack(k)
		k.Bool(&l.repeats)
		for j := range c.earlier[i] {
			if q := &c.earlier[i][j]; compact.Some(k, q) {
				q.pack(k)
			}
		}
	}
	for i := range c.repeats {
		r := &c.repeats[i]
		if !compact.Some(k, r) {
			continue
		}
		k.Uint64(&r.n)
		k.Time(&r.at)
		k.Uint64(&r.first)
		k.Uint64(&r.last)
		k.Bool(&r.probes)
	}
}

func (q *question) pack(k *compact.Coder) {
	k.Time(&q.at)
	q.ack.pack(k)
	k.Bool(&q.hasAck)
	k.Bool(&q.refused)
	k.Uint8((*uint8)(&q.kind))
}

func (e *Endpoint) pack(k *compact.Coder) {
	compact.Len(k, &e.History)
	for i := range e.History {
		e.History[i].pack(k)
	}
	k.Bool(&e.Spoke)

	e.ISS.pack(k)
	k.Bool(&e.ISSKnown)
	k.Bool(&e.issSeen)
	k.Bool(&e.far)
	k.Bool(&e.sndKnown)
	e.sndUna.pack(k)
	k.Bool(&e.unaKnown)
	e.sndNxt.pack(k)
	k.Uint32(&e.synLen)

	k.Time(&e.firstSynAt)
	k.Int64(&e.synGap)
	k.Time(&e.lastSynAt)
	k.Uint64(&e.lastSynPacket)
	k.Int(&e.syns)
	k.Bool(&e.synAcked)
	k.Bool(&e.sentSyn)
	k.Bool(&e.sentSynAck)
	k.Time(&e.heardAt)
	k.Time(&e.synAckAt)
	k.Int(&e.unanswered)
	k.Bool(&e.misled)
	k.Bool(&e.denied)

	k.Bool(&e.sentText)
	k.Bool(&e.FinSent)
	k.Int(&e.fins)
	k.Uint64(&e.finPacket)
	e.FinSeq.pack(k)
	k.Time(&e.FinAt)
	e.finAck.pack(k)
	k.Bool(&e.finGuessed)
	k.Bool(&e.finDenied)

	k.Bool(&e.rcv.known)
	e.rcv.nxt.pack(k)
	compact.Len(k, &e.rcv.ahead)
	for i := range e.rcv.ahead {
		e.rcv.ahead[i].from.pack(k)
		e.rcv.ahead[i].to.pack(k)
	}
	k.Bool(&e.gotFin)
	k.Bool(&e.ackSent)
	e.maxAck.pack(k)
	e.edge.pack(k)
	k.Uint32(&e.wnd)
	k.Uint32(&e.maxWnd)
	k.Uint8(&e.wscale)
	k.Bool(&e.scaled)
	k.Uint32(&e.tsSent)
	k.Bool(&e.tsIsSent)
	k.Uint32(&e.tsRecent)
	k.Bool(&e.tsKnown)
	k.Int64(&e.rtt)
	k.Bool(&e.rttKnown)
	k.Bool(&e.timing)
	e.timedEnd.pack(k)
	k.Time(&e.timedAt)

	k.Bool(&e.resetAcked)
	k.Bool(&e.resetClosed)
	e.strayEnd.pack(k)
	k.Bool(&e.strayKnown)
	if optional(k, &e.bareAck) {
		e.bareAck.pack(k)
	}
	k.Bool(&e.ackedFin)
	k.Time(&e.ackedFinAt)
	e.ackedFinWith.pack(k)
	if optional(k, &e.doubted) {
		e.doubted.pack(k)
	}
}

func (h *Entry) pack(k *compact.Coder) {
	const inferred, onReceipt = 1 << 6, 1 << 7
	kind := uint8(h.State)
	if h.Inferred {
		kind |= inferred
	}
	if h.onReceipt {
		kind |= onReceipt
	}
	k.Uint8(&kind)
	h.State, h.Inferred, h.onReceipt = State(kind&^(inferred|onReceipt)), kind&inferred != 0, kind&onReceipt != 0
	k.Time(&h.At)
	k.Uint64(&h.Packet)
}

func (s *Seq) pack(k *compact.Coder) { k.Uint32((*uint32)(s)) }

// optional notes whether something is there. If it is and is read, there is room for it.
func optional[T any](k *compact.Coder, p **T) bool {
	is := *p != nil
	k.Bool(&is)
	if k.Reading() {
		*p = nil
		if is {
			*p = new(T)
		}
	}
	return is
}
