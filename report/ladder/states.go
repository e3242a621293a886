package ladder

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/text"
)

// ladder puts the record's states to the segments.
func (b *builder) ladder() *Ladder {
	b.endRun()
	l := &Ladder{Record: "ladder", Schema: record.Schema, Alike: b.alike, Connection: b.record, Rungs: b.rungs}
	l.X, l.Y = b.sides[0].origin, b.sides[1].origin
	l.addEvents()
	for _, side := range [...]record.Side{record.Client, record.Server} {
		l.place(side)
	}
	began := record.NoSide // another connection of the ports
	for i := range l.Rungs {
		r := &l.Rungs[i]
		if r.Of != 0 && r.flags.Has(flows.SYN) && !r.flags.Has(flows.ACK) {
			began = r.From
		}
		r.anew = r.From == began && began != record.NoSide
		r.remark(l.Connection)
		before := &Rung{Kind: RungEvent}
		if i > 0 {
			before = &l.Rungs[i-1]
		}
		r.remarkAnswer(before)
	}
	l.withdraw()
	for i := range l.Connection.Findings {
		f := &l.Connection.Findings[i]
		for _, p := range f.Packets {
			if at := l.rungOf(record.PacketNumber(p)); at >= 0 && !slices.Contains(l.Rungs[at].Findings, f.Code) {
				l.Rungs[at].Findings = append(l.Rungs[at].Findings, f.Code)
			}
		}
	}
	for i := range l.Rungs {
		r := &l.Rungs[i]
		r.Findings, r.Remarks = encode.FilledList(r.Findings), encode.FilledList(r.Remarks)
		r.Client.Changes, r.Server.Changes = encode.FilledList(r.Client.Changes), encode.FilledList(r.Server.Changes)
	}
	l.Verdict = verdict(l.Connection)
	return l
}

func (l *Ladder) endpoint(s record.Side) *record.Endpoint {
	if s == record.Client {
		return &l.Connection.Client
	}
	return &l.Connection.Server
}

func (r *Rung) side(s record.Side) *Side {
	if s == record.Client {
		return &r.Client
	}
	return &r.Server
}

func (l *Ladder) self() bool {
	c, s := &l.Connection.Client, &l.Connection.Server
	return c.IP == s.IP && c.Port == s.Port
}

// rungOf is the index of the rung that shows a packet, or -1.
func (l *Ladder) rungOf(p record.PacketNumber) int {
	return slices.IndexFunc(l.Rungs, func(r Rung) bool { return r.Packet == p && (r.Kind == RungSegment || r.Kind == RungICMP) })
}

// addEvents adds a rung for each state that no packet of the connection began.
func (l *Ladder) addEvents() {
	for _, e := range []*record.Endpoint{&l.Connection.Client, &l.Connection.Server} {
		for _, s := range e.States {
			if s.Packet != 0 && l.rungOf(s.Packet) >= 0 {
				continue
			}
			known := func(r Rung) bool { return r.Kind == RungEvent && r.At == s.At && r.Packet == s.Packet }
			if slices.ContainsFunc(l.Rungs, known) {
				continue
			}
			at := len(l.Rungs)
			for at > 0 && l.Rungs[at-1].At > s.At {
				at--
			}
			event := Rung{Kind: RungEvent, At: s.At, Offset: text.Between(l.Connection.Start, s.At), Packet: s.Packet}
			l.Rungs = slices.Insert(l.Rungs, at, event)
		}
	}
}

// place gives each rung the states of a side.
func (l *Ladder) place(side record.Side) {
	states := l.endpoint(side).States
	var state record.StateOrNone
	evidence := record.NoEvidence
	at := 0
	for _, s := range states {
		rung := slices.IndexFunc(l.Rungs, func(r Rung) bool {
			return r.Packet == s.Packet && r.Kind != RungFold && (r.Kind != RungEvent || r.At == s.At)
		})
		for ; at < rung; at++ {
			l.Rungs[at].side(side).State, l.Rungs[at].side(side).Evidence = state, evidence
		}
		// A state that its peer's earlier packet began, but that supposes a later one, is shown at that.
		r := &l.Rungs[at]
		rule := ruleOf(state, s.State.String(), l.cause(&l.Rungs[rung], side, state, s.State))
		change := Change{From: rule.before(), To: s.State, Evidence: s.Evidence, Since: s.At, Packet: s.Packet, Rule: rule.text, Source: Source(rule.source)}
		if len(r.side(side).Changes) == 0 {
			r.side(side).before = evidence
		}
		r.side(side).Changes = append(r.side(side).Changes, change)
		state, evidence = record.StateOrNone{State: s.State, Known: true}, s.Evidence
	}
	for ; at < len(l.Rungs); at++ {
		l.Rungs[at].side(side).State, l.Rungs[at].side(side).Evidence = state, evidence
	}
}

