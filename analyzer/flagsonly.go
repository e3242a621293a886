package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// watch records which kinds of segments the capture has. own means that the segment belongs to a connection of this
// tracker.
func (a *Analyzer) watch(seg *flows.Segment, own bool) {
	if a.passed.Note(seg) && own {
		a.tell(ackPassed, &event{})
	}
}

// settle settles a connection at a time of the capture. It judges by all segments up to now whether a filter on control
// bits hid some of the connection: without a filter, no connection can be open before the first segment with ACK alone.
func (a *Analyzer) settle(c *connection, at int64) {
	c.filtered = !a.passed.Others && (a.passed.FINs > 0 || c.tcp.ResetBeyondSyn())
	waited := c.tcp.OpenUnseen(1 - c.opener)
	c.tcp.Settle(at, c.filtered)
	c.openUnseen = c.filtered && waited && c.tcp.Ends[1-c.opener].State() == tcpstate.Established
	c.sides[0].finAckUnseen, c.sides[1].finAckUnseen = false, false
	if !c.filtered {
		return
	}
	for i := range c.sides {
		s := &c.sides[i]
		if s.finAckUnseen = c.tcp.Ends[i].FinSent && !s.finAcked && c.tcp.FinAcked(i); s.finAckUnseen {
			s.finAcked, s.finAckedAt = true, c.tcp.Ends[i].FinAt
		}
	}
}

// waitedForFin reports whether an end went through FIN_WAIT_2: an acknowledgement came before the other side's FIN.
func (c *connection) waitedForFin(i int) bool {
	for _, h := range c.tcp.Ends[i].History {
		if h.State == tcpstate.FinWait2 {
			return true
		}
	}
	return false
}

// settledEnd returns why a settled record ends. If a filter hid the close of the connection, it was not idle.
func (c *connection) settledEnd(by record.EndedBy) record.EndedBy {
	if !c.filtered || by != record.EndIdle || !c.over() {
		return by
	}
	if c.tcp.TimeWaits != [2]tcpstate.TwoMSL{} {
		return record.EndTimeWaitExpired
	}
	return c.endReason(by)
}

// mayBeOpen reports whether a filter on control bits may hide that the attempt was completed long ago. Then it gets the
// time limit of an open connection.
func (a *Analyzer) mayBeOpen(c *connection) bool {
	return !a.passed.Others && a.passed.FINs > 0 && c.tcp.OpenUnseen(1-c.opener)
}

// keepOpen makes an attempt in a flood embryonic again if only silence completed it: a listener that sends a SYN-ACK
// only once may have sent a cookie (RFC 4987 §3.6).
func (a *accounts) keepOpen(e *event, r *record.Connection) {
	switch e.kind {
	case recordEnds:
		r.Handshake.Outcome = record.OutcomeEmbryonic
		for _, side := range [...]*record.Endpoint{&r.Client, &r.Server} {
			side.States = side.States[:1]
			side.State.State = side.States[0].State
		}
	case handshakeCompletes:
		e.kind = nothingHappens
	case attemptEnds:
		e.end = crowd.Abandoned
	}
}
