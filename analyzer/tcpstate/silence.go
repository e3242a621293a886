package tcpstate

// repeats counts what an end has retransmitted since its peer was last heard.
type repeats struct {
	n           uint64
	at          int64
	first, last uint64 // packets
	probes      bool
}

// patience is how many unanswered repetitions count as silence: what is sent after them no longer arrives.
const patience = 2

// SoonestTimeout is the shortest retransmission timeout of common stacks, though RFC 6298 §2.4 requires a second. A
// segment that comes again sooner is a duplicate, or fast recovery.
const SoonestTimeout = 200e6

// countUnanswered counts what an end repeats without an answer.
func (c *Conn) countUnanswered(from int, e Effect, s *Segment) {
	c.repeats[1-from] = repeats{}
	probe := e.Has(Keepalive)
	if !probe && !(e.Has(Retransmission) && (s.Len > 0 || s.Fin)) {
		return
	}
	r := &c.repeats[from]
	if r.n == 0 {
		r.at = c.last[from].at
	}
	if s.At-r.at <= max(c.Ends[1-from].crossing(), SoonestTimeout) {
		return // an answer to the one before cannot have come yet, or its sender did not wait for it
	}
	r.at = s.At
	if r.n == 0 {
		r.first = s.Packet
	}
	r.n++
	r.last, r.probes = s.Packet, probe
}

// unheard reports whether what Ends[from] sends probably no longer arrives: it has repeated itself too often without an
// answer, and the capture would hold its peer's answers.
func (c *Conn) unheard(from int) bool {
	return c.repeats[from].n >= patience && c.Ends[1-from].HasSent
}

// Unanswered returns how many segments Ends[i] has repeated since it last heard its peer, and the first and last
// packets of them.
func (c *Conn) Unanswered(i int) (n, first, last uint64) {
	r := &c.repeats[i]
	return r.n, r.first, r.last
}

// LastWasProbe reports whether the last of those segments was a keepalive.
func (c *Conn) LastWasProbe(i int) bool { return c.repeats[i].probes }
