package tcpstate

// throttle is the time after a challenge ACK in which its sender may omit the next one (RFC 5961 §7; Linux:
// tcp_invalid_ratelimit), so that silence proves nothing.
const throttle = 500e6

// challenge recognises a challenge ACK (RFC 5961 §3.2, §4.2, §5.2): it repeats its sender's current numbers. As an
// answer to a SYN it may be about another connection (RFC 9293 §3.5.1, figure 9).
func (c *Conn) challenge(from int, x *Endpoint, e Effect, s *Segment) Effect {
	if by := e.DroppedBy(); e.Has(ResetDoubted) || by == SynInside || by == otherSynAck {
		c.Provoked(c.peer(from), s.At)
		return 0
	}
	bare := s.HasAck && !s.Syn && !s.Fin && !s.Rst && s.Len == 0
	switch drawnAt := c.provokedAt[from]; {
	case e.DroppedBy() == otherAck && !s.Fin:
		return Challenge
	case e.Has(Rejected):
		return 0
	case bare && drawnAt != 0 && s.Seq == x.sndNxt && c.last[from].hasAck && c.last[from].ack == s.Ack &&
		s.At-drawnAt <= SoonestTimeout+x.crossing():
		c.provokedAt[from], c.challengedAt[from] = 0, s.At
		return Challenge
	case !bare:
		c.provokedAt[from] = 0
	}
	return 0
}

// Provoked records that Ends[i] was sent a segment that draws a challenge ACK, possibly one of another connection.
func (c *Conn) Provoked(i int, at int64) {
	if e := &c.Ends[i]; e.Known() && e.State() >= SynRcvd {
		c.provokedAt[i], c.predictable = at, false
	}
}
