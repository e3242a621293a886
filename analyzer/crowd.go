package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// phase is how far an attempt to open has come, by what package crowd has been told of it.
type phase uint8

const (
	unopened phase = iota // no SYN of it is known
	attempted
	answered
	completed
	fellBack // completed, but the listener has not accepted it
	accepted // after all
	failed
)

// attempt is what package crowd knows an attempt by.
func (c *connection) attempt() crowd.Attempt {
	at := attemptBy(&c.key, c.opener)
	at.SynAt, at.SynAckAt = c.sides[c.opener].openingAt, c.sides[1-c.opener].synAckAt
	at.AckAt = c.tcp.HandshakeAckAt
	return at
}

// attemptBy is one of an end of the key.
func attemptBy(k *flows.Key, end int) crowd.Attempt {
	if end == 1 {
		return crowd.Attempt{Source: k.B, Target: k.A, TargetPort: k.APort, V6: k.V6}
	}
	return crowd.Attempt{Source: k.A, Target: k.B, TargetPort: k.BPort, V6: k.V6}
}

// openings are the SYNs and the SYN-ACKs of each end.
type openings [2]struct{ syns, synAcks uint64 }

func (c *connection) openings() (o openings) {
	for i := range c.sides {
		o[i].syns, o[i].synAcks = c.sides[i].openings, c.sides[i].synAcks
	}
	return o
}

// follow tells the crowd what a segment has made of an attempt, from what had been sent before it.
func (a *Analyzer) follow(c *connection, before openings, seg *flows.Segment) {
	if c.role != RoleSyn {
		if seg.Flags.Has(flows.RST) && seg.Window > 0 && seg.FromB != c.first.FromB {
			c.first.RSTWindow = true
		}
		return
	}
	if c.phase == failed {
		return
	}
	now := c.openings()
	if (c.phase == completed || c.phase == accepted) && now == before {
		return
	}
	at := c.attempt()
	syns, synAcks := now[c.opener].syns, now[1-c.opener].synAcks
	told, toldAcks := before[c.opener].syns, before[1-c.opener].synAcks
	if c.phase == unopened {
		a.crowd.Syn(a.clock, &at, &c.first)
		c.phase, told = attempted, syns
	}
	if syns > told {
		a.crowd.SynAgain(a.clock, &at, told == 1, synAcks > 0)
	}
	if synAcks > toldAcks {
		if toldAcks == 0 {
			granted := crowd.ProbeOf(seg)
			a.crowd.SynAck(a.clock, &at, &c.first, &granted)
		} else if synAcks > syns {
			a.crowd.SynAckAgain(a.clock, &at, int(synAcks-syns), c.tcp.HandshakeAcked)
			a.fallBack(c, &at)
		}
		c.phase = max(c.phase, answered)
	}
	switch {
	case c.phase == completed || c.phase == accepted || c.embryonic():
	case c.phase == fellBack:
		a.crowd.Resumed(a.clock, &at)
		c.phase = accepted
	case reached(&c.tcp.Ends[1-c.opener]) || !c.over():
		a.crowd.Complete(a.clock, &at)
		c.phase, c.first = completed, crowd.Probe{}
	default:
		a.crowd.End(a.clock, &at, c.failure(), false, c.synAcksAgain(), &c.first)
		c.phase = failed
	}
}

// fallBack tells the crowd that the listener is in SYN_RCVD again, if it is.
func (a *Analyzer) fallBack(c *connection, at *crowd.Attempt) {
	if c.tcp.Ends[1-c.opener].State() != tcpstate.SynRcvd {
		return
	}
	switch c.phase {
	case completed:
		a.crowd.FellBack(a.clock, at, true)
	case accepted:
		a.crowd.FellBack(a.clock, at, false)
	default:
		return
	}
	c.phase = fellBack
}

// synAcksAgain is how often the SYN-ACK was repeated though no SYN had been.
func (c *connection) synAcksAgain() int {
	return max(0, int(c.sides[1-c.opener].synAcks)-int(c.sides[c.opener].openings))
}

// failure is how an attempt ended that was not completed.
func (c *connection) failure() crowd.End {
	isAnswered := c.sides[1-c.opener].synAcks > 0
	switch r := c.tcp.Reset; {
	case r != nil && r.By == c.opener && isAnswered:
		return crowd.Disowned
	case r != nil && r.By != c.opener && isAnswered:
		return crowd.Withdrawn
	case r != nil && r.By != c.opener:
		return crowd.Refused
	case c.quotedHard || isAnswered && c.over():
		return crowd.Unreachable
	case isAnswered:
		return crowd.Abandoned
	}
	return crowd.Unanswered
}

// leave tells the crowd that a record has ended.
func (a *Analyzer) leave(c *connection, by EndedBy) {
	var end crowd.End
	at := c.attempt()
	cut := by == EndCaptureEnd && !c.over()
	switch c.phase {
	case failed:
		return
	case unopened:
		a.strayed(c)
		return
	case completed, fellBack, accepted:
		if c.phase == fellBack && !cut {
			a.crowd.Resumed(a.clock, &at)
		}
		if t, known := reachedAt(&c.tcp.Ends[1-c.opener]); c.phase == accepted && known {
			a.crowd.Accepted(&at, t)
		}
		end = crowd.Used
		if c.sides[c.opener].bytes == 0 {
			end = crowd.Idle
		}
	default:
		end = c.failure()
	}
	a.crowd.End(a.clock, &at, end, cut, c.synAcksAgain(), &c.first)
	c.phase = failed
}

// strayed tells the crowd of a record of one segment that opened nothing, transmissions of it included, and of an RST at most.
func (a *Analyzer) strayed(c *connection) {
	from := 0
	if c.first.FromB {
		from = 1
	}
	x, y := &c.sides[from], &c.sides[1-from]
	const several = 32
	alone := x.packets <= several && x.bytes == 0 && y.packets == y.rsts && x.openings == 0
	if !alone || c.first.Flags.Has(flows.ACK) && !c.first.Flags.Has(flows.SYN) && !c.first.Flags.Has(flows.RST) && c.opener != from {
		return // of a connection whose beginning was not captured
	}
	at := attemptBy(&c.key, from)
	at.SynAt = c.start
	a.crowd.Stray(a.clock, &at, &c.first, y.rsts > 0)
}