// cause is why a rung brings a side to a state.
func (l *Ladder) cause(r *Rung, side record.Side, from record.StateOrNone, to tcpstate.State) cause {
	rst := r.flags.Has(flows.RST) && to == tcpstate.Closed
	switch {
	case r.Kind == RungICMP:
		return byICMP
	case r.Kind == RungEvent && r.Packet == 0:
		return byTimer
	case r.Kind == RungEvent, r.Of != 0:
		return bySuccessor
	case rst && r.From != side:
		return byRST
	case rst:
		reset := l.Connection.Teardown.Reset
		switch {
		case reset == nil || reset.Packet != r.Packet || reset.Answers == record.AnswersNothing:
			return byAborting
		case reset.Answers == record.AnswersData && (from.State == tcpstate.FinWait1 || from.State == tcpstate.FinWait2):
			return byNotReading
		}
		return byDisowning
	case r.From == side && !(l.self() && to != tcpstate.SynSent && to != tcpstate.FinWait1):
		return bySending // to itself it is the receiver, too
	case r.flags.Has(flows.SYN|flows.ACK) && from.State == tcpstate.SynRcvd:
		return bySynAck
	case !r.flags.Has(flows.FIN) && (to == tcpstate.CloseWait || to == tcpstate.Closing || to == tcpstate.TimeWait && from.State == tcpstate.FinWait2):
		return byFilling
	}
	return byReceiving
}

// withdraw marks the segments that would have changed their receiver's state, had they arrived and been accepted.
func (l *Ladder) withdraw() {
	for i := 1; i < len(l.Rungs); i++ {
		r := &l.Rungs[i]
		if r.Kind != RungSegment || r.Of != 0 || r.duplicate || r.effect&(tcpstate.Foreign|tcpstate.FinAhead) != 0 || l.self() {
			continue
		}
		to := other(r.From)
		before, at := l.Rungs[i-1].side(to).State, r.side(to)
		if state, leads := r.leadsTo(before); leads && len(at.Changes) == 0 {
			at.Withdrawn = &Withdrawal{State: state, By: l.disproof(i, to)}
		}
	}
}

// leadsTo is the state to which a segment brings a receiver in another one (RFC 9293 §3.10.7.3, §3.10.7.4).
func (r *Rung) leadsTo(before record.StateOrNone) (to tcpstate.State, leads bool) {
	s := r.Segment
	syn, fin, rst, ack := r.flags.Has(flows.SYN), r.flags.Has(flows.FIN), r.flags.Has(flows.RST), r.flags.Has(flows.ACK)
	ofSyn := ack && s.AckRelative != nil && *s.AckRelative >= 1 && s.AckCheck != CheckBad
	switch {
	case !before.Known:
	case rst:
		return tcpstate.Closed, r.effect.Has(tcpstate.ResetAccepted) && before.State != tcpstate.Closed
	case before.State == tcpstate.SynSent:
		return tcpstate.Established, syn && ofSyn
	case before.State == tcpstate.SynRcvd && ofSyn && fin:
		return tcpstate.CloseWait, true
	case before.State == tcpstate.SynRcvd:
		return tcpstate.Established, ofSyn
	case before.State == tcpstate.Established:
		return tcpstate.CloseWait, fin
	case before.State == tcpstate.FinWait1 && fin && s.AckOfFin:
		return tcpstate.TimeWait, true
	case before.State == tcpstate.FinWait1 && fin:
		return tcpstate.Closing, true
	case before.State == tcpstate.FinWait1:
		return tcpstate.FinWait2, s.AckOfFin
	case before.State == tcpstate.FinWait2:
		return tcpstate.TimeWait, fin
	case before.State == tcpstate.Closing:
		return tcpstate.TimeWait, s.AckOfFin
	case before.State == tcpstate.LastAck:
		return tcpstate.Closed, s.AckOfFin
	}
	return 0, false
}

// disproof is the packet by which the side shows that rung i did not change its state, 0 if there is none.
func (l *Ladder) disproof(i int, side record.Side) record.PacketNumber {
	const shows = tcpstate.SynAckLost | tcpstate.AckNotAccepted | tcpstate.FinLost | tcpstate.AckOfFinLost | tcpstate.FinsCross | tcpstate.ResetOutlived
	for j := i + 1; j < len(l.Rungs); j++ {
		r := &l.Rungs[j]
		if r.Kind != RungSegment || r.Of != 0 || r.effect.Has(tcpstate.Foreign) {
			continue
		}
		// A FIN that comes again tells of its first transmission, too.
		again := r.effect.Has(tcpstate.FinLost) && r.flags.Has(flows.FIN)
		if r.effect&shows != 0 && (r.From == side || again) || r.From == side && r.flags.Has(flows.RST) {
			return r.Packet
		}
	}
	return 0
}

func other(s record.Side) record.Side {
	if s == record.Client {
		return record.Server
	}
	return record.Client
}
