package analyzer

import (
	"math"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// phase is how far an attempt has come, as reported to package crowd.
type phase uint8

const (
	unopened phase = iota // no SYN of it is known
	attempted
	answered
	completed
	fellBack // completed, but the listener has not accepted it
	accepted // the listener accepted it after all
	failed
)

// attempt identifies an attempt for package crowd.
func (c *connection) attempt() crowd.Attempt {
	at := attemptBy(&c.key, c.opener)
	at.SynAt, at.SynAckAt = c.sides[c.opener].openingAt, c.sides[1-c.opener].synAckAt
	at.AckAt = c.tcp.HandshakeAckAt
	return at
}

// attemptBy returns the attempt that an end made.
func attemptBy(k *flows.Key, end int) (at crowd.Attempt) {
	setSockets(&at, k, end)
	return at
}

// setSockets sets the source and the target of an attempt that an end made.
func setSockets(at *crowd.Attempt, k *flows.Key, end int) {
	if at.V6 = k.V6; end == 1 {
		at.Source, at.Target, at.TargetPort = k.B, k.A, k.APort
		return
	}
	at.Source, at.Target, at.TargetPort = k.A, k.B, k.BPort
}

// port returns the port of an end.
func (c *connection) port(end int) uint16 {
	if end == 1 {
		return c.key.BPort
	}
	return c.key.APort
}

// follow reports to the crowd what a segment has changed in an attempt, according to tcpstate.
func (a *Analyzer) follow(c *connection, seg *flows.Segment, effect tcpstate.Effect) {
	if c.role != record.RoleSyn {
		if from := sender(seg); seg.Flags.Has(flows.SYN|flows.ACK) && !effect.Has(tcpstate.Rejected) &&
			c.tcp.Ends[from].Syns == 1 {
			a.tell(synAckUnasked, &event{
				attempt: attemptBy(&c.key, 1-from), probe: crowd.ProbeOf(seg),
				clientPort: c.port(1 - from), packet: seg.Packet,
			})
		}
		if seg.Flags.Has(flows.RST) && seg.Window > 0 && seg.FromB != c.first.FromB {
			c.first.RSTWindow = true
		}
		return
	}
	switch {
	case c.phase == failed && (c.told == crowd.Refused || c.told == crowd.Unreachable) && seg.Flags.Has(flows.SYN|
		flows.ACK):
		c.phase = unopened // a process listens now: this is another attempt
	case c.phase == failed:
		return
	case seg.Flags.Has(flows.RST) && c.phase.isCompleted() && c.over() && !reached(&c.tcp.Ends[1-c.opener]):
		a.takeBack(c, false) // tcp_abort_on_overflow: the RST answers the ACK
		return
	}
	fits, own := !effect.Has(tcpstate.Rejected), sender(seg) == c.opener
	syn, synAck := fits && own && opens(seg), fits && !own && seg.Flags.Has(flows.SYN|flows.ACK)
	if (c.phase == completed || c.phase == accepted) && !syn && !synAck {
		return
	}
	e := event{attempt: c.attempt(), probe: c.first}
	switch {
	case c.phase == unopened:
		a.tell(synSent, &e)
		c.phase = attempted
	case syn && effect.Has(tcpstate.Retransmission):
		e.firstRetransmission, e.answered = c.tcp.Ends[c.opener].Syns == 2, c.phase >= answered
		a.tell(synRetransmitted, &e)
	}
	switch again := c.synAckRetransmissions(); {
	case !synAck:
	case c.phase < answered:
		e.granted, e.retransmitted = crowd.OptionsOf(seg), c.tcp.Ends[c.opener].Syns > 1
		a.tell(synAcked, &e)
		c.phase = answered
	case again > 0:
		e.synAckRetransmissions, e.completed = again, c.tcp.HandshakeAcked
		a.tell(synAckRetransmitted, &e)
		a.fallBack(c, &e)
	}
	switch {
	case c.phase == completed || c.phase == accepted || c.embryonic():
	case c.phase == fellBack:
		a.tell(listenerResumed, &e)
		c.phase = accepted
	case reached(&c.tcp.Ends[1-c.opener]) || !c.over():
		e.synAckRetransmissions = c.synAckRetransmissions()
		a.tell(handshakeCompletes, &e)
		c.phase, c.first = completed, crowd.Probe{}
	default:
		e.end, e.synAckRetransmissions, e.retransmitted = c.failure(), c.synAckRetransmissions(),
			c.tcp.Ends[c.opener].Syns > 1
		a.tell(attemptEnds, &e)
		c.phase, c.told = failed, e.end
	}
}

// isCompleted reports whether the attempt is completed for the crowd.
func (p phase) isCompleted() bool { return p == completed || p == fellBack || p == accepted }

// takeBack reports to the crowd that a completed attempt failed after all. cut means that the capture ends before the
// failure is certain.
func (a *Analyzer) takeBack(c *connection, cut bool) {
	e := event{attempt: c.attempt(), end: c.failure(), cut: cut, held: c.phase == fellBack,
		synAckRetransmissions: c.synAckRetransmissions()}
	if c.phase == completed { // otherwise the crowd no longer has its time in SYN_RCVD
		e.at = e.attempt.AckAt
	}
	a.tell(completionTakenBack, &e)
	c.phase, c.told = failed, e.end
}

// fallBack reports to the crowd that the listener is in SYN_RCVD again, if it is.
func (a *Analyzer) fallBack(c *connection, e *event) {
	if c.tcp.Ends[1-c.opener].State() != tcpstate.SynRcvd {
		return
	}
	switch c.phase {
	case completed, accepted:
	default:
		return
	}
	e.firstBack, e.text = c.phase == completed, c.sides[c.opener].bytes > 0
	a.tell(listenerFellBack, e)
	c.phase = fellBack
}

// synAckRetransmissions returns how often the SYN-ACK was retransmitted without a retransmitted SYN.
func (c *connection) synAckRetransmissions() int32 {
	more := c.tcp.Ends[1-c.opener].Syns - c.tcp.Ends[c.opener].Syns
	return int32(min(max(0, more), math.MaxInt32))
}

// failure returns how an incomplete attempt ended.
func (c *connection) failure() crowd.End {
	isAnswered := c.sides[1-c.opener].synAcks > 0
	switch r := c.tcp.Reset; {
	case r != nil && r.By == c.opener:
		return crowd.ResetByClient // also if the SYN-ACK was not captured
	case r != nil && r.By != c.opener && isAnswered:
		return crowd.Withdrawn
	case r != nil && r.By != c.opener:
		return crowd.Refused
	case c.icmp.refusesSyn() || isAnswered && c.over():
		return crowd.Unreachable
	case isAnswered:
		return crowd.Abandoned
	}
	return crowd.Unanswered
}

// leave reports to the crowd that a record has ended.
func (a *Analyzer) leave(c *connection, by record.EndedBy) {
	cut := by == record.EndCaptureEnd && !c.over()
	e := event{attempt: c.attempt(), probe: c.first}
	e.silent = c.openUnseen
	succeeded := reached(&c.tcp.Ends[1-c.opener])
	switch {
	case c.phase == failed && succeeded:
		e.end, e.completed = c.told, c.isShown()
		a.tell(failureTakenBack, &e)
		return
	case c.phase == failed:
		return
	case c.phase == unopened:
		a.strayed(c)
		return
	case c.phase.isCompleted() && !succeeded:
		a.takeBack(c, cut)
		return
	case c.phase.isCompleted():
		if c.phase == fellBack && !cut {
			a.tell(listenerResumed, &e)
		}
		if t, known := reachedAt(&c.tcp.Ends[1-c.opener]); c.phase == accepted && known {
			e.acceptedAt = t
			a.tell(listenerAccepted, &e)
		}
		if !c.isShown() {
			a.tell(completionUnseen, &e)
		}
		e.end = c.use()
	case succeeded && c.isShown():
		a.tell(handshakeCompletes, &e) // as silence shows
		e.end = c.use()
	default:
		e.end = c.failure()
	}
	e.cut, e.synAckRetransmissions, e.retransmitted = cut, c.synAckRetransmissions(), c.tcp.Ends[c.opener].Syns > 1
	a.tell(attemptEnds, &e)
	c.phase, c.told = failed, e.end
}

// use returns how a completed attempt was used.
func (c *connection) use() crowd.End {
	if c.sides[c.opener].bytes == 0 && !c.filtered {
		return crowd.Idle
	}
	return crowd.Used
}

// isShown reports whether the capture shows the handshake of the connection, or enough of it.
func (c *connection) isShown() bool {
	switch c.outcome(c.opener, 1-c.opener) {
	case record.OutcomeComplete, record.OutcomeFastOpen, record.OutcomeSimultaneous:
		return true
	}
	return false
}

// strayed reports to the crowd a record of one segment that opened nothing, its repetitions and the RSTs that answered.
func (a *Analyzer) strayed(c *connection) {
	from := 0
	if c.first.FromB {
		from = 1
	}
	x, y := &c.sides[from], &c.sides[1-from]
	const several = 32
	alone := x.packets <= several && x.bytes == 0 && y.packets == y.rsts && x.openings == 0
	if !alone || c.first.Flags.Has(flows.ACK) && !c.first.Flags.Has(flows.SYN) && !c.first.Flags.Has(flows.RST) &&
		c.opener != from {
		return // of a connection whose beginning was not captured
	}
	e := event{attempt: attemptBy(&c.key, from), probe: c.first, reset: y.rsts > 0}
	e.attempt.SynAt = c.start
	a.tell(segmentStrayed, &e)
}

// tellServed fills in when the server's end opened, and when its program first used it.
func (c *connection) tellServed(e *event) {
	server := 1 - c.opener
	end := &c.tcp.Ends[server]
	at, known := reachedAt(end)
	if !known {
		return
	}
	e.acceptedAt, e.askedAt, e.servedAt, e.heardAt = at, c.usage.First(c.opener), c.usage.First(server),
		c.tcp.LastAt(server)
	if syn, rest, two := c.sides[server].distance.Makers(); two {
		e.synAckTTL, e.serverTTL = syn, rest
	}
	if end.FinSent && (e.servedAt == 0 || end.FinAt < e.servedAt) {
		e.servedAt = end.FinAt // to close it, the program had accepted it
	}
}
