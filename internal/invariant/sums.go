package invariant

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
)

// Sums are the sums of records, counted again in the simplest way.
type Sums struct {
	Connections uint64
	Packets     uint64 // of both sides

	resets, halfOpen, embryonic, retransmitted, withRetransmissions, waits uint64
	resetsBySide                                                           record.SideCounts

	outcomes  map[record.Outcome]uint64
	teardowns map[record.TeardownKind]uint64
	findings  map[string]uint64
	completed map[netip.AddrPort]uint64
	ids       map[uint64]bool
}

// NewSums returns empty sums.
func NewSums() *Sums {
	return &Sums{
		outcomes: map[record.Outcome]uint64{}, teardowns: map[record.TeardownKind]uint64{},
		findings:  map[string]uint64{},
		completed: map[netip.AddrPort]uint64{}, ids: map[uint64]bool{},
	}
}

// Add counts a record, and returns its faults.
func (s *Sums) Add(c *record.Connection) []string {
	wrong := Connection(c)
	if s.ids[c.ID] {
		wrong = append(wrong, fmt.Sprintf("there are two records with the id %d", c.ID))
	}
	s.ids[c.ID] = true
	s.Connections++
	s.Packets += c.Client.Packets + c.Server.Packets
	s.outcomes[c.Handshake.Outcome]++
	s.teardowns[c.Teardown.Kind]++
	if r := c.Teardown.Reset; r != nil {
		s.resets++
		switch r.By {
		case record.Client:
			s.resetsBySide.Client++
		case record.Server:
			s.resetsBySide.Server++
		}
	}
	if c.HalfOpen != nil {
		s.halfOpen++
	}
	if c.Handshake.Outcome == record.OutcomeEmbryonic {
		s.embryonic++
	}
	if n := c.Client.RetransmittedPackets + c.Server.RetransmittedPackets; n > 0 {
		s.retransmitted += n
		s.withRetransmissions++
	}
	s.waits += uint64(len(c.TimeWait))
	for _, f := range c.Findings {
		s.findings[f.Code]++
	}
	switch c.Handshake.Outcome {
	case record.OutcomeComplete, record.OutcomeFastOpen, record.OutcomeSimultaneous:
		s.completed[netip.AddrPortFrom(c.Server.IP, c.Server.Port)]++
	}
	return wrong
}

// Against returns the differences of the summary and the listeners from the sums of the records.
func (s *Sums) Against(r *record.Result) (wrong []string) {
	is := func(what string, got, want any) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			wrong = append(wrong, fmt.Sprintf("summary: %s %s, the records have %s", what, g, w))
		}
	}
	is("connections", r.Summary.Connections, s.Connections)
	is("by_outcome", r.Summary.ByOutcome, s.outcomes)
	is("by_teardown", r.Summary.ByTeardown, s.teardowns)
	is("findings_by_code", r.Summary.FindingsByCode, s.findings)
	is("resets", r.Summary.Resets, s.resets)
	is("resets_by_side", r.Summary.ResetsBySide, s.resetsBySide)
	is("half_open", r.Summary.HalfOpen, s.halfOpen)
	is("embryonic", r.Summary.Embryonic, s.embryonic)
	is("retransmissions.packets", r.Summary.Retransmissions.Packets, s.Packets)
	is("retransmissions.retransmitted", r.Summary.Retransmissions.Retransmitted, s.retransmitted)
	is("retransmissions.connections", r.Summary.Retransmissions.Connections, s.withRetransmissions)
	is("time_wait.entered", r.Summary.TimeWait.Entered, s.waits)
	failed := uint64(0)
	for _, n := range r.Summary.FailedByClass {
		failed += n
	}
	is("failed_attempts", r.Summary.FailedAttempts, failed)
	is("syn_floods", r.Summary.SynFloods <= uint64(len(r.SynFloods)), true)
	for _, l := range r.Listeners {
		if at := netip.AddrPortFrom(l.IP, l.Port); l.Completed != s.completed[at] {
			wrong = append(wrong, fmt.Sprintf("listener %s: completed %d, the records have %d", at, l.Completed,
				s.completed[at]))
		}
	}
	return wrong
}
