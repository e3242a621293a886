package report

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// ladder puts the record's states to the segments.
func (b *ladderBuilder) ladder() *Ladder {
	b.endRun()
	l := &Ladder{Record: "ladder", Schema: analyzer.Schema, Alike: b.alike, Connection: b.record, Rungs: b.rungs}
	l.X, l.Y = b.sides[0].origin, b.sides[1].origin
	l.addEvents()
	for _, side := range [...]analyzer.Side{analyzer.Client, analyzer.Server} {
		l.place(side)
	}
	for i := range l.Rungs {
		l.Rungs[i].remark(l.Connection)
	}
	l.withdraw()
	for i := range l.Connection.Findings {
		f := &l.Connection.Findings[i]
		for _, p := range f.Packets {
			if at := l.rungOf(analyzer.PacketNumber(p)); at >= 0 && !slices.Contains(l.Rungs[at].Findings, f.Code) {
				l.Rungs[at].Findings = append(l.Rungs[at].Findings, f.Code)
			}
		}
	}
	for i := range l.Rungs {
		r := &l.Rungs[i]
		r.Findings, r.Remarks = filledList(r.Findings), filledList(r.Remarks)
		r.Client.Changes, r.Server.Changes = filledList(r.Client.Changes), filledList(r.Server.Changes)
	}
	l.Verdict = verdict(l.Connection)
	return l
}

func (l *Ladder) endpoint(s analyzer.Side) *analyzer.Endpoint {
	if s == analyzer.Client {
		return &l.Connection.Client
	}
	return &l.Connection.Server
}

func (r *Rung) side(s analyzer.Side) *LadderSide {
	if s == analyzer.Client {
		return &r.Client
	}
	return &r.Server
}

// rungOf is the index of the rung that shows a packet, or -1.
func (l *Ladder) rungOf(p analyzer.PacketNumber) int {
	return slices.IndexFunc(l.Rungs, func(r Rung) bool { return r.Packet == p && (r.Kind == RungSegment || r.Kind == RungICMP) })
}

// addEvents adds a rung for each state that no packet of the connection began.
func (l *Ladder) addEvents() {
	for _, e := range []*analyzer.Endpoint{&l.Connection.Client, &l.Connection.Server} {
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
			event := Rung{Kind: RungEvent, At: s.At, Offset: between(l.Connection.Start, s.At), Packet: s.Packet}
			l.Rungs = slices.Insert(l.Rungs, at, event)
		}
	}
}

// place gives each rung the states of a side.
func (l *Ladder) place(side analyzer.Side) {
	states := l.endpoint(side).States
	var state analyzer.StateOrNone
	evidence := analyzer.NoEvidence
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
		rule := ruleOf(state, s.State.String(), l.cause(&l.Rungs[rung], side, s.State))
		change := LadderChange{From: rule.before(), To: s.State, Evidence: s.Evidence, Since: s.At, Rule: rule.text, Source: Source(rule.source)}
		r.side(side).Changes = append(r.side(side).Changes, change)
		state, evidence = analyzer.StateOrNone{State: s.State, Known: true}, s.Evidence
	}
	for ; at < len(l.Rungs); at++ {
		l.Rungs[at].side(side).State, l.Rungs[at].side(side).Evidence = state, evidence
	}
}

// cause is why a rung brings a side to a state.
func (l *Ladder) cause(r *Rung, side analyzer.Side, to tcpstate.State) cause {
	rst := r.flags.Has(flows.RST) && to == tcpstate.Closed
	switch {
	case r.Kind == RungICMP:
		return byICMP
	case r.Kind == RungEvent && r.Packet == 0:
		return byTimer
	case r.Kind == RungEvent:
		return bySuccessor
	case rst && r.From != side:
		return byRST
	case rst:
		reset := l.Connection.Teardown.Reset
		if reset != nil && reset.Packet == r.Packet && reset.Answers != analyzer.AnswersNothing {
			return byDisowning
		}
		return byAborting
	case r.From == side:
		return bySending
	}
	return byReceiving
}

// withdraw marks what later segments have shown not to be so.
func (l *Ladder) withdraw() {
	for i := range l.Rungs {
		r := &l.Rungs[i]
		peer := other(r.From)
		if r.effect.Has(tcpstate.SynAckLost) {
			l.takeBack(i, r.From, func(o *Rung) bool { return o.From == peer && o.flags.Has(flows.SYN|flows.ACK) }, tcpstate.Established)
		}
		if r.effect.Has(tcpstate.AckNotAccepted) {
			l.takeBack(i, r.From, func(o *Rung) bool {
				return o.From == peer && !o.flags.Has(flows.SYN) && !o.flags.Has(flows.RST) && o.Segment != nil && o.Segment.AckRelative != nil && *o.Segment.AckRelative > 0
			}, tcpstate.Established)
		}
		if r.effect.Has(tcpstate.FinLost) {
			from, to := peer, r.From
			if r.flags.Has(flows.FIN) && (r.Segment.AckOfFin || !r.effect.Has(tcpstate.FinsCross) && r.effect.Has(tcpstate.Again)) {
				from, to = to, from // its own FIN had been lost
			}
			next := map[tcpstate.State]tcpstate.State{tcpstate.Established: tcpstate.CloseWait, tcpstate.SynRcvd: tcpstate.CloseWait, tcpstate.FinWait1: tcpstate.Closing, tcpstate.FinWait2: tcpstate.TimeWait}
			l.takeBackNext(i, to, func(o *Rung) bool { return o.From == from && o.flags.Has(flows.FIN) }, next)
		}
		if r.effect.Has(tcpstate.AckOfFinLost) {
			next := map[tcpstate.State]tcpstate.State{tcpstate.FinWait1: tcpstate.FinWait2, tcpstate.Closing: tcpstate.TimeWait, tcpstate.LastAck: tcpstate.Closed}
			l.takeBackNext(i, r.From, func(o *Rung) bool { return o.From == peer && o.Segment != nil && o.Segment.AckOfFin }, next)
		}
		if r.effect.Has(tcpstate.ResetOutlived) {
			l.takeBack(i, r.From, func(o *Rung) bool {
				return o.flags.Has(flows.RST) && o.Segment != nil && o.effect.Has(tcpstate.ResetAccepted)
			}, tcpstate.Closed)
		}
	}
}

func other(s analyzer.Side) analyzer.Side {
	if s == analyzer.Client {
		return analyzer.Server
	}
	return analyzer.Client
}

// takeBack marks the last rung before i that matches: it did not bring the side to the state.
func (l *Ladder) takeBack(i int, side analyzer.Side, match func(*Rung) bool, state tcpstate.State) {
	for j := i - 1; j >= 0; j-- {
		o := &l.Rungs[j]
		if !match(o) || o.effect.Has(tcpstate.Foreign) {
			continue
		}
		if o.side(side).Withdrawn == nil {
			o.side(side).Withdrawn = &Withdrawal{state, l.Rungs[i].Packet}
		}
		return
	}
}

// takeBackNext does so for the state that the segment would have led to from the one that the side was in.
func (l *Ladder) takeBackNext(i int, side analyzer.Side, match func(*Rung) bool, next map[tcpstate.State]tcpstate.State) {
	l.takeBack(i, side, func(o *Rung) bool {
		_, leads := next[o.side(side).State.State]
		return leads && match(o)
	}, 0)
	for j := range l.Rungs[:i] {
		if w := l.Rungs[j].side(side).Withdrawn; w != nil && w.By == l.Rungs[i].Packet {
			w.State = next[l.Rungs[j].side(side).State.State]
		}
	}
}
