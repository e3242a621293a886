package analyzer_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// If attempts become connections, and these become another kind, the unused memory of one kind is freed for the next.
// That changes no record.
func TestMemoryChangesKinds(t *testing.T) {
	const n = 15_000
	r := rand.New(rand.NewPCG(3, 9293))
	var segments []flows.Segment
	send := func(i int, fromB bool, flags flows.Flags, seq, ack, length uint32, window uint16) {
		seg := flows.Segment{Packet: uint64(len(segments) + 1), Time: 1_700_000_000e9 + int64(len(segments))*1000,
			FromB: fromB, Flags: flags, Seq: seq, Ack: ack, Len: length, Window: window, Headers: 40, TTL: 64}
		client, server := flows.Addr{10: 0xff, 11: 0xff, 12: 10}, flows.Addr{10: 0xff, 11: 0xff, 12: 203, 15: 1}
		seg.Key = flows.Key{A: client, B: server, APort: uint16(1024 + i), BPort: 80}
		if seg.Key.V6 = i%3 == 0; seg.Key.V6 {
			seg.Key.A, seg.Key.B = flows.Addr{0: 0x20, 15: 1}, flows.Addr{0: 0x20, 15: 2}
		}
		binary.BigEndian.PutUint16(seg.Key.A[13:], uint16(i))
		segments = append(segments, seg)
	}
	for i := range n {
		send(i, false, flows.SYN, 100, 0, 0, 1024)
	}
	for _, i := range r.Perm(n)[:n*9/10] {
		send(i, true, flows.SYN|flows.ACK, 300, 101, 0, 1024)
		send(i, false, flows.ACK, 101, 301, 0, 1024)
		send(i, false, flows.ACK|flows.PSH, 101, 301, 10, 1024)
	}
	for _, i := range r.Perm(n)[:n*9/10] { // again, which is unexpected
		send(i, false, flows.ACK|flows.PSH, 101, 301, 10, 1024)
		send(i, true, flows.ACK, 301, 111, 0, 1024)
	}
	whole := recordsOf(t, segments, func(*analyzer.Analyzer) {})

	const limit = 8 << 20
	before, peak, spare := heap(), uint64(0), uint64(0)
	var kept []string
	keep := func(c *record.Connection) { kept = append(kept, marshal(t, c)) }
	a := analyzer.New(analyzer.Options{MaxMemory: limit}, keep)
	for i := range segments {
		a.Segment(&segments[i])
		spare = max(spare, analyzer.Spare(a))
		if i%(n/2) == 0 {
			peak = max(peak, heap()-before)
		}
	}
	a.Close()
	if evicted := a.Result().Evicted; evicted > 0 {
		t.Errorf("%d were evicted", evicted)
	}
	kept = append(kept, asJSON(a.Result()))
	if !slices.Equal(whole, kept) {
		t.Error("the records differ from those without a limit")
	}
	t.Logf("%d KiB, %d KiB of it unused", peak>>10, spare>>10)
	if spare > limit/8 || spare < limit/8*9/10 { // it is freed then, and not before
		t.Errorf("%d KiB were unused", spare>>10)
	}
	if peak > limit*3/2 {
		t.Errorf("%d KiB at once", peak>>10)
	}
}
