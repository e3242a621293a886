package tcpstate

import "math"

// Conn is one connection: two endpoints, and the segments between them.
type Conn struct {
	Ends [2]Endpoint

	// Reset is the first RST that was accepted, nil for none. In a settled connection it is the first that caused its
	// receiver's last CLOSED.
	Reset *Reset
	// HalfOpen is set once one side has shown that it had lost the connection without the other's knowledge.
	HalfOpen *HalfOpen
	// HalfOpenPacket is the packet of that discovery.
	HalfOpenPacket uint64

	TimeWaits [2]TwoMSL // by end

	HandshakeAckAt     int64 // the segment that completed the handshake
	HandshakeAckPacket uint64
	HandshakeAckSeq    Seq // its SEG.SEQ
	HandshakeAckAck    Seq // its SEG.ACK
	HandshakeAcked     bool
	SynDataAcked       bool // RFC 7413: the SYN-ACK acknowledged the SYN's text
	ServerRTT          int64
	ClientRTT          int64
	HasServerRTT       bool
	HasClientRTT       bool

	log         *log   // nil for an ordinary connection
	laterReset  *Reset // the last RST that was accepted after Reset
	maybeReset  *Reset // an RST that its receiver, silent since then, may have accepted: see atFin
	resetSeq    Seq    // of Reset
	resetHasAck bool   // Reset carried an ACK
	seenPlain   bool   // a segment without SYN, FIN and RST has been seen
	self        bool   // Ends[0] is its own peer
	predictable bool   // see Predict

	provokedAt   [2]int64 // when the end last got a segment that draws a challenge ACK, 0 once it has answered
	challengedAt [2]int64 // when it sent its last challenge ACK
	last         [2]lastSegment
	earlier      [2][2]question // those before last, the later one first
	repeats      [2]repeats
}

// question is a segment that an RST may answer.
type question struct {
	at          int64
	ack         Seq
	hasAck      bool
	refused     bool     // by an RST
	ackedBefore bool     // its peer had acknowledged it before
	kind        Stimulus // Nothing if there is none
}

// lastSegment has what later rules need of the last segment of an end, RSTs excluded.
type lastSegment struct {
	question
	packet   uint64
	seq, end Seq
	repeats  uint8 // how many in a row acknowledge no more than the one before, and have no text: 255 at most
}

// Segment processes a segment that Ends[from] has sent, in the order of capture, and returns its effect.
func (c *Conn) Segment(from int, s *Segment) Effect {
	to := c.peer(from)
	if c.log != nil {
		c.log.proven = c.log.proven[:0]
		c.acceptAcknowledged(to, s)
	}
	e := c.exchange(from, &c.Ends[from], &c.Ends[to], s)
	if e != 0 {
		c.noteEffect(from, s, e)
	}
	c.predictable = c.isPredictable()
	return e
}

// SelfSegment processes a segment of a connection of Ends[0] to itself (RFC 9293 §3.5: a simultaneous open).
func (c *Conn) SelfSegment(s *Segment) Effect {
	c.self = true
	return c.Segment(0, s)
}

// peer is the end that receives what an end sends.
func (c *Conn) peer(end int) int {
	if c.self {
		return end
	}
	return 1 - end
}

func (c *Conn) exchange(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	switch {
	case s.Syn && s.Rst && !y.synchronized():
		return Rejected // no state sends it, and only a synchronized one would process it (RFC 9293 §3.10.7)
	case s.Rst:
		e = c.sendsRst(from, x, y, s)
	case s.Syn && s.Fin && !s.HasAck:
		return Dropped(impossibleFlags) // a scan or an attack
	case s.Syn && s.HasAck:
		e = c.sendsSynAck(from, x, y, s)
	case s.Syn:
		e = c.sendsSyn(from, x, y, s)
	default:
		e = c.segment(from, x, y, s)
	}
	if c.log != nil && !e.Has(Rejected) && !s.Rst {
		c.removeMissing(from, s)
		c.replaceRejected(from, s, true)
	}
	e |= c.challenge(from, x, e, s)
	if !e.Has(Rejected) {
		c.survives(from, s)
		c.countUnanswered(from, e, s)
		if !s.Rst {
			c.remember(from, e, s)
		}
	}
	return e
}

