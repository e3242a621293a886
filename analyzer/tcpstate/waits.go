package tcpstate

// What a timer of an endpoint has waited for, as far as the wire shows it.

// MayRepeat reports that a segment of one whose SND.NXT is nxt can be one that it sends again, or a probe.
func (s *Segment) MayRepeat(nxt Seq) bool {
	return !s.Rst && (s.Len == 1 || !s.end().After(nxt) && (s.Seq != s.end() || s.Seq != nxt))
}

// TimedFrom is when the retransmission timer of Ends[from] was started that runs out with s: when s was sent first, if
// first says so, else when Ends[from] sent its last segment; or when something new was acknowledged, if that came later
// (RFC 6298 §5.3). 0 is not known. It is asked before Segment takes s in.
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

// HeardAt is when Ends[i] sent its last segment that fitted, RSTs left out, and which packet that was. 0 is never.
func (c *Conn) HeardAt(i int) (at int64, packet uint64) { return c.last[i].at, c.last[i].packet }

// NoProbeAt is when Ends[i] sent its last segment that was no probe.
func (c *Conn) NoProbeAt(i int) int64 {
	for _, q := range [...]*question{&c.last[i].question, &c.earlier[i][0], &c.earlier[i][1]} {
		if q.kind != AnsweredKeepalive {
			return q.at
		}
	}
	return c.earlier[i][1].at
}

// Duplicates is how many segments in a row of Ends[i] acknowledged the same as the one before and had no text, 255 at
// most.
func (c *Conn) Duplicates(i int) uint8 { return c.last[i].repeats }

// WindowClosed reports that Ends[i] offers no window.
func (c *Conn) WindowClosed(i int) bool { return c.Ends[i].ackSent && c.Ends[i].wnd == 0 }

// Since is when it came into its state.
func (e *Endpoint) Since() int64 { return e.since() }

// Crossing is how long what Ends[i] answers to a segment takes at most, from one passage to the other.
func (c *Conn) Crossing(i int) int64 { return c.Ends[i].crossing() }

// RoundTrip is how long at least the peer's answer takes to have an effect on what Ends[i] sends, about.
func (c *Conn) RoundTrip(i int) int64 {
	x, y := &c.Ends[i], &c.Ends[1-i]
	if !x.rttKnown || !y.rttKnown {
		return min(y.crossing(), SoonestTimeout)
	}
	return min(x.rtt+y.crossing(), SoonestTimeout)
}

// Soonest is how long at least what Ends[i] answers to a segment takes, about, from one passage to the other; 0 is not
// known.
func (c *Conn) Soonest(i int) int64 {
	if e := &c.Ends[i]; e.rttKnown {
		return e.rtt * 3 / 4
	}
	return 0
}

// Misses reports that Ends[i] has got something behind a hole.
func (c *Conn) Misses(i int) bool { return len(c.Ends[i].rcv.ahead) > 0 }

// OwnReset is the RST of Ends[i] that closed it, 0 if none did.
func (c *Conn) OwnReset(i int) (packet uint64) {
	e := &c.Ends[i]
	if n := len(e.History) - 1; n >= 0 && e.History[n].State == Closed && e.resetClosed && !e.History[n].onReceipt {
		return e.History[n].Packet
	}
	return 0
}
