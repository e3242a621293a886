package analyzer_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// traffic makes segments between clients and one server, 10 µs apart.
type traffic struct {
	tracker *analyzer.Analyzer
	packet  uint64
	records int
	sent    [][2]uint32 // by connection and end: SND.NXT
	segment flows.Segment
}

func newTraffic() *traffic {
	t := &traffic{}
	t.tracker = analyzer.New(analyzer.Options{}, func(*record.Connection) { t.records++ })
	return t
}

const clientEnd, serverEnd = 0, 1

// send lets an end of a connection send a segment, which acknowledges all that the other has sent.
func (t *traffic) send(connection uint32, end int, flags flows.Flags, length uint32) {
	for int(connection) >= len(t.sent) {
		t.sent = append(t.sent, [2]uint32{1000, 2000})
	}
	sent := &t.sent[connection]
	t.packet++
	s := &t.segment
	*s = flows.Segment{
		Packet: t.packet, Time: 1_700_000_000e9 + int64(t.packet)*10_000, FromB: end == serverEnd, Flags: flags,
		Seq: sent[end], Ack: sent[1-end], Window: 60000, Len: length, TTL: 64, IPID: uint16(t.packet),
		Digest: uint32(t.packet), Checksum: flows.ChecksumGood,
	}
	s.Key.A = flows.Addr{10: 0xff, 11: 0xff, 12: 10}
	binary.BigEndian.PutUint16(s.Key.A[14:], uint16(connection))
	s.Key.B = flows.Addr{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}
	s.Key.APort, s.Key.BPort = 1024+uint16(connection>>16), 443
	s.Options.HasTimestamp, s.Options.TSVal, s.Options.TSEcr = true, uint32(t.packet/100), uint32(t.packet/100)
	t.tracker.Segment(s)
	sent[end] += length
	if flags&(flows.SYN|flows.FIN) != 0 {
		sent[end]++
	}
}

func (t *traffic) open(connection uint32) {
	t.send(connection, clientEnd, flows.SYN, 0)
	t.send(connection, serverEnd, flows.SYN|flows.ACK, 0)
	t.send(connection, clientEnd, flows.ACK, 0)
}

func (t *traffic) exchange(connection uint32) {
	t.send(connection, clientEnd, flows.PSH|flows.ACK, 100)
	t.send(connection, serverEnd, flows.PSH|flows.ACK, 1000)
}

func (t *traffic) close(connection uint32) {
	t.send(connection, clientEnd, flows.FIN|flows.ACK, 0)
	t.send(connection, serverEnd, flows.FIN|flows.ACK, 0)
	t.send(connection, clientEnd, flows.ACK, 0)
}

// TestSegmentDoesNotAllocate checks that connections that only exchange data take no new memory, however many they are.
func TestSegmentDoesNotAllocate(t *testing.T) {
	for _, connections := range []uint32{1, 5000} {
		traffic := newTraffic()
		for c := range connections {
			traffic.open(c)
		}
		const rounds = 20
		next := uint32(0)
		exchange := func() {
			traffic.exchange(next % connections)
			next++
		}
		for range rounds * connections {
			exchange()
		}
		if n := testing.AllocsPerRun(int(rounds*connections), exchange); n != 0 {
			t.Errorf("%d connections: %v allocations for two segments", connections, n)
		}
	}
}

// BenchmarkSegment processes two segments, or one in a flood.
func BenchmarkSegment(b *testing.B) {
	b.Run("transfer", func(b *testing.B) {
		t := newTraffic()
		t.open(0)
		b.ReportAllocs()
		for b.Loop() {
			t.send(0, serverEnd, flows.ACK, 1400)
			t.send(0, clientEnd, flows.ACK, 0)
		}
	})
	b.Run("random_of_100000", func(b *testing.B) {
		const connections = 100_000
		t, random := newTraffic(), rand.New(rand.NewPCG(1, 2))
		for c := range uint32(connections) {
			t.open(c)
		}
		b.ReportAllocs()
		for b.Loop() {
			t.exchange(random.Uint32N(connections))
		}
	})
	b.Run("flood", func(b *testing.B) {
		t := newTraffic()
		b.ReportAllocs()
		for c := uint32(0); b.Loop(); c++ {
			t.send(c%(1<<30), clientEnd, flows.SYN, 0)
		}
	})
}

// BenchmarkConnection processes a connection of eight segments, and makes its record.
func BenchmarkConnection(b *testing.B) {
	t := newTraffic()
	b.ReportAllocs()
	for c := uint32(0); b.Loop(); c++ {
		t.open(c)
		t.exchange(c)
		t.close(c)
	}
}
