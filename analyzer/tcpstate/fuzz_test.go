package tcpstate

import (
	"encoding/binary"
	"testing"
)

// fuzzSegment reads a segment from 12 bytes: flags and direction, window, text, numbers near those of the connection or
// far from them, and the time since the one before.
func fuzzSegment(b []byte, at *int64) (int, *Segment) {
	flags := b[0]
	from := int(flags & 1)
	s := &Segment{
		Syn: flags&2 != 0, Fin: flags&4 != 0, Rst: flags&8 != 0, HasAck: flags&16 != 0,
		Window: uint32(b[1]) << 8, Len: uint32(b[2]),
	}
	near := func(base Seq, b []byte) Seq {
		if flags&32 != 0 {
			return Seq(binary.BigEndian.Uint32(b))
		}
		return base + Seq(int8(b[0])) + Seq(b[1])<<8
	}
	s.Seq = near(bases[from], b[3:])
	if s.HasAck {
		s.Ack = near(bases[1-from], b[7:])
	}
	*at += int64(int8(b[11])) * 10 * ms
	s.At = *at
	return from, s
}

func fuzzBytes(segments []sent) []byte {
	var out []byte
	at := int64(0)
	for _, s := range segments {
		flags := byte(s.from)
		for i, set := range []bool{s.Syn, s.Fin, s.Rst, s.HasAck} {
			if set {
				flags |= 2 << i
			}
		}
		out = append(out, flags, byte(s.Window>>8), byte(s.Len),
			byte(s.Seq-bases[s.from]), 0, 0, 0, byte(s.Ack-bases[1-s.from]), 0, 0, 0, byte((s.At-at)/(10*ms)))
		at = s.At
	}
	return out
}

func FuzzConn(f *testing.F) {
	life := []sent{
		{0, Segment{Syn: true, Seq: 1000, Window: 65535}},
		{1, Segment{Syn: true, HasAck: true, Seq: 5000, Ack: 1001, Window: 65535}},
		{0, Segment{HasAck: true, Seq: 1001, Ack: 5001, Window: 65535}},
		{0, Segment{HasAck: true, Seq: 1001, Ack: 5001, Len: 10, Window: 65535}},
		{1, Segment{HasAck: true, Seq: 5001, Ack: 1011, Window: 65535}},
		{0, Segment{Fin: true, HasAck: true, Seq: 1011, Ack: 5001, Window: 65535}},
		{1, Segment{HasAck: true, Seq: 5001, Ack: 1012, Window: 65535}},
		{1, Segment{Fin: true, HasAck: true, Seq: 5001, Ack: 1012, Window: 65535}},
		{0, Segment{HasAck: true, Seq: 1012, Ack: 5002, Window: 65535}},
		{1, Segment{Rst: true, Seq: 5002}},
	}
	f.Add(fuzzBytes(life))
	f.Add(fuzzBytes(append(life[:4:4], life[9])))
	f.Add(fuzzBytes(life[5:]))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 9 // states on the longest path through figure 5, after a refusal
		c, self := &Conn{}, &Conn{}
		var segments []sent
		at := int64(1e9)
		for n := 0; len(data) >= 12 && n < 500; n++ {
			from, s := fuzzSegment(data, &at)
			s.Packet = uint64(n + 1)
			data = data[12:]
			segments = append(segments, sent{from, *s})
			c.Segment(from, s)
			if err := sane(c); err != nil {
				t.Fatal(err)
			}
			if len(c.Ends[0].History) > most || len(c.Ends[1].History) > most {
				t.Fatalf("%v %v", stateNames(&c.Ends[0]), stateNames(&c.Ends[1]))
			}
			self.SelfSegment(s)
			if n := len(self.Ends[0].History); n > most {
				t.Fatalf("to itself: %v", stateNames(&self.Ends[0]))
			}
			c.Distance(1-from, s)
		}
		predicted(t, segments)
		c.Settle(at, at%2 == 0)
		self.Settle(at, at%2 == 0)
	})
}
