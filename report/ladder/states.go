package ladder

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/text"
)

// ladder adds the record's states to the segments.
func (b *builder) ladder() *Ladder {
	b.endRun()
	l := &Ladder{Record: "ladder", Schema: record.Schema, Alike: b.alike, Connection: b.record, Rungs: b.rungs}
	l.X, l.Y = b.sides[0].origin, b.sides[1].origin
	l.addEvents()
	for _, side := range [...]record.Side{record.Client, record.Server} {
		l.place(side)
	}
	for i := range l.Rungs {
		l.Rungs[i].remark(l.Connection)
	}
	for _, side := range [...]record.Side{record.Client, record.Server} {
		l.withdrawn(side)
	}
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

// rungOf returns the index of the rung that shows a packet, or -1.
func (l *Ladder) rungOf(p record.PacketNumber) int {
	return slices.IndexFunc(l.Rungs, func(r Rung) bool {
		return r.Packet == p &&
			(r.Kind == RungSegment || r.Kind == RungICMP)
	})
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
		// A state that the peer's earlier packet began, but that supposes a later packet, is shown at the later one.
		r := &l.Rungs[at]
		text, source, before, known := s.Rule.Describe(state.State, state.Known)
		change := Change{
			From: record.StateOrNone{State: before, Known: known}, To: s.State, Evidence: s.Evidence, Since: s.At,
			Packet: s.Packet,
			Rule:   text, Source: Source(source),
		}
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

// withdrawn notes each withdrawn state of the side at the segment that seemed to begin it, and at the segment that
// disproved it.
func (l *Ladder) withdrawn(side record.Side) {
	for _, w := range l.endpoint(side).Withdrawn {
		text, source, _, _ := w.Rule.Describe(tcpstate.Closed, false)
		if i := l.rungOf(w.Packet); i >= 0 && l.Rungs[i].side(side).Withdrawn == nil {
			l.Rungs[i].side(side).Withdrawn = &Withdrawal{State: w.State, By: w.ByPacket, Rule: text,
				Source: Source(source)}
		}
		if i := l.rungOf(w.ByPacket); i >= 0 && w.ByPacket != w.Packet {
			r := &l.Rungs[i]
			if remark := (Remark{text, Source(source)}); !slices.Contains(r.Remarks, remark) {
				r.Remarks = append(r.Remarks, remark)
			}
		}
	}
}

func other(s record.Side) record.Side {
	if s == record.Client {
		return record.Server
	}
	return record.Client
}
