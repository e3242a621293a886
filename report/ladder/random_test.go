package ladder

import (
	"io"
	"testing"

	"github.com/tcplife/tcplife/flows"
	"pgregory.net/rapid"
)

// anySegments are segments of two sockets that follow no rules, but with numbers near enough to each other's to matter.
var anySegments = rapid.Custom(func(t *rapid.T) []flows.Segment {
	flags := rapid.SampledFrom([]flows.Flags{
		flows.SYN, flows.SYN | flows.ACK, flows.ACK, flows.ACK, flows.ACK, flows.ACK | flows.PSH, flows.FIN | flows.ACK,
		flows.FIN | flows.ACK,
		flows.RST, flows.RST | flows.ACK, flows.FIN, flows.SYN | flows.FIN, 0,
	})
	isn := [2]uint32{^uint32(0) - 3, 300}
	now := int64(1e18)
	segments := make([]flows.Segment, rapid.IntRange(1, 40).Draw(t, "segments"))
	for i := range segments {
		now += rapid.SampledFrom([]int64{0, 1e6, 1e8, 1e9, 3e11}).Draw(t, "after")
		from := rapid.IntRange(0, 1).Draw(t, "from")
		s := flows.Segment{Packet: uint64(i + 1), Time: now, FromB: from == 1, Flags: flags.Draw(t, "flags")}
		s.Key.A[15], s.Key.B[15], s.Key.APort, s.Key.BPort = 1, 2, 40000, 80
		s.Seq = isn[from] + rapid.Uint32Range(0, 4).Draw(t, "seq")
		s.Ack = isn[1-from] + rapid.Uint32Range(0, 4).Draw(t, "ack")
		s.Len = rapid.SampledFrom([]uint32{0, 0, 0, 1, 2}).Draw(t, "len")
		s.Window = rapid.SampledFrom([]uint16{0, 100, 65535}).Draw(t, "window")
		s.Digest = uint32(i)
		if rapid.IntRange(0, 19).Draw(t, "other life") == 0 {
			s.Seq += 1 << 20
		}
		segments[i] = s
	}
	return segments
})

// Whatever the segments, a ladder has the record's states, and each change of state has a rule.
func TestLadderOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segments := anySegments.Draw(t, "segments")
		ladders := laddersOf(segments, every)
		for _, l := range ladders {
			checkLadder(t, "random", l)
		}
		e := Explanation{Ladders: ladders}
		if err := e.WriteText(io.Discard, Options{Width: 80, ASCII: true}); err != nil {
			t.Fatal(err)
		}
	})
}
