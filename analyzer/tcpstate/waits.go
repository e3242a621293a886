package tcpstate

// This file holds what a timer of an endpoint has waited for, as far as the packets show it.

// MayRepeat reports whether a segment can be a retransmission or a probe, if its sender's SND.NXT is nxt.
func (s *Segment) MayRepeat(nxt Seq) bool {
	return !s.Rst && (s.Len == 1 || !s.end().After(nxt) && (s.Seq != s.end() || s.Seq != nxt))
}

// TimedFrom returns when Ends[from] started the retransmission timer that expires with s. If first is true, that is
// when s was first sent, else when Ends[from] sent its last segment, or when something new was acknowledged, if that
// came later (RFC 6298 §5.3). 0 means not known. Call it before Segment processes s.
func (c *Conn) TimedFrom(from int, s *Segment) (at int64, first bool) {
	y := &c.Ends[1-from]
	last := &c.last[from]
	at, first = last.at, last.seq == s.Seq && last.end == s.end()
	if y.timing && y.timedEnd.After(s.Seq) && !y.timedEnd.After(s.end()) {
		at, first = y.timedAt, true
	}
	heard := &c.last[1-from]
	fresh := heard.hasAck && heard.repeats == 0 && heard.seq == heard.end && heard.ack == c.Ends[from].sndUna
	if fresh && heard.at > at {
		at, first = heard.at, false
	}
	return at, first
}

// HeardAt returns when Ends[i] sent its last acceptable segment that is no RST, and its packet. 0 means never.
func (c *Conn) HeardAt(i int) (at int64, packet uint64) { return c.last[i].at, c.last[i].packet }

// NoProbeAt returns when Ends[i] sent its last segment that was not a probe.
func (c *Conn) NoProbeAt(i int) int64 {
	for _, q := range [...]*question{&c.last[i].question, &c.earlier[i][0], &c.earlier[i][1]} {
		if q.kind != AnsweredKeepalive {
			return q.at
		}
	}
	return c.earlier[i][1].at
}

// Duplicates returns how many segments in a row Ends[i] sent without text and with the same acknowledgement as the one
// before, at most 255.
func (c *Conn) Duplicates(i int) uint8 { return c.last[i].repeats }

// WindowClosed reports whether Ends[i] offers no window.
func (c *Conn) WindowClosed(i int) bool { return c.Ends[i].ackSent && c.Ends[i].wnd == 0 }

// Since returns when the endpoint entered its state.
func (e *Endpoint) Since() int64 { return e.since() }

// Crossing is the longest time from the passage of a segment to the passage of Ends[i]'s answer to it.
func (c *Conn) Crossing(i int) int64 { return c.Ends[i].crossing() }

// RoundTrip is about the shortest time after which the peer's answer can affect what Ends[i] sends.
func (c *Conn) RoundTrip(i int) int64 {
	x, y := &c.Ends[i], &c.Ends[1-i]
	if !x.rttKnown || !y.rttKnown {
		return min(y.crossing(), SoonestTimeout)
	}
	return min(x.rtt+y.crossing(), SoonestTimeout)
}

// Soonest is about the shortest time from the passage of a segment to the passage of Ends[i]'s answer to it; 0 means
// not known.
func (c *Conn) Soonest(i int) int64 {
	if e := &c.Ends[i]; e.rttKnown {
		return e.rtt * 3 / 4
	}
	return 0
}

// HasHole reports whether Ends[i] has received octets behind a hole.
func (c *Conn) HasHole(i int) bool { return len(c.Ends[i].rcv.ahead) > 0 }

// OwnReset returns the packet of the RST by which Ends[i] closed itself, 0 for none.
func (c *Conn) OwnReset(i int) (packet uint64) {
	e := &c.Ends[i]
	if n := len(e.History) - 1; n >= 0 && e.History[n].State == Closed && e.resetClosed && !e.History[n].onReceipt {
		return e.History[n].Packet
	}
	return 0
}
