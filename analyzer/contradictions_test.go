package analyzer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// TestNoRecordContradictsItself holds the fields of each record to each other, and to the packets.
func TestNoRecordContradictsItself(t *testing.T) {
	files := capturesBelow(t, "../testdata")
	if _, err := os.Stat("../../shared"); err != nil {
		t.Log("SKIPPED for the captures of ../../shared, which are not here: only those of testdata were looked at")
	} else {
		files = append(files, capturesBelow(t, "../../shared")...)
	}
	for _, file := range files {
		if wrong := contradictions(t, file); len(wrong) > 0 {
			t.Errorf("%s:\n\t%s", file, strings.Join(wrong[:min(len(wrong), 6)], "\n\t"))
		}
	}
}

func capturesBelow(t *testing.T, dir string) (files []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.Contains(path, ".pcap") || strings.HasSuffix(path, ".cap")) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// passed is a segment of a record, and what it was there.
type passed struct {
	flows.Segment
	effect tcpstate.Effect
}

// contradictions reads a capture and says what is wrong with its records.
func contradictions(t *testing.T, file string) (wrong []string) {
	reader, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil // not a capture: others test that
	}
	defer reader.Close()
	segments := map[uint64][]passed{}
	sums := tally{outcomes: map[record.Outcome]uint64{}, teardowns: map[record.TeardownKind]uint64{}, findings: map[string]uint64{}, completed: map[netip.AddrPort]uint64{}}
	tracker := analyzer.New(analyzer.Options{Trace: func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
		segments[id] = append(segments[id], passed{*seg, effect})
	}}, func(c *record.Connection) {
		for _, s := range append(contradictionsOf(c), againstPackets(c, segments[c.ID])...) {
			wrong = append(wrong, fmt.Sprintf("%d: %s", c.ID, s))
		}
		sums.add(c)
	})
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var list []flows.Segment
	for {
		packet, err := reader.Next()
		if err == io.EOF || err != nil {
			break
		}
		list = decoder.Decode(packet, list[:0])
		for i := range list {
			tracker.Segment(&list[i])
		}
	}
	tracker.Close()
	return append(wrong, sums.against(tracker.Result())...)
}

// contradictionsOf says what of a record cannot be true together.
func contradictionsOf(c *record.Connection) (wrong []string) {
	is := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	outcome, kind := c.Handshake.Outcome, c.Teardown.Kind
	for _, side := range []record.Side{record.Client, record.Server} {
		e := endpointOf(c, side)
		from, known := tcpstate.Closed, false
		for i, s := range e.States {
			text, _, _, _ := s.Rule.Says(from, known)
			is(text == "" || s.Rule.Event() == tcpstate.Denies || s.Rule.Event() == tcpstate.Drops, "the %s entered %s by %q", side, s.State, s.Rule)
			is(i > 0 && s.At < e.States[i-1].At, "the %s's states are not in the order of time", side)
			from, known = s.State, true
		}
		is(e.State.Known != known || known && e.State.State != from, "the %s's state is not the last of its states", side)
		is(e.Fin != nil && e.Fins == 0, "the %s has a FIN and sent none", side)
		is(e.CaptureDuplicates > e.Packets || e.Syns+e.Fins+e.Rsts > 3*e.Packets, "the %s's counts do not fit", side)
		waits := 0
		for _, s := range e.States {
			if s.State == tcpstate.TimeWait {
				waits++
			}
		}
		listed := 0
		for _, w := range c.TimeWait {
			if w.Side == side {
				listed++
			}
		}
		is(waits != listed, "the %s was in TIME_WAIT %d times, of which %d are listed", side, waits, listed)
	}
	if r := c.Teardown.Reset; r != nil {
		to := other(r.By)
		e := endpointOf(c, to)
		n := len(e.States) - 1
		for n >= 0 && e.States[n].State != tcpstate.Closed {
			n--
		}
		is(n < 0 || e.States[n].Packet != r.Packet, "reset.packet %d is not that of the %s's last CLOSED", r.Packet, to)
		is(n > 0 && r.ReceiverState.State != e.States[n-1].State, "reset.receiver_state is %s, but the %s was in %s", r.ReceiverState.State, to, e.States[max(0, n-1)].State)
	}
	self := c.Client.IP == c.Server.IP && c.Client.Port == c.Server.Port
	is(outcome == record.OutcomeComplete && (!reached(&c.Client) || !reached(&c.Server)) && !self, "complete, and a side was never ESTABLISHED")
	is(outcome == record.OutcomeComplete && c.Server.State.State == tcpstate.SynRcvd, "complete, and the server is in SYN_RCVD")
	failed := slices.Contains([]record.Outcome{record.OutcomeRefused, record.OutcomeUnreachable, record.OutcomeChallenged, record.OutcomeUnanswered, record.OutcomeEmbryonic, record.OutcomeAborted}, outcome)
	is(failed && reached(&c.Server), "%s, and the server was ESTABLISHED", outcome)
	is(failed && c.HalfOpen != nil, "half-open, and %s", outcome)
	is(failed && kind != record.TeardownNone && kind != record.TeardownReset && kind != record.TeardownIncomplete, "%s, and closed as %s", outcome, kind)
	is(outcome == record.OutcomeRefused && (c.Teardown.Reset == nil || c.Teardown.Reset.By != record.Server), "refused, and no RST of the server was accepted")
	is(kind == record.TeardownReset && c.Teardown.Reset == nil, "teardown is reset, and there is none")
	acked := func(e *record.Endpoint) bool { return e.Fin == nil || e.Fin.Acked != record.No } // null: a filter hid it
	is((kind == record.TeardownFourWay || kind == record.TeardownThreeSegment) && !(acked(&c.Client) && acked(&c.Server)), "%s, and a FIN is not acknowledged", kind)
	is(kind == record.TeardownNone && (c.Client.Fin != nil || c.Server.Fin != nil), "no teardown, and there is a FIN")
	return wrong
}

