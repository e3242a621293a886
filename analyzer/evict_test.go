package analyzer_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// crowd feeds connections that stay open, then attempts that nobody answers. It returns the evicted ones by outcome.
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
		t.Errorf("evicted %v, %d in all, want attempts first", evicted, result.Evicted)
	}
	if result.Summary.Connections != 560 {
		t.Errorf("%d records, not 560", result.Summary.Connections)
	}
	result, evicted = crowd(t, analyzer.Options{MaxConnections: limit}, 300, 0, within)
	if evicted[record.OutcomeComplete] != 200 || result.Evicted != 200 {
		t.Errorf("evicted %v, %d in all, want 200 open connections", evicted, result.Evicted)
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

// A connection is still followed after 53 years of silence. That must not need an alarm for each interval.
func TestLongSilenceNeedsFewAlarms(t *testing.T) {
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

// While room is short, segments of an evicted connection are only counted. A SYN begins a connection even then. When
// there is room again, any segment does.
func TestEvictedStaysEvictedWhileRoomIsShort(t *testing.T) {
	const limit, connections = 80, 300
	records := map[uint16]int{}
	var packets uint64
	a := analyzer.New(analyzer.Options{MaxConnections: limit}, func(c *record.Connection) {
		records[c.Client.Port]++
		packets += c.Client.Packets + c.Server.Packets
	})
	at, packet := int64(0), uint64(0)
	feed := func(port uint16, fromServer bool, flags flows.Flags, seq, ack, text uint32) {
		at, packet = at+1e6, packet+1
		seg := flows.Segment{Packet: packet, Time: at, FromB: fromServer, Flags: flags, Seq: seq, Ack: ack, Len: text,
			Window: 1000, TTL: 64, Key: flows.Key{APort: port, BPort: 80}}
		for end, addr := range []*flows.Addr{&seg.Key.A, &seg.Key.B} {
			addr[10], addr[11], addr[15] = 0xff, 0xff, byte(1+end)
		}
		a.Segment(&seg)
	}
	open := func(port uint16) {
		feed(port, false, flows.SYN, 1, 0, 0)
		feed(port, true, flows.SYN|flows.ACK, 1, 2, 0)
		feed(port, false, flows.ACK, 2, 2, 0)
	}
	for n := range uint16(connections) {
		open(1000 + n)
	}
	for n := range uint16(connections) {
		feed(1000+n, false, flows.ACK, 2, 2, 10)
	}
	if n := a.Result().AfterEviction; n != connections-limit {
		t.Errorf("%d segments came after eviction, want %d", n, connections-limit)
	}
	begun := a.Live().Begun
	if open(1000); a.Live().Begun != begun+1 {
		t.Errorf("a SYN began no connection")
	}
	for n := range uint16(connections) { // most of the followed connections end, and time passes
		feed(1000+n, false, flows.RST|flows.ACK, 12, 2, 0)
	}
	at += 1e12
	feed(9, false, flows.ACK, 1, 1, 0)
	before, again := a.Result().AfterEviction, records[1001]
	feed(1001, false, flows.ACK, 12, 2, 5)
	a.Close()
	if records[1001] != again+1 || a.Result().AfterEviction != before {
		t.Errorf("%d records of a connection that continues when there is room, want %d", records[1001], again+1)
	}
	if packets+a.Result().AfterEviction != packet {
		t.Errorf("%d segments in records, %d after eviction, of %d", packets, a.Result().AfterEviction, packet)
	}
}
