package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/flows"
)

// phase is how far an attempt to open has come, by what package crowd has been told of it.
type phase uint8

const (
	unopened phase = iota // no SYN of it is known
	attempted
	answered
	completed
	failed
)

// attempt is what package crowd knows an attempt by.
func (c *connection) attempt() crowd.Attempt {
	k, x, y := &c.key, &c.sides[c.opener], &c.sides[1-c.opener]
	at := crowd.Attempt{Source: k.A, SourcePort: k.APort, Target: k.B, TargetPort: k.BPort, V6: k.V6, SynAt: x.openingAt, SynAckAt: y.synAckAt}
	if c.opener == 1 {
		at.Source, at.SourcePort, at.Target, at.TargetPort = k.B, k.BPort, k.A, k.APort
	}
	return at
}

// attemptOf is that of a SYN that nothing came before.
func attemptOf(syn *flows.Segment) crowd.Attempt {
	k := &syn.Key
	at := crowd.Attempt{Source: k.A, SourcePort: k.APort, Target: k.B, TargetPort: k.BPort, V6: k.V6, SynAt: syn.Time}
	if syn.FromB {
		at.Source, at.SourcePort, at.Target, at.TargetPort = k.B, k.BPort, k.A, k.APort
	}
	return at
}

// openings are the SYNs and the SYN-ACKs of each end.
type openings [2]struct{ syns, synAcks uint64 }

func (c *connection) openings() (o openings) {
	for i := range c.sides {
		o[i].syns, o[i].synAcks = c.sides[i].openings, c.sides[i].synAcks
	}
	return o
}

// follow tells the crowd what a segment has made of an attempt that had sent these before.
func (a *Analyzer) follow(c *connection, before openings) {
	if c.role != RoleSyn || c.phase == failed {
		return
	}
	now := c.openings()
	if c.phase == completed && now == before {
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
			a.crowd.SynAck(a.clock, &at)
		} else if synAcks > syns {
			a.crowd.SynAckAgain(a.clock, &at, int(synAcks-syns), c.tcp.HandshakeAcked)
		}
		c.phase = max(c.phase, answered)
	}
	switch {
	case c.phase == completed || c.embryonic():
	case reached(&c.tcp.Ends[1-c.opener]) || !c.over():
		a.crowd.Complete(a.clock, &at)
		c.phase, c.first = completed, crowd.Probe{}
	default:
		a.crowd.End(a.clock, &at, c.failure(), false, c.synAcksAgain(), &c.first)
		c.phase = failed
	}
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
	switch c.phase {
	case unopened, failed:
		return
	case completed:
		end = crowd.Used
		if c.sides[c.opener].bytes == 0 {
			end = crowd.Idle
		}
	default:
		end = c.failure()
	}
	at := c.attempt()
	a.crowd.End(a.clock, &at, end, by == EndCaptureEnd, c.synAcksAgain(), &c.first)
	c.phase = failed
}