// againstPackets says what of a record its packets contradict.
func againstPackets(c *record.Connection, segments []passed) (wrong []string) {
	is := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	numbers := map[uint64]*passed{}
	for i := range segments {
		numbers[segments[i].Packet] = &segments[i]
	}
	absorbed := func(code string) bool {
		return slices.Contains([]string{"stale_syn", "syn_in_connection", "time_wait_reused", "challenged", "time_wait_refused"}, code)
	}
	for _, f := range c.Findings {
		for _, p := range f.Packets {
			s := numbers[p]
			is(s == nil && !absorbed(f.Code), "%s names packet %d, which is none of the connection's", f.Code, p)
			if s == nil || s.Quote != nil {
				continue
			}
			from := senderOf(c, &s.Segment)
			switch f.Code {
			case "fin_retransmitted":
				is(!s.Flags.Has(flows.FIN) || from != f.Side, "fin_retransmitted names packet %d, which is no FIN of the %s", p, f.Side)
			case "syn_retransmitted":
				is(s.Flags&(flows.SYN|flows.ACK) != flows.SYN || from != f.Side, "syn_retransmitted names packet %d, which is no SYN of the %s", p, f.Side)
			case "syn_ack_retransmitted":
				is(!s.Flags.Has(flows.SYN|flows.ACK) || from != f.Side, "syn_ack_retransmitted names packet %d, which is no SYN-ACK of the %s", p, f.Side)
			case "reset_inexact", "reset_outside_window":
				is(!s.Flags.Has(flows.RST), "%s names packet %d, which is no RST", f.Code, p)
			case "capture_loss":
				if from == f.Side {
					continue // the first segment behind the gap
				}
				is(held(segments, &s.Segment) != 0, "packet %d acknowledges octet %d, which packet %d holds: no capture_loss", p, s.Ack-1, held(segments, &s.Segment))
			}
		}
	}
	for _, side := range []record.Side{record.Client, record.Server} {
		e := endpointOf(c, side)
		for _, s := range e.States {
			is(s.Packet != 0 && numbers[uint64(s.Packet)] == nil && s.Rule.Event() != tcpstate.Successor && uint64(s.Packet) <= last(segments), "packet %d of %s is none of the connection's", s.Packet, s.State)
		}
		if e.Fin == nil {
			continue
		}
		var fins int
		for i := range segments {
			s := &segments[i]
			if s.Quote == nil && s.Flags.Has(flows.FIN) && !s.effect.Has(tcpstate.Foreign) && senderOf(c, &s.Segment) == side && s.Seq+s.Len == e.Fin.Seq {
				fins++
			}
		}
		again := slices.ContainsFunc(c.Findings, func(f record.Finding) bool { return f.Code == "fin_retransmitted" && f.Side == side })
		is(again != (fins > 1), "the %s's FIN was sent %d times, fin_retransmitted: %t", side, fins, again)
	}
	return wrong
}

