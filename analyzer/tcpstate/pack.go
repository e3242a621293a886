package tcpstate

import "github.com/tcplife/tcplife/analyzer/internal/store"

// Pack writes all that is known of the connection, or reads it into c, whatever c held before. Its times lie between start
// and end, as a rule, and its packets begin with first. Fields are in the order of their values, not of their meaning:
// what comes right after the like of it takes no room. Ends[opener] comes first, so that most connections look the same.
func (c *Conn) Pack(k *store.Coder, opener int, start, end int64, first uint64) {
	i, j := opener, 1-opener
	a, b := &c.Ends[i], &c.Ends[j]
	lastA, lastB, earlierA, earlierB := &c.last[i], &c.last[j], &c.earlier[i], &c.earlier[j]
	c.packFlags(k, i)
	c.packSpace(k, i)
	c.packSpace(k, j)
	store.Near(k, start, &a.firstSynAt, &a.lastSynAt, &b.firstSynAt, &b.lastSynAt, &b.synAckAt, &a.heardAt, &a.synAckAt, &b.heardAt,
		&c.HandshakeAckAt)
	store.Near(k, a.ISS, &c.HandshakeAckSeq)
	store.Near(k, b.ISS, &c.HandshakeAckAck)
	store.Near(k, end, &lastA.at, &b.timedAt, &earlierA[0].at, &earlierA[1].at, &lastB.at, &a.timedAt, &earlierB[0].at, &earlierB[1].at)
	store.Near(k, end, &a.FinAt, &c.TimeWaits[j].Since, &b.ackedFinAt, &b.FinAt, &c.TimeWaits[i].Since, &a.ackedFinAt)
	store.Near(k, 0, &c.ServerRTT, &c.ClientRTT, &a.rtt, &b.rtt, &a.synGap, &b.synGap)
	store.Near(k, first, &a.lastSynPacket, &b.lastSynPacket, &c.HandshakeAckPacket, &lastA.packet, &a.finPacket, &b.finPacket, &lastB.packet)
	store.Near(k, uint8(AnsweredAck), (*uint8)(&lastA.kind), (*uint8)(&earlierA[0].kind), (*uint8)(&earlierA[1].kind),
		(*uint8)(&lastB.kind), (*uint8)(&earlierB[0].kind), (*uint8)(&earlierB[1].kind), &a.wscale, &b.wscale)
	store.Small(k, &lastA.repeats, &lastB.repeats)
	states, otherStates, spans, otherSpans := len(a.History), len(b.History), len(a.rcv.ahead), len(b.rcv.ahead)
	store.Small(k, &a.Syns, &b.Syns, &states, &otherStates, &a.fins, &b.fins, &a.unanswered, &b.unanswered, &spans, &otherSpans)
	a.packHistory(k, states, a.firstSynAt, first)
	b.packHistory(k, otherStates, a.firstSynAt, first)
	a.rcv.packAhead(k, spans)
	b.rcv.packAhead(k, otherSpans)
	c.packRare(k, i)
}

func (c *Conn) packFlags(k *store.Coder, opener int) {
	i, j := opener, 1-opener
	a, b := &c.Ends[i], &c.Ends[j]
	lastA, lastB, earlierA, earlierB := &c.last[i], &c.last[j], &c.earlier[i], &c.earlier[j]
	k.Bools(&a.Spoke, &a.ISSKnown, &a.issSeen, &a.sndKnown, &a.unaKnown, &a.synAcked, &a.sentSyn, &a.sentSynAck, &a.sentText,
		&a.FinSent, &a.rcv.known, &a.gotFin, &a.ackSent, &a.scaled, &a.tsIsSent, &a.tsKnown, &a.rttKnown, &a.timing, &a.ackedFin,
		&b.Spoke, &b.ISSKnown, &b.issSeen, &b.sndKnown, &b.unaKnown, &b.synAcked, &b.sentSyn, &b.sentSynAck, &b.sentText,
		&b.FinSent, &b.rcv.known, &b.gotFin, &b.ackSent, &b.scaled, &b.tsIsSent, &b.tsKnown, &b.rttKnown, &b.timing, &b.ackedFin,
		&lastA.hasAck, &earlierA[0].hasAck, &earlierA[1].hasAck,
		&lastB.hasAck, &earlierB[0].hasAck, &earlierB[1].hasAck,
		&c.HandshakeAcked, &c.HasServerRTT, &c.HasClientRTT, &c.bare, &c.steady)
	k.Bools(&a.misled, &a.denied, &a.finGuessed, &a.finDenied, &a.resetAcked, &a.resetClosed, &a.offered, &a.far,
		&b.misled, &b.denied, &b.finGuessed, &b.finDenied, &b.resetAcked, &b.resetClosed, &b.offered, &b.far,
		&lastA.refused, &earlierA[0].refused, &earlierA[1].refused,
		&lastB.refused, &earlierB[0].refused, &earlierB[1].refused,
		&c.SynDataAcked, &c.resetAcks, &c.self, &c.repeats[i].probes, &c.repeats[j].probes)
}

