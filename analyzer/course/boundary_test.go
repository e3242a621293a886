package course

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// This file tests each threshold with its number written out, so that a changed threshold fails a test: make mutate
// halves and doubles them. Tests of package analyzer check what a course is used for.

// One packet that lies more than an hour ahead does not move the clock.
func TestFar(t *testing.T) {
	for step, want := range map[int64]int64{3600e9: 3600e9, 3600e9 + 1: 0} {
		c := New(0, 0)
		for _, at := range []int64{0, 0, step} {
			c.Add(&flows.Segment{Time: at, Flags: flows.ACK})
		}
		if !c.Settled || c.End.Now != want || (c.End.Jump == nil) != (want != 0) {
			t.Errorf("a step of %d ns: %+v", step, c.End)
		}
	}
	for step, want := range map[int64]bool{3600e9: true, 3600e9 + 1: false} {
		c := New(0, 0)
		for _, at := range []int64{0, step} {
			c.Add(&flows.Segment{Time: at, Flags: flows.ACK})
		}
		if c.Settled != want {
			t.Errorf("two segments that are %d ns apart: the clock is known: %v, want %v", step, c.Settled, want)
		}
	}
}

// Two FINs without a segment with ACK alone show that a filter removed such segments.
func TestSeveralFINs(t *testing.T) {
	var p Passed
	for fins, want := range []bool{false, false, true, true} {
		if p.Bridged() != want {
			t.Errorf("after %d FINs: %v, want %v", fins, p.Bridged(), want)
		}
		p.Note(&flows.Segment{Flags: flows.FIN | flows.ACK})
	}
}