func last(segments []passed) (n uint64) {
	for i := range segments {
		n = max(n, segments[i].Packet)
	}
	return n
}

// held is the packet of the other side that holds the last octet that the segment acknowledges, 0 for none.
func held(segments []passed, ack *flows.Segment) uint64 {
	for i := range segments {
		s := &segments[i]
		if s.Quote != nil || s.FromB == ack.FromB || s.Flags.Has(flows.RST) || s.effect.Has(tcpstate.BadChecksum) || s.Flags.Has(flows.SYN|flows.FIN) {
			continue
		}
		length := s.Len
		if s.Flags.Has(flows.SYN) {
			length++
		}
		if s.Flags.Has(flows.FIN) {
			length++
		}
		if ack.Ack-1-s.Seq < length {
			return s.Packet
		}
	}
	return 0
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

func reached(e *record.Endpoint) bool {
	return slices.ContainsFunc(e.States, func(s record.StateEntry) bool { return s.State >= tcpstate.Established })
}

func senderOf(c *record.Connection, s *flows.Segment) record.Side {
	from := s.Key.AddrPortA()
	if s.FromB {
		from = s.Key.AddrPortB()
	}
	if from == netip.AddrPortFrom(c.Client.IP, c.Client.Port) {
		return record.Client
	}
	return record.Server
}

// tally is what records add up to.
type tally struct {
	connections, resets, halfOpen, embryonic uint64
	outcomes                                 map[record.Outcome]uint64
	teardowns                                map[record.TeardownKind]uint64
	findings                                 map[string]uint64
	completed                                map[netip.AddrPort]uint64
}

func (s *tally) add(c *record.Connection) {
	s.connections++
	s.outcomes[c.Handshake.Outcome]++
	s.teardowns[c.Teardown.Kind]++
	if c.Teardown.Reset != nil {
		s.resets++
	}
	if c.HalfOpen != nil {
		s.halfOpen++
	}
	if c.Handshake.Outcome == record.OutcomeEmbryonic {
		s.embryonic++
	}
	for _, f := range c.Findings {
		s.findings[f.Code]++
	}
	switch c.Handshake.Outcome {
	case record.OutcomeComplete, record.OutcomeFastOpen, record.OutcomeSimultaneous:
		s.completed[netip.AddrPortFrom(c.Server.IP, c.Server.Port)]++
	}
}

// against says what of the summary and of the listeners is not what the records add up to.
func (s *tally) against(r *record.Result) (wrong []string) {
	is := func(what string, got, want any) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			wrong = append(wrong, fmt.Sprintf("summary: %s %s, the records have %s", what, g, w))
		}
	}
	is("connections", r.Summary.Connections, s.connections)
	is("by_outcome", r.Summary.ByOutcome, s.outcomes)
	is("by_teardown", r.Summary.ByTeardown, s.teardowns)
	is("findings_by_code", r.Summary.FindingsByCode, s.findings)
	is("resets", r.Summary.Resets, s.resets)
	is("half_open", r.Summary.HalfOpen, s.halfOpen)
	is("embryonic", r.Summary.Embryonic, s.embryonic)
	for _, l := range r.Listeners {
		if at := netip.AddrPortFrom(l.IP, l.Port); l.Completed != s.completed[at] {
			wrong = append(wrong, fmt.Sprintf("listener %s: completed %d, the records have %d", at, l.Completed, s.completed[at]))
		}
	}
	return wrong
}
