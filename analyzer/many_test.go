package analyzer_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/invariant"
	"github.com/tcplife/tcplife/internal/testrun"
)

// many returns n, or a hundredth of it in an ordinary run.
func many(n int) int { return testrun.Size(n/100, n) }

// heap returns how many bytes are live.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Ten million attempts are pending at once, each from another address. With a limit of 64 MiB they take at most twice
// as much, and every attempt has a record.
func TestManyPending(t *testing.T) {
	const limit = 64 << 20
	n := many(10_000_000)
	before, records, packets := heap(), 0, uint64(0)
	a := analyzer.New(analyzer.Options{MaxMemory: limit}, func(c *record.Connection) {
		records++
		packets += c.Client.Packets
	})
	seg := flows.Segment{Flags: flows.SYN, Window: 1024, Headers: 40, TTL: 64}
	seg.Key = flows.Key{A: flows.Addr{10: 0xff, 11: 0xff}, B: flows.Addr{10: 0xff, 11: 0xff, 12: 0xcb, 15: 1},
		APort: 40000, BPort: 80}
	peak := uint64(0)
	for i := range n {
		seg.Packet, seg.Time = uint64(i+1), 1_700_000_000e9+int64(i)*1000
		binary.BigEndian.PutUint32(seg.Key.A[12:], uint32(0x0a000000+i))
		seg.Seq = uint32(i) * 2654435761
		a.Segment(&seg)
		if i%(n/10) == n/10-1 {
			peak = max(peak, heap()-before)
		}
	}
	a.Close()
	if records != n || packets != uint64(n) || a.Result().Summary.Connections != uint64(n) {
		t.Errorf("%d records with %d packets of %d attempts", records, packets, n)
	}
	if peak > 2*limit {
		t.Errorf("%d MiB for %d attempts", peak>>20, n)
	}
	t.Logf("%d attempts, %d MiB, %d evicted", n, peak>>20, a.Result().Evicted)
}

// One 4-tuple has many incarnations, with a million changes of state. Each has its record, which names the previous
// one, and nothing is kept of those that ended.
func TestManyIncarnations(t *testing.T) {
	const changes = 9 // of both ends in an incarnation
	n := many(1_000_000) / changes
	before, sums, changed := heap(), invariant.NewSums(), 0
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		if c.ID > 1 && c.PreviousID == 0 {
			t.Errorf("#%d has no predecessor", c.ID)
		}
		changed += len(c.Client.States) + len(c.Server.States)
		for _, wrong := range sums.Add(c) {
			t.Errorf("#%d: %s", c.ID, wrong)
		}
	})
	const syn, ack, fin = flows.SYN, flows.ACK, flows.FIN
	now, packet, peak := int64(1_700_000_000e9), uint64(0), uint64(0)
	for i := range n {
		x, y := uint32(i)*250_000, uint32(i)*250_000+7
		for _, s := range []struct {
			fromB    bool
			flags    flows.Flags
			seq, ack uint32
		}{
			{false, syn, x, 0}, {true, syn | ack, y, x + 1}, {false, ack, x + 1, y + 1},
			{false, fin | ack, x + 1, y + 1},
			{true, ack, y + 1, x + 2}, {true, fin | ack, y + 1, x + 2}, {false, ack, x + 2, y + 2},
		} {
			packet++
			now += int64(time.Millisecond)
			seg := flows.Segment{Packet: packet, Time: now, FromB: s.fromB, Flags: s.flags, Seq: s.seq, Ack: s.ack,
				Window: 1024, Headers: 40, TTL: 64, Key: flows.Key{A: flows.Addr{10: 0xff, 11: 0xff, 15: 1},
					B: flows.Addr{10: 0xff, 11: 0xff, 15: 2}, APort: 40000, BPort: 80}}
			a.Segment(&seg)
		}
		now += int64(2 * time.Second)
		if i%(n/10+1) == n/10 {
			peak = max(peak, heap())
		}
	}
	a.Close()
	for _, wrong := range sums.Against(a.Result()) {
		t.Error(wrong)
	}
	if sums.Connections != uint64(n) || changed < 8*n {
		t.Errorf("%d incarnations with %d changes, want %d", sums.Connections, changed, n)
	}
	const most = 32 << 20
	if peak > before+most {
		t.Errorf("%d MiB for the incarnations of one 4-tuple", (peak-before)>>20)
	}
	t.Logf("%d incarnations, %d changes of state, %d MiB", n, changed, (peak-min(before, peak))>>20)
}
