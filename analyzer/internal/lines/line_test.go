package lines

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/randfill"
)

// A line keeps every field of a segment that fits, and usual segments fit.
func TestLinesKeepSegments(t *testing.T) {
	held := 0
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 9293))
		var seg flows.Segment
		randfill.Fill(r, &seg, reflect.TypeFor[*flows.Encapsulation](), reflect.TypeFor[*string](),
			reflect.TypeFor[*flows.Quote]())
		seg.Flags &= 1<<9 - 1
		seg.ECN, seg.Checksum, seg.Headers, seg.Encap, seg.Reason, seg.Quote = seg.ECN&3, seg.Checksum&3,
			seg.Headers%300, nil, nil, nil
		if opt := &seg.Options; r.IntN(4) > 0 {
			*opt = flows.Options{HasTimestamp: opt.HasTimestamp, TSVal: opt.TSVal, TSEcr: opt.TSEcr}
			if seg.Flags.Has(flows.SYN) {
				opt.HasMSS, opt.MSS, opt.HasWScale, opt.WScale, opt.SACKPermitted = r.IntN(2) == 0, 1460,
					r.IntN(2) == 0, 14, r.IntN(2) == 0
			}
		}
		opt := &seg.Options // values of absent options are 0
		if !opt.HasSACK && !opt.FastOpen && opt.MPTCP == flows.NoMPTCP {
			opt.SACKLeft, opt.SACKRight, opt.FastOpenLen, opt.MPTCPToken = 0, 0, 0, 0
		}
		if !seg.Flags.Has(flows.SYN) && !opt.HasMSS && !opt.HasWScale {
			opt.MSS, opt.WScale = 0, 0
		}
		seg.Len %= 1 << 17
		var l Line
		whole := Fits(&seg)
		l.Set(&seg)
		back := flows.Segment{Packet: seg.Packet, Time: seg.Time, Key: seg.Key, Seq: seg.Seq, Ack: seg.Ack}
		if seg.Flags.Has(flows.SYN) {
			back.Len = seg.Len
		}
		l.Read(&back)
		switch {
		case whole && back != seg:
			t.Fatalf("seed %d: written\n%+v\nread\n%+v", seed, seg, back)
		case whole:
			held++
		}
	}
	if held < 1000 {
		t.Errorf("only %d of 5000 segments fit", held)
	}
}
