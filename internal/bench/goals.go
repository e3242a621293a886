//go:build linux

package main

import (
	"fmt"
	"time"
)

// A goal of the project, and what was measured.
type goal struct {
	what    string
	tcplife string
	against string // what it is compared with; may be empty
	result  string
	limit   string
	verdict string // met, missed, or why it is unknown
}

// atMost requires that tcplife takes at most limit times as long as another command.
func (b *bench) atMost(what string, tcplife, other *series, limit float64) {
	b.hold(what, tcplife, other, cost.time, limit)
}

// processorAtMost requires that tcplife takes at most limit times the processor time of another command.
func (b *bench) processorAtMost(what string, tcplife, other *series, limit float64) {
	b.hold(what, tcplife, other, cost.processor, limit)
}

func (b *bench) hold(what string, tcplife, other *series, of func(cost) time.Duration, limit float64) {
	g := goal{what: what, limit: fmt.Sprintf("≤ %.1f ×", limit)}
	if !b.unknown(&g, tcplife, other) {
		r := ratio(tcplife, other, of)
		g.tcplife, g.against = tcplife.took(), other.name+" "+other.took()
		g.result, g.verdict = fmt.Sprintf("%.2f ×", r), verdict(r <= limit)
	}
	b.goals = append(b.goals, g)
}

// fasterThan requires that tcplife is at least limit times as fast as another command.
func (b *bench) fasterThan(what string, tcplife, other *series, limit float64) {
	g := goal{what: what, limit: fmt.Sprintf("≥ %v × faster", limit)}
	if !b.unknown(&g, tcplife, other) {
		r := 1 / ratio(tcplife, other, cost.time)
		g.tcplife, g.against = tcplife.took(), other.name+" "+other.took()
		g.result, g.verdict = fmt.Sprintf("%.1f × faster", r), verdict(r >= limit)
	}
	b.goals = append(b.goals, g)
}

// bytes requires that the memory for a connection, got, is at most limit.
func (b *bench) bytes(what string, s *series, got, limit float64) {
	g := goal{what: what, limit: fmt.Sprintf("≤ %.0f bytes", limit)}
	if !b.unknown(&g, s) {
		g.tcplife = "peak " + size(s.peak())
		g.result, g.verdict = fmt.Sprintf("%.0f bytes", got), verdict(got <= limit)
	}
	b.goals = append(b.goals, g)
}

// unknown reports whether a series has no result, and sets the reason in g.
func (b *bench) unknown(g *goal, all ...*series) bool {
	for _, s := range all {
		if !known(s) {
			g.verdict = fmt.Sprintf("unknown: %s: %v", s.name, s.err)
			return true
		}
	}
	return false
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}
