package tcpstate

import "slices"

// A segment that its receiver drops, or seems to drop, is kept: if a later segment proves it, it counts from its place.

// maxRejected is how many are kept of each end. Beyond it the oldest is removed.
const maxRejected = 8

// rejected is a segment that was dropped, or seems to have been. Consecutive ones without SYN and FIN are kept as one.
type rejected struct {
	Segment
	n   uint32 // how many there are
	by  Rule   // that dropped it
	sum bool   // its checksum is wrong
}

// Proof is a segment that a later one has proven, although it counted as dropped when it passed.
type Proof struct {
	Segment
	From   int // the end that sent it
	Effect Effect
}

// reject keeps a dropped segment of Ends[from], because a later one may prove it.
func (c *Conn) reject(from int, s *Segment, by Rule) Effect {
	c.logged()
	c.removeMissing(from, s)
	c.keep(from, rejected{Segment: *s, n: 1, by: by})
	return Dropped(by)
}

// keep takes a rejected segment into the log.
func (c *Conn) keep(from int, r rejected) {
	list := &c.log.rejected[from]
	if n := len(*list); n > 0 {
		last := &(*list)[n-1]
		if last.by == r.by && !last.sum && !r.sum && last.HasAck == r.HasAck && last.end() == r.Seq && last.Len > 0 &&
			r.Len > 0 &&
			!last.Syn && !r.Syn && !last.Fin && !r.Fin && last.Len+r.Len <= nearby {
			last.Len, last.Ack, last.n = last.Len+r.Len, r.Ack, last.n+1
			return
		}
		if n == maxRejected {
			*list = slices.Delete(*list, 0, 1)
		}
	}
	*list = append(*list, r)
}

// RejectSum records a segment of Ends[from] that its receiver probably dropped because of its wrong checksum (RFC 9293
// §3.1). It is kept until the receiver acknowledges its contents, which shows that it arrived, or until it is
// retransmitted, which shows that it did not.
func (c *Conn) RejectSum(from int, s *Segment) {
	c.Note(WrongChecksum, from, s.Seq, s.Packet)
	x := &c.Ends[from]
	c.predictable = false
	if s.end() == s.Seq || s.Rst || x.sndKnown && !s.end().After(x.sndNxt) {
		return // it will never be acknowledged
	}
	c.replaceRejected(from, s, false)
	c.keep(from, rejected{Segment: *s, n: 1, sum: true})
}

// replaceRejected records a segment of Ends[from] with the contents of rejected ones: nothing can prove those any more.
// If it gets through, it repairs them.
func (c *Conn) replaceRejected(from int, s *Segment, through bool) {
	repairs := false
	c.log.rejected[from] = slices.DeleteFunc(c.log.rejected[from], func(r rejected) bool {
		again := r.Packet != s.Packet && (r.sum && s.end().After(r.Seq) && r.end().After(s.Seq) ||
			through && r.Seq != r.end() && !r.Seq.Before(s.Seq) && !r.end().After(s.end()))
		repairs = repairs || again && r.sum
		return again
	})
	if repairs && through {
		c.Note(Repaired, from, s.Seq, s.Packet)
	}
}

// Proven returns the segments that the last one has proven, although they counted as dropped when they passed.
func (c *Conn) Proven() []Proof {
	if c.log == nil {
		return nil
	}
	return c.log.proven
}

// proven records that a rejected segment is proven, and removes its note. e is its effect where it counts now. If it is
// dropped there too, it stays noted, unless only its checksum was wrong: what is acknowledged has arrived.
func (c *Conn) proven(from int, r *rejected, e Effect) {
	if e.Has(Rejected) && !r.sum {
		return
	}
	l := c.log
	l.proven = append(l.proven, Proof{r.Segment, from, e})
	of := func(kind Kind) bool {
		return kind == Unacceptable || kind == SynInConnection || kind == OtherSynAck || kind == WrongChecksum
	}
	kind, before := Unacceptable, len(l.noted)
	switch {
	case r.sum:
		kind = WrongChecksum
	case r.Syn:
		kind = SynInConnection
	}
	l.noted = slices.DeleteFunc(l.noted, func(m noted) bool {
		return int(m.end) == from && of(m.kind) && (m.packet == r.Packet || r.n > 1 && m.kind == Unacceptable &&
			m.seq-r.Seq < Seq(r.Len))
	})
	if found := uint32(before - len(l.noted)); found < r.n {
		l.more[from][kind] -= min(l.more[from][kind], r.n-found)
	}
	if e != 0 {
		c.noteEffect(from, &r.Segment, e)
	}
}

// acceptAcknowledged accepts the segments of Ends[i] with a wrong checksum that s acknowledges: they had arrived.
func (c *Conn) acceptAcknowledged(i int, s *Segment) {
	list := &c.log.rejected[i]
	for n := 0; n < len(*list) && s.HasAck && !s.Rst; {
		r := (*list)[n]
		if !r.sum || r.end().After(s.Ack) || s.Ack.Sub(r.end()) > 1<<20 {
			n++
			continue
		}
		*list = slices.Delete(*list, n, n+1)
		c.proven(i, &r, c.exchange(i, &c.Ends[i], &c.Ends[c.peer(i)], &r.Segment))
	}
}