func (c *Conn) remember(from int, e Effect, s *Segment) {
	last := &c.last[from]
	earlier := &c.earlier[from]
	earlier[1] = earlier[0]
	earlier[0] = last.question
	switch {
	case !last.hasAck || !s.HasAck || s.Ack != last.ack || s.Seq != s.end():
		last.repeats = 0
	case last.repeats < math.MaxUint8:
		last.repeats++
	}
	last.at, last.ack, last.hasAck, last.refused, last.kind = s.At, s.Ack, s.HasAck, false, kindOf(s, e)
	last.packet, last.seq, last.end = s.Packet, s.Seq, s.end()
	y := &c.Ends[1-from]
	last.ackedBefore = y.ackSent && !s.end().After(y.maxAck)
}

// Stimulus is the kind of segment that an RST answers.
type Stimulus uint8

// The kinds of stimulus; Nothing is an RST that answers no segment.
const (
	Nothing Stimulus = iota
	AnsweredSyn
	AnsweredData
	AnsweredFin
	AnsweredAck
	AnsweredKeepalive
)

// String returns what was answered: nothing, syn, data, fin, ack or keepalive.
func (s Stimulus) String() string {
	return [...]string{"nothing", "syn", "data", "fin", "ack", "keepalive"}[s]
}

func kindOf(s *Segment, e Effect) Stimulus {
	switch {
	case s.Syn:
		return AnsweredSyn
	case s.Fin:
		return AnsweredFin
	case e.Has(Keepalive) || e.Has(ZeroWindowProbe):
		return AnsweredKeepalive
	case s.Len > 0:
		return AnsweredData
	}
	return AnsweredAck
}

// Expire records the end of 2MSL for an end in TIME_WAIT (RFC 9293 §3.10.8).
func (c *Conn) Expire(i int, at int64) {
	c.Ends[i].infer(timeWaitOver, at, 0)
}

// Supersede ends both ends, because the SYN of the next connection on the two sockets was answered.
func (c *Conn) Supersede(at int64, packet uint64) {
	for i := range c.Ends {
		if e := &c.Ends[i]; e.Known() && e.State() != Closed {
			e.infer(superseded, at, packet)
		}
	}
	c.predictable = false
}

// Distance returns how far the numbers of a segment of Ends[from] lie from the current numbers of the connection. A
// segment that cannot belong to it has the greatest distance.
func (c *Conn) Distance(from int, s *Segment) uint64 {
	const never = ^uint64(0)
	x, y := &c.Ends[from], &c.Ends[1-from]
	if s.Syn && s.HasAck && x.ISSKnown && x.ISS != s.Seq {
		return never
	}
	waits := y.in(SynSent) && y.issSeen
	if waits && !y.synSentAck(s) {
		return never - 1
	}
	var d uint64
	if x.sndKnown && !(s.Rst && waits) {
		d += abs(s.Seq.Sub(x.sndNxt))
	} else if !waits {
		d += 1 << 31
	}
	switch {
	case s.HasAck && y.sndKnown:
		d += abs(s.Ack.Sub(y.sndNxt))
	case s.HasAck:
		d += 1 << 31
	}
	return d
}

func abs(n int32) uint64 {
	if n < 0 {
		return uint64(-int64(n))
	}
	return uint64(n)
}

// LastAt is when Ends[i] sent its last acceptable segment.
func (c *Conn) LastAt(i int) int64 { return c.last[i].at }

// Repeats reports whether the last segment of Ends[i] acknowledged nothing that the one before it had not.
func (c *Conn) Repeats(i int) bool { return c.last[i].repeats > 0 }