// packSpace codes the numbers of the sequence space of Ends[i], wherever they are: it sends them, and its peer receives and
// acknowledges them. With them go the windows and the timestamps that answer them.
func (c *Conn) packSpace(k *store.Coder, i int) {
	x, y := &c.Ends[i], &c.Ends[1-i]
	sent, answers, before := &c.last[i], &c.last[1-i], &c.earlier[1-i]
	store.Near(k, 0, &x.ISS, &before[1].ack, &before[0].ack, &answers.ack, &y.maxAck, &x.sndUna, &sent.seq, &y.timedEnd, &sent.end, &x.sndNxt,
		&y.rcv.nxt)
	store.Near(k, x.sndNxt, &x.FinSeq, &x.ackedFinWith, &y.finAck, &x.other)
	store.Near(k, 0, &y.wnd, &y.maxWnd, &x.tsSent, &y.tsRecent, &x.finStamp)
	beyond := uint32(y.edge - y.maxAck.Add(y.wnd))
	store.Small(k, &beyond, &x.synLen)
	y.edge = y.maxAck.Add(y.wnd).Add(beyond)
}

// packHistory codes n states, the first of which begins about a time, with a packet near another one.
func (e *Endpoint) packHistory(k *store.Coder, n int, at int64, packet uint64) {
	e.History = store.Resize(e.History, n)
	near := Entry{At: at, Packet: packet}
	for i := range e.History {
		e.History[i].pack(k, &near)
		near = e.History[i]
	}
}

// pack codes an entry that is near another one.
func (h *Entry) pack(k *store.Coder, near *Entry) {
	store.Near(k, near.State, &h.State)
	store.Near(k, near.Rule, &h.Rule)
	store.Near(k, near.At, &h.At)
	store.Near(k, near.Packet, &h.Packet)
	k.Bools(&h.Inferred, &h.onReceipt)
}

// packAhead codes n spans.
func (r *received) packAhead(k *store.Coder, n int) {
	r.ahead = store.Resize(r.ahead, n)
	near := r.nxt
	for i := range r.ahead {
		s := &r.ahead[i]
		store.Near(k, near, &s.from, &s.to)
		near = s.to
	}
}

// packStamps codes n stamps.
func (e *Endpoint) packStamps(k *store.Coder, n int) {
	e.stamps = store.Resize(e.stamps, n)
	for i := range e.stamps {
		st := &e.stamps[i]
		store.Near(k, e.lastSynAt, &st.at)
		store.Near(k, e.lastSynPacket, &st.packet)
		store.Near(k, e.tsSent, &st.value)
	}
}

// packRare codes what few connections have.
func (c *Conn) packRare(k *store.Coder, opener int) {
	i, j := opener, 1-opener
	a, b, last := &c.Ends[i], &c.Ends[j], &c.last[i]
	repeatsA, repeatsB := &c.repeats[i], &c.repeats[j]
	store.Near(k, last.packet, &repeatsA.first, &repeatsA.last, &repeatsB.first, &repeatsB.last, &repeatsA.n, &repeatsB.n,
		&c.TimeWaits[i].Restarts, &c.TimeWaits[j].Restarts, &c.HalfOpenPacket, &a.WithdrawnMore, &b.WithdrawnMore)
	store.Near(k, last.at, &repeatsA.at, &repeatsB.at, &c.asks[i], &c.asks[j], &c.warned[i], &c.warned[j])
	store.Near(k, a.ISS, &c.resetSeq)
	reset, later, perhaps := c.Reset != nil, c.later != nil, c.perhaps != nil
	halfOpen, logged := c.HalfOpen != nil, c.log != nil
	entries := [...]**Entry{&a.bareAck, &b.bareAck, &a.doubted, &b.doubted}
	var there [len(entries)]bool
	for i, p := range entries {
		there[i] = *p != nil
	}
	k.Bools(&perhaps, &reset, &later, &halfOpen, &logged, &there[0], &there[1], &there[2], &there[3], &a.rcv.lost, &b.rcv.lost)
	store.Near(k, b.sndNxt, &a.rcv.seen, &a.rstSeq)
	store.Near(k, a.sndNxt, &b.rcv.seen, &b.rstSeq)
	if optional(k, &c.Reset, reset) {
		c.Reset.pack(k, last.at, last.packet)
	}
	if optional(k, &c.later, later) {
		c.later.pack(k, last.at, last.packet)
	}
	if optional(k, &c.perhaps, perhaps) {
		c.perhaps.pack(k, last.at, last.packet)
	}
	if optional(k, &c.log, logged) {
		c.log.pack(k, opener, last.packet, last.at)
	}
	if optional(k, &c.HalfOpen, halfOpen) {
		h := c.HalfOpen
		store.Small(k, &h.Survivor)
		k.Bools(&h.GaveUp)
		store.Near(k, last.at, &h.Since, &h.At)
		store.Small(k, &h.By)
	}
	withdrawn, others, stamps, otherStamps := len(a.Withdrawn), len(b.Withdrawn), len(a.stamps), len(b.stamps)
	store.Small(k, &withdrawn, &others, &stamps, &otherStamps)
	a.packStamps(k, stamps)
	b.packStamps(k, otherStamps)
	a.packWithdrawn(k, withdrawn, last.at, last.packet)
	b.packWithdrawn(k, others, last.at, last.packet)
	for i, p := range entries {
		if optional(k, p, there[i]) {
			(*p).pack(k, &Entry{At: last.at, Packet: last.packet})
		}
	}
}

