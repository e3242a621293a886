package tcpstate

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// drawTransfer draws segments of two ends, mostly in order: text and acknowledgements, some of them lost before the
// observer, retransmitted, late, or with closed windows, and sometimes a SYN, FIN or RST.
func drawTransfer(t *rapid.T) []sent {
	var segments []sent
	at, stamp := int64(1e9), uint32(1<<32-20)
	nxt := [2]Seq{bases[0] + Seq(rapid.Uint32().Draw(t, "shift 0")), bases[1] + Seq(rapid.Uint32().Draw(t, "shift 1"))}
	stamps := rapid.Bool().Draw(t, "timestamps")
	send := func(from int, s Segment) {
		at += rapid.SampledFrom([]int64{1 * ms, 0, 1 * ms, 50 * ms, 500 * ms, -20 * ms}).Draw(t, "time")
		stamp += rapid.Uint32Range(0, 2).Draw(t, "ticks")
		s.At, s.HasTS, s.TSVal = at, stamps, stamp
		if rapid.IntRange(0, 30).Draw(t, "old stamp") == 30 {
			s.TSVal -= 10
		}
		segments = append(segments, sent{from, s})
		if end := s.end(); end.After(nxt[from]) {
			nxt[from] = end
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "midstream") < 3 {
		scale := rapid.Bool().Draw(t, "scale")
		send(0, Segment{Syn: true, Seq: nxt[0], Window: 60000, HasWScale: scale, WScale: 7})
		send(1, Segment{Syn: true, HasAck: true, Seq: nxt[1], Ack: nxt[0], Window: 60000, HasWScale: scale, WScale: 7})
		send(0, Segment{HasAck: true, Seq: nxt[0], Ack: nxt[1], Window: 60000})
	}
	for range rapid.IntRange(1, 40).Draw(t, "length") {
		from := rapid.IntRange(0, 1).Draw(t, "from")
		s := Segment{
			HasAck: true, Seq: nxt[from], Ack: nxt[1-from],
			Len:    rapid.SampledFrom([]uint32{0, 0, 1, 100, 1400, 1400}).Draw(t, "text"),
			Window: rapid.SampledFrom([]uint32{60000, 50000, 1000, 60000, 60000, 0}).Draw(t, "window"),
		}
		switch 40 - rapid.IntRange(0, 40).Draw(t, "ordinary") {
		case 0, 1, 2:
			s.Seq -= Seq(rapid.SampledFrom([]uint32{1, 100, 1400, 2800}).Draw(t, "back"))
		case 3, 4:
			s.Seq += Seq(rapid.SampledFrom([]uint32{1, 1400, 1 << 30}).Draw(t, "ahead"))
		case 5, 6, 7, 8:
			s.Ack -= Seq(rapid.SampledFrom([]uint32{1, 1400, 1 << 20, 1 << 31}).Draw(t, "old"))
		case 9:
			s.Ack += Seq(rapid.SampledFrom([]uint32{1, 1400}).Draw(t, "unseen"))
		case 10:
			s.Fin = true
		case 11:
			s.Rst = true
		case 12:
			s.Syn = true
		case 13:
			s.HasAck = false
		case 14:
			nxt[from] += 1400 // lost
		}
		send(from, s)
	}
	return segments
}

// predicted compares the results of Segment alone with those of Predict followed by Segment.
func predicted(t interface{ Fatalf(string, ...any) }, segments []sent) (n int) {
	slow, fast := &Conn{}, &Conn{}
	for i, s := range segments {
		segment := s.Segment
		segment.Packet = uint64(i + 1)
		effect, got := slow.Segment(s.from, &segment), Effect(0)
		is := fast.Predict(s.from, &segment)
		if is {
			n++
		} else {
			got = fast.Segment(s.from, &segment)
		}
		if got != effect || !reflect.DeepEqual(slow, fast) {
			t.Fatalf("predicted %t: effect %b, without %b\n%+v\nwithout\n%+v\n%v", is, got, effect, *fast, *slow,
				list(segments[:i+1], slow))
		}
	}
	return n
}

func TestPredictIsSegment(t *testing.T) {
	all, n := 0, 0
	hold(t, func(t *rapid.T) {
		predicted(t, drawSent(t))
		segments := drawTransfer(t)
		all += len(segments)
		n += predicted(t, segments)
	})
	if n < all/5 {
		t.Errorf("of %d segments %d were predicted, which is too few", all, n)
	}
}
