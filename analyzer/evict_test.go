package analyzer_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// crowd feeds n connections that stay open, then attempts that nobody answers, and gives what was evicted by outcome.
func crowd(t *testing.T, o analyzer.Options, open, attempts int, watch func(*analyzer.Analyzer)) (*record.Result,
	map[record.Outcome]int) {
	t.Helper()
	evicted := map[record.Outcome]int{}
	a := analyzer.New(o, func(c *record.Connection) {
		if c.EndedBy == record.EndEvicted {
			evicted[c.Handshake.Outcome]++
		}
	})
	packet := uint64(0)
	feed := func(n int, fromServer bool, flags flows.Flags, seq, ack uint32) {
		packet++
		seg := flows.Segment{
			Packet: packet, Time: int64(packet) * int64(time.Millisecond), FromB: fromServer,
			Flags: flags, Seq: seq, Ack: ack, Window: 1000, TTL: 64,
			Key: flows.Key{APort: 40000, BPort: 80},
		}
		seg.Key.A[10], seg.Key.A[11], seg.Key.A[13], seg.Key.A[14], seg.Key.A[15] = 0xff, 0xff, byte(n>>16), byte(n>>8),
			byte(n)
		seg.Key.B[10], seg.Key.B[11], seg.Key.B[12] = 0xff, 0xff, 192
		a.Segment(&seg)
		watch(a)
	}
	for n := range open {
		feed(n, false, flows.SYN, 1, 0)
		feed(n, true, flows.SYN|flows.ACK, 1, 2)
		feed(n, false, flows.ACK, 2, 2)
	}
	for n := range attempts {
		feed(open+n, false, flows.SYN, 1, 0)
	}
	a.Close()
	return a.Result(), evicted
}

func TestMaxConnections(t *testing.T) {
	const limit = 100
	within := func(a *analyzer.Analyzer) {
		if n := a.Live().Connections; n > limit {
			t.Fatalf("%d connections are followed", n)
		}
	}
	result, evicted := crowd(t, analyzer.Options{MaxConnections: limit}, 60, 500, within)
	if evicted[record.OutcomeComplete] != 0 || evicted[record.OutcomeUnanswered] != 460 || result.Evicted != 460 {
		t.Errorf("attempts should have gone first: %v, %d", evicted, result.Evicted)
	}
	if result.Summary.Connections != 560 {
		t.Errorf("%d records, not 560", result.Summary.Connections)
	}
	result, evicted = crowd(t, analyzer.Options{MaxConnections: limit}, 300, 0, within)
	if evicted[record.OutcomeComplete] != 200 || result.Evicted != 200 {
		t.Errorf("200 open connections should have gone: %v, %d", evicted, result.Evicted)
	}
}

func TestMaxMemory(t *testing.T) {
	const limit = 1 << 20
	result, _ := crowd(t, analyzer.Options{MaxMemory: limit}, 3000, 20000, func(a *analyzer.Analyzer) {
		if n := analyzer.Footprint(a); n > limit {
			t.Fatalf("%d bytes", n)
		}
	})
	if result.Evicted == 0 || result.Summary.Connections != 23000 {
		t.Errorf("%d evicted of %d", result.Evicted, result.Summary.Connections)
	}
}

// A connection that goes on 53 years later has been followed all the time, which must not take as many alarms.
func TestYearsOfSilence(t *testing.T) {
	n := 0
	a := analyzer.New(analyzer.Options{IdleLimit: 100 * 365 * 24 * time.Hour}, func(*record.Connection) { n++ })
	for packet, at := range []int64{0, 1e9, 1.7e18, 1.7e18 + 1, 1.7e18 + 2} {
		seg := flows.Segment{Packet: uint64(packet) + 1, Time: at, Flags: flows.ACK, Seq: 1, Ack: 1, Len: 1,
			Key: flows.Key{APort: 1024, BPort: 80}}
		a.Segment(&seg)
	}
	a.Close()
	if n != 1 {
		t.Errorf("%d records", n)
	}
}