// pack codes the log of a connection that has one, that of the opener first.
func (l *log) pack(k *store.Coder, opener int, packet uint64, at int64) {
	notes, proven := len(l.noted), len(l.proven)
	store.Small(k, &notes, &proven)
	l.noted = store.Resize(l.noted, notes)
	near := packet
	for n := range l.noted {
		m := &l.noted[n]
		store.Small(k, (*uint8)(&m.kind), &m.end)
		store.Near(k, near, &m.packet)
		store.Near(k, 0, &m.seq)
		if store.Some(k, &m.about) {
			store.Near(k, m.packet, &m.about)
		}
		near = m.packet
	}
	if store.Some(k, &l.more) {
		for i := range l.more {
			for kind := range l.more[i] {
				store.Small(k, &l.more[i][kind])
			}
		}
	}
	for _, i := range [...]int{opener, 1 - opener} {
		rejected := len(l.rejected[i])
		store.Small(k, &rejected)
		l.rejected[i] = store.Resize(l.rejected[i], rejected)
		for n := range l.rejected[i] {
			r := &l.rejected[i][n]
			r.Segment.pack(k, packet, at)
			store.Small(k, &r.n)
			store.Small(k, (*uint8)(&r.by))
			k.Bools(&r.sum)
		}
		l.claim[i].pack(k, packet, at)
	}
	l.proven = store.Resize(l.proven, proven)
	for n := range l.proven {
		p := &l.proven[n]
		p.Segment.pack(k, packet, at)
		store.Small(k, &p.From)
		store.Small(k, (*uint32)(&p.Effect))
	}
}

func (l *claim) pack(k *store.Coder, packet uint64, at int64) {
	is := l.packet != 0
	k.Bools(&is, &l.fin, &l.acks)
	if !is {
		*l = claim{}
		return
	}
	store.Near(k, at, &l.at)
	store.Near(k, packet, &l.packet)
	store.Near(k, 0, &l.seq, &l.end, &l.ack, &l.maxAck, &l.edge, &l.sndNxt, &l.sndUna)
	store.Near(k, 0, &l.wnd)
}

func (s *Segment) pack(k *store.Coder, packet uint64, at int64) {
	store.Near(k, at, &s.At)
	store.Near(k, packet, &s.Packet)
	store.Near(k, 0, &s.Seq, &s.Ack)
	store.Near(k, 0, &s.Len, &s.Window, &s.TSVal, &s.TSEcr)
	store.Small(k, &s.WScale)
	k.Bools(&s.Syn, &s.Fin, &s.Rst, &s.HasAck, &s.HasWScale, &s.HasTS)
}

func (r *Reset) pack(k *store.Coder, at int64, packet uint64) {
	store.Small(k, &r.By)
	store.Near(k, at, &r.At)
	store.Near(k, packet, &r.Packet)
	store.Small(k, (*uint8)(&r.ReceiverState), (*uint8)(&r.Answers))
	store.Small(k, &r.Idle)
}

// packWithdrawn codes n withdrawn entries.
func (e *Endpoint) packWithdrawn(k *store.Coder, n int, at int64, packet uint64) {
	if n == 0 {
		e.Withdrawn = nil
		return
	}
	e.Withdrawn = store.Resize(e.Withdrawn, n)
	for i := range e.Withdrawn {
		w := &e.Withdrawn[i]
		w.pack(k, &Entry{At: at, Packet: packet})
		store.Small(k, &w.By)
		store.Near(k, w.Packet, &w.ByPacket)
	}
}

// optional makes room for what is read, if it is there, and reports whether it is. Room that *p has is used again.
func optional[T any](k *store.Coder, p **T, is bool) bool {
	switch {
	case !k.Reading():
	case !is:
		*p = nil
	case *p == nil:
		*p = new(T)
	}
	return is
}
