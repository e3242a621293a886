package tcpstate

import "testing"

// BenchmarkSegment lets a server send data to a client, which acknowledges every segment.
func BenchmarkSegment(b *testing.B) {
	var c Conn
	at, packet, next := int64(0), uint64(0), Seq(2001)
	send := func(from int, s Segment) {
		at, packet = at+10_000, packet+1
		s.At, s.Packet, s.Window, s.HasTS, s.TSVal = at, packet, 60000, true, uint32(packet)
		c.Segment(from, &s)
	}
	send(0, Segment{Syn: true, Seq: 1000})
	send(1, Segment{Syn: true, HasAck: true, Seq: 2000, Ack: 1001})
	send(0, Segment{HasAck: true, Seq: 1001, Ack: 2001})
	b.ReportAllocs()
	for b.Loop() {
		send(1, Segment{HasAck: true, Seq: next, Ack: 1001, Len: 1400})
		next = next.Add(1400)
		send(0, Segment{HasAck: true, Seq: 1001, Ack: next})
	}
}
