// Package invariant checks what must be true of every record, and of the sums of records, for any capture. Tests over
// captures and fuzz targets use it.
package invariant

import (
	"fmt"
	"math"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// list collects violations.
type list []string

// is adds a sentence if bad is true.
func (l *list) is(bad bool, format string, args ...any) {
	if bad {
		*l = append(*l, fmt.Sprintf(format, args...))
	}
}

// mostStates is above the number of states that an endpoint enters in any capture.
const mostStates = 100

// mostFindingPackets is the most packets that a finding names.
const mostFindingPackets = 8

// failed are the outcomes of attempts in which the server was never established.
var failed = []record.Outcome{record.OutcomeRefused, record.OutcomeUnreachable, record.OutcomeChallenged,
	record.OutcomeUnanswered, record.OutcomeEmbryonic, record.OutcomeAborted}

// Connection returns the contradictions within a record.
func Connection(c *record.Connection) []string {
	var wrong list
	wrong.is(c.Start > c.End || c.Duration != record.Duration(c.End-c.Start), "start %d and end %d, but duration %d",
		c.Start, c.End,
		c.Duration)
	wrong.is(c.StartNS != int64(c.Start) || c.EndNS != int64(c.End), "start_ns %d and end_ns %d are not start and end",
		c.StartNS, c.EndNS)
	wrong.is(!slices.Contains(record.Outcomes(), c.Handshake.Outcome), "the outcome is %q", c.Handshake.Outcome)
	wrong.is(!slices.Contains(record.TeardownKinds(), c.Teardown.Kind), "the teardown is %q", c.Teardown.Kind)
	wrong.is(c.EndedBy == "" || c.RoleEvidence == "", "ended by %q, role by %q", c.EndedBy, c.RoleEvidence)
	wrong.is(c.PreviousID >= record.PacketNumber(c.ID) && c.ID != 0, "the incarnation before is %d", c.PreviousID)
	for _, side := range []record.Side{record.Client, record.Server} {
		wrong.endpoint(c, side)
	}
	wrong.handshake(c)
	wrong.teardown(c)
	wrong.halfOpen(c)
	for _, f := range c.Findings {
		wrong.is(f.Detail == "" || len(f.Packets) > mostFindingPackets, "finding %+v", f)
	}
	return wrong
}

// endpoint compares the histories and counts of one side.
func (l *list) endpoint(c *record.Connection, side record.Side) {
	e := endpointOf(c, side)
	from, known := tcpstate.Closed, false
	waits := 0
	for i, s := range e.States {
		text, _, _, _ := s.Rule.Describe(from, known)
		l.is(text == "" || s.Rule.Event() == tcpstate.Withdraws || s.Rule.Event() == tcpstate.Drops,
			"the %s entered %s by %q", side, s.State, s.Rule)
		l.is(i > 0 && s.At < e.States[i-1].At, "the %s's states are not in the order of time", side)
		l.is(i > 0 && s.State == e.States[i-1].State, "the %s entered %s twice in a row", side, s.State)
		l.is(s.Evidence == record.NoEvidence, "nothing shows that the %s entered %s", side, s.State)
		if s.State == tcpstate.TimeWait {
			waits++
		}
		from, known = s.State, true
	}
	l.is(len(e.States) > mostStates, "the %s went through %d states", side, len(e.States))
	l.is(e.State.Known != known || known && e.State.State != from, "the %s's state is not the last of its states", side)
	l.is(e.Fin != nil && e.Fins == 0 && e.Fin.Packet != 0, "the %s has a FIN in packet %d, but fins is 0", side,
		finPacket(e))
	l.is(e.CaptureDuplicates > e.Packets || e.Syns+e.Fins+e.Rsts > 3*e.Packets ||
		e.RetransmittedPackets+e.Keepalives+e.ZeroWindowProbes > e.Packets, "the %s's counts exceed its packets", side)
	m := e.Marks
	l.is(max(m.CE, m.ECE, m.CWR, m.Urgent) > e.Packets, "the %s has marks %+v, but %d packets", side, m, e.Packets)
	l.is(e.ISN.Known != (e.ISNEvidence != record.NoEvidence), "the %s's ISN is %v, its evidence %q", side, e.ISN,
		e.ISNEvidence)
	l.is(len(e.Withdrawn) == 0 && e.WithdrawnLeftOut > 0 || len(e.Timers) == 0 && e.TimersLeftOut > 0,
		"the %s's lists leave entries out although they are empty", side)
	listed := 0
	for _, w := range c.TimeWait {
		if w.Side == side {
			listed++
			l.is(w.Observed < 0 || w.TwoMSL <= 0 || w.EndedBy == "", "the %s's TIME_WAIT %+v", side, w)
		}
	}
	l.is(waits != listed, "the %s was in TIME_WAIT %d times, of which %d are listed", side, waits, listed)
}

func finPacket(e *record.Endpoint) record.PacketNumber {
	if e.Fin == nil {
		return 0
	}
	return e.Fin.Packet
}

// handshake compares the outcome with the histories.
func (l *list) handshake(c *record.Connection) {
	h, outcome := &c.Handshake, c.Handshake.Outcome
	l.is(outcome == record.OutcomeComplete && (!reached(&c.Client) || !reached(&c.Server)) && !self(c),
		"complete, but a side was never ESTABLISHED")
	l.is(outcome == record.OutcomeComplete && c.Server.State.State == tcpstate.SynRcvd,
		"complete, but the server is in SYN_RCVD")
	isFailed := slices.Contains(failed, outcome)
	l.is(isFailed && reached(&c.Server), "%s, but the server was ESTABLISHED", outcome)
	l.is(isFailed && c.HalfOpen != nil, "half-open, but %s", outcome)
	kind := c.Teardown.Kind
	l.is(isFailed && kind != record.TeardownNone && kind != record.TeardownReset && kind != record.TeardownIncomplete,
		"%s, but closed as %s", outcome, kind)
	l.is(outcome == record.OutcomeRefused && (c.Teardown.Reset == nil || c.Teardown.Reset.By != record.Server),
		"refused, but no RST of the server was accepted")
	for _, at := range []struct {
		time   record.Time
		packet record.PacketNumber
		what   string
	}{{h.SynAt, h.SynPacket, "SYN"}, {h.SynAckAt, h.SynAckPacket, "SYN-ACK"}, {h.AckAt, h.AckPacket, "ACK"}} {
		l.is((at.time == record.NoTime) != (at.packet == 0), "the %s has time %d and packet %d", at.what, at.time,
			at.packet)
	}
	l.is(h.SynPacket != 0 && c.Client.Syns == 0, "a SYN in packet %d, but the client's syns is 0", h.SynPacket)
	l.is(h.SynAckPacket != 0 && c.Server.Syns == 0, "a SYN-ACK in packet %d, but the server's syns is 0",
		h.SynAckPacket)
	// The segment that completes the handshake ends after the SYN, if the SYN-ACK answers the SYN of the record. So it
	// begins at most one datagram before. If both sides open, the server's ACK may complete the handshake.
	both := slices.ContainsFunc(c.Client.States, func(s record.StateEntry) bool { return s.State == tcpstate.SynRcvd })
	before := c.Client.ISN.Number + 1 - h.AckSeq.Number
	l.is(h.AckSeq.Known && c.Client.ISN.Known && outcome == record.OutcomeComplete && !both &&
		!c.Found(record.FindingBadSynAck) && before > math.MaxUint16 && before < 1<<31,
		"completed at %d, but the client's ISN is %d", h.AckSeq.Number, c.Client.ISN.Number)
}

// teardown compares its kind with the histories, and with the RST.
func (l *list) teardown(c *record.Connection) {
	kind := c.Teardown.Kind
	if r := c.Teardown.Reset; r != nil {
		to := other(r.By)
		if self(c) {
			to = r.By // one end has both roles
		}
		e := endpointOf(c, to)
		n := len(e.States) - 1
		for n >= 0 && e.States[n].State != tcpstate.Closed {
			n--
		}
		l.is(n < 0 || e.States[n].Packet != r.Packet, "reset.packet %d is not that of the %s's last CLOSED", r.Packet,
			to)
		if n > 0 {
			before := e.States[n-1].State
			l.is(r.ReceiverState.State != before, "reset.receiver_state is %s, but the %s was in %s",
				r.ReceiverState.State, to, before)
		}
	}
	l.is(kind == record.TeardownReset && c.Teardown.Reset == nil, "teardown is reset, but there is no reset")
	acked := func(e *record.Endpoint) bool { return e.Fin == nil || e.Fin.Acked != record.No } // null: unknown
	l.is((kind == record.TeardownFourWay || kind == record.TeardownThreeSegment) &&
		!(acked(&c.Client) && acked(&c.Server)), "%s, but a FIN is not acknowledged", kind)
	l.is(kind == record.TeardownNone && (c.Client.Fin != nil || c.Server.Fin != nil), "no teardown, but there is a FIN")
	l.is((c.Teardown.Initiator == record.NoSide) != (c.Teardown.At == record.NoTime), "the %s began the teardown at %d",
		c.Teardown.Initiator, c.Teardown.At)
}

// halfOpen checks that the survivor had a connection, and that the other side has lost it.
func (l *list) halfOpen(c *record.Connection) {
	if c.HalfOpen == nil || c.HalfOpen.Survivor == record.NoSide {
		return
	}
	survivor := endpointOf(c, c.HalfOpen.Survivor)
	l.is(!slices.ContainsFunc(survivor.States, func(s record.StateEntry) bool { return s.State >= tcpstate.SynRcvd }),
		"the %s survived a half-open connection, but was never in a synchronized state", c.HalfOpen.Survivor)
	lost := endpointOf(c, other(c.HalfOpen.Survivor))
	l.is(lost.State.Known && lost.State.State >= tcpstate.SynRcvd && lost.State.State != tcpstate.TimeWait,
		"the %s survived, but the other side is in %s", c.HalfOpen.Survivor, lost.State.State)
	l.is(c.HalfOpen.At != record.NoTime && c.HalfOpen.Since != record.NoTime && c.HalfOpen.At < c.HalfOpen.Since,
		"half-open since %d, discovered at %d", c.HalfOpen.Since, c.HalfOpen.At)
}

func endpointOf(c *record.Connection, side record.Side) *record.Endpoint {
	if side == record.Client {
		return &c.Client
	}
	return &c.Server
}

func other(side record.Side) record.Side {
	if side == record.Client {
		return record.Server
	}
	return record.Client
}

// self reports whether a socket is connected to itself (RFC 9293 §3.5, figure 7).
func self(c *record.Connection) bool {
	return c.Client.IP == c.Server.IP && c.Client.Port == c.Server.Port
}

// reached reports whether a side was in ESTABLISHED or a later state.
func reached(e *record.Endpoint) bool {
	return slices.ContainsFunc(e.States, func(s record.StateEntry) bool { return s.State >= tcpstate.Established })
}
