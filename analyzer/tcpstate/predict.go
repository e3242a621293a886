package tcpstate

import "slices"

// Most segments are expected: text in sequence between two ends in ESTABLISHED, or its acknowledgement. For these most
// questions of Segment have only one answer. So Van Jacobson's header prediction (4.3BSD-Reno, tcp_input) looks at a
// few fields first; RFC 9293 leaves that to the implementation. Segment decides whether the next segments are
// predictable (isPredictable); Predict does not change that.

// Predict processes a segment of Ends[from] like Segment, if it was expected. It reports whether it was: then both ends
// are still in ESTABLISHED. Otherwise Predict changes nothing.
func (c *Conn) Predict(from int, s *Segment) bool {
	x, y := &c.Ends[from], &c.Ends[1-from]
	switch {
	case !c.predictable || s.Syn || s.Fin || s.Rst || !s.HasAck:
		return false
	case s.Seq != x.sndNxt || s.Len > 0 && s.Seq != y.rcv.nxt || !s.Seq.follows(y.maxAck) || s.Len > nearby:
		return false // retransmitted, ahead of a hole, or more was acknowledged than seen
	case !s.Ack.follows(y.sndUna) || !y.sndNxt.follows(s.Ack) || !x.rcv.nxt.follows(s.Ack):
		return false // an old acknowledgement, or one of what was not seen
	case y.wnd == 0 || y.outdated(s):
		return false // a probe of a closed window, or older than what has arrived (PAWS)
	}
	y.stamp(s)
	x.sentText = x.sentText || s.Len > 0
	x.time(y, s, false)
	x.sent(s.end())
	x.offers(s)
	y.sndUna = s.Ack
	if s.Len > 0 {
		y.rcv.nxt = s.end()
	}
	c.remember(from, 0, s)
	return true
}

// nearby is the largest distance of numbers that are compared here, so that no sum in Segment's comparisons exceeds
// half of the sequence space.
const nearby = 1 << 30

// follows reports whether s is t, or comes after it and is near.
func (s Seq) follows(t Seq) bool { return s-t <= nearby }

// isPredictable reports whether Predict needs only the numbers of the next segments.
func (c *Conn) isPredictable() bool {
	return c.seenPlain && !c.self && c.Ends[0].isPredictable() && c.Ends[1].isPredictable() &&
		c.repeats == [2]repeats{} && c.provokedAt == [2]int64{} && (c.log == nil || c.log.isIdle())
}

// isIdle reports whether the log has nothing that an expected segment may change.
func (l *log) isIdle() bool {
	return len(l.rejected[0])+len(l.rejected[1])+len(l.proven) == 0 && !slices.ContainsFunc(l.noted,
		func(m noted) bool {
			return m.kind == Missed
		})
}

// isPredictable reports whether the endpoint's own segments show ESTABLISHED, and nothing is doubtful or missing.
func (e *Endpoint) isPredictable() bool {
	return e.State() == Established && e.HasSent && e.ackSent && e.sndKnown && e.unaKnown && e.rcv.known &&
		len(e.rcv.ahead) == 0 &&
		!e.FinSent && !e.finInferred && !e.gotFin && e.doubted == nil &&
		// a SYN_RCVD that its next segment would withdraw
		(!e.ISSKnown || e.farFromISS || e.sndNxt.follows(e.ISS.Add(1))) && (e.sentSynAck || len(e.History) <= 2)
}