// proves reports whether a segment acknowledges an earlier one that was dropped for its numbers: the capture has a gap
// there, or a SYN-ACK with another number was the one that counted. The proven segment counts from its place. If the
// peer is not captured, it is enough that the segment continues after that one, and does not fit either.
func (c *Conn) proves(from int, x, y *Endpoint, s *Segment) bool {
	if c.self || len(c.log.rejected[0])+len(c.log.rejected[1]) == 0 {
		return false
	}
	last := &c.last[1-from]
	// the capture has y's segments
	heard := y.HasSent && !(x.ackSent && (last.kind == Nothing || last.end.Before(x.maxAck)))
	for _, i := range [...]int{1 - from, from} {
		list := c.log.rejected[i]
		for n := len(list) - 1; n >= 0; n-- {
			r := &list[n]
			switch own := i == from; {
			case r.sum || !r.HasAck:
				continue
			case own && (heard || r.Syn || r.end() != s.Seq || s.Len == 0 || c.fits(x, y, s)):
				continue
			case !own && (!r.acknowledged(s.Ack) || s.Ack == y.sndNxt || r.by == paws && !s.Ack.After(y.sndNxt)):
				continue
			case !own && r.Ack.Sub(s.end()) > nearby:
				continue // it acknowledges what s's sender has not sent (RFC 9293 §3.10.7.4, fifth step)
			}
			chain := c.chain(i, n)
			for k := range chain {
				r := &chain[k]
				var e Effect
				switch {
				case r.Syn:
					e = c.acceptOtherSynAck(from, x, y, &r.Segment, s)
				case i == from:
					e = c.acceptAfterGap(from, x, y, &r.Segment, s)
				default:
					e = c.acceptAfterGap(i, y, x, &r.Segment, s)
				}
				c.proven(i, r, e)
			}
			return true
		}
	}
	return false
}

// acknowledged reports whether an acknowledgement covers the segment, or the beginning of those that are kept as one.
func (r *rejected) acknowledged(ack Seq) bool {
	return ack == r.end() || r.n > 1 && ack-r.Seq-1 < Seq(r.Len)
}

// chain removes the n-th rejected segment of Ends[i] from the list, and those directly before it, because they arrived
// with it.
func (c *Conn) chain(i, n int) (chain []rejected) {
	list := c.log.rejected[i]
	chain = []rejected{list[n]}
	for n--; n >= 0; n-- {
		if r := &list[n]; r.HasAck && !r.sum && !r.Syn && r.Seq != r.end() && r.end() == chain[0].Seq {
			chain = slices.Insert(chain, 0, *r)
		}
	}
	c.log.rejected[i] = slices.DeleteFunc(list, func(r rejected) bool { return !r.sum })
	return chain
}

// acceptAfterGap accepts what x, Ends[from], sent first after a gap of the capture, or with an old timestamp, if s
// proves it.
func (c *Conn) acceptAfterGap(from int, x, y *Endpoint, first, s *Segment) Effect {
	y.tsKnown = false
	if !c.fits(x, y, first) {
		x.withdrawFin(dataBeyondFin, s.Packet)
		if first.Seq.After(x.sndNxt) {
			c.noteMissing(from, first.Seq-1, first.Packet)
		}
		x.sndNxt, x.sndKnown = first.Seq, true
		// Both ends agree on these numbers, so the ISS says nothing about them.
		x.farFromISS = x.farFromISS || !first.Seq.After(x.ISS)
		if y.sndKnown && first.Ack.After(y.sndNxt) {
			c.noteMissing(1-from, first.Ack-1, first.Packet)
			y.sndNxt = first.Ack
		}
		y.rcv.nxt, y.rcv.ahead = first.Seq, nil
	}
	return c.segment(from, x, y, first)
}

// acceptOtherSynAck accepts the SYN-ACK of y that x has acknowledged, instead of another one.
func (c *Conn) acceptOtherSynAck(from int, x, y *Endpoint, synAck, s *Segment) Effect {
	if x.gotFin {
		x.unreceiveFin(otherSyn, s.Packet) // it belonged to the sender of the other SYN-ACK
	}
	y.cut(0, otherSyn, s.Packet)
	*y = Endpoint{Withdrawn: y.Withdrawn, WithdrawnMore: y.WithdrawnMore, otherISSKnown: true, otherISS: y.ISS}
	x.withdrawTo(SynSent, otherSyn, s.Packet)
	x.ackSent, x.rcv, x.resetClosed = false, received{}, false
	c.Reset, c.laterReset, c.maybeReset, c.HandshakeAcked = nil, nil, nil, false
	c.log.noted = slices.DeleteFunc(c.log.noted, func(m noted) bool { return m.kind == Missed && int(m.end) == 1-from })
	return c.sendsSynAck(1-from, y, x, synAck)
}
