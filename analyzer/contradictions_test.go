package analyzer_test

import (
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
	"github.com/tcplife/tcplife/internal/invariant"
)

// TestNoRecordContradictsItself compares the fields of each record with each other, and with the packets.
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

// passed is a segment of a record, and its effect there.
type passed struct {
	flows.Segment
	effect tcpstate.Effect
}

// contradictions reads a capture, and lists what is wrong with its records.
func contradictions(t *testing.T, file string) (wrong []string) {
	reader, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil // not a capture: other tests read it
	}
	defer reader.Close()
	segments := map[uint64][]passed{}
	sums := invariant.NewSums()
	tracker := analyzer.New(analyzer.Options{Trace: func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
		segments[id] = append(segments[id], passed{*seg, effect})
	}}, func(c *record.Connection) {
		for _, s := range append(sums.Add(c), againstPackets(c, segments[c.ID])...) {
			wrong = append(wrong, fmt.Sprintf("%d: %s", c.ID, s))
		}
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
	return append(wrong, sums.Against(tracker.Result())...)
}

// againstPackets lists what the packets contradict in a record.
func againstPackets(c *record.Connection, segments []passed) (wrong []string) {
	is := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	self := c.Client.IP == c.Server.IP && c.Client.Port == c.Server.Port
	numbers := map[uint64]*passed{}
	for i := range segments {
		numbers[segments[i].Packet] = &segments[i]
	}
	absorbed := func(code string) bool {
		return slices.Contains([]string{"stale_syn", "syn_in_connection", "time_wait_reused", "challenged",
			"time_wait_refused"}, code)
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
				is(!s.Flags.Has(flows.FIN) || from != f.Side,
					"fin_retransmitted names packet %d, which is no FIN of the %s", p, f.Side)
			case "syn_retransmitted":
				is(s.Flags&(flows.SYN|flows.ACK) != flows.SYN || from != f.Side,
					"syn_retransmitted names packet %d, which is no SYN of the %s", p, f.Side)
			case "syn_ack_retransmitted":
				is(!s.Flags.Has(flows.SYN|flows.ACK) || from != f.Side,
					"syn_ack_retransmitted names packet %d, which is no SYN-ACK of the %s", p, f.Side)
			case "reset_inexact", "reset_outside_window":
				is(!s.Flags.Has(flows.RST), "%s names packet %d, which is no RST", f.Code, p)
			case "capture_loss":
				if from == f.Side {
					continue // the first segment behind the gap
				}
				is(held(segments, &s.Segment) != 0,
					"packet %d acknowledges octet %d, which packet %d holds: no capture_loss", p, s.Ack-1,
					held(segments, &s.Segment))
			}
		}
	}
	for _, side := range []record.Side{record.Client, record.Server} {
		e := endpointOf(c, side)
		for _, s := range e.States {
			is(s.Packet != 0 && numbers[uint64(s.Packet)] == nil && s.Rule.Event() != tcpstate.Successor &&
				uint64(s.Packet) <= last(segments), "packet %d of %s is none of the connection's", s.Packet, s.State)
		}
		// a number is acknowledged only if a segment of the other side shows it, or a filter may have hidden that
		// segment
		acked := func(number uint32) bool {
			return slices.ContainsFunc(segments, func(s passed) bool {
				return s.Quote == nil && s.Flags.Has(flows.ACK) && senderOf(c, &s.Segment) != side &&
					int32(s.Ack-number) >= 0
			})
		}
		filtered := !slices.ContainsFunc(segments, func(s passed) bool {
			return s.Quote == nil && s.Flags&(flows.SYN|flows.FIN|flows.RST) == 0
		})
		is(e.SynAcked == record.Yes && e.ISN.Known && !self && !filtered && !acked(e.ISN.Number+1),
			"the %s's SYN %d is acknowledged by no segment", side, e.ISN.Number)
		if e.Fin == nil {
			continue
		}
		is(e.Fin.Acked == record.Yes && !self && !filtered && !acked(e.Fin.Seq+1),
			"the %s's FIN %d is acknowledged by no segment", side, e.Fin.Seq)
		var fins int
		for i := range segments {
			s := &segments[i]
			if s.Quote == nil && s.Flags.Has(flows.FIN) && !s.effect.Has(tcpstate.Rejected) &&
				senderOf(c, &s.Segment) == side && s.Seq+s.Len == e.Fin.Seq {
				fins++
			}
		}
		again := slices.ContainsFunc(c.Findings,
			func(f record.Finding) bool { return f.Code == "fin_retransmitted" && f.Side == side })
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

// held returns the other side's packet with the last octet that the segment acknowledges, 0 for none.
func held(segments []passed, ack *flows.Segment) uint64 {
	for i := range segments {
		s := &segments[i]
		if s.Quote != nil || s.FromB == ack.FromB || s.Flags.Has(flows.RST) || s.effect.Has(tcpstate.BadChecksum) ||
			s.Flags.Has(flows.SYN|flows.FIN) {
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
