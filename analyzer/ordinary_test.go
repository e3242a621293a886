package analyzer_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/testrun"
)

// alike feeds segments to an analyzer that stores ordinary connections and to one that judges each segment at once.
// Both must agree: on the counts after each segment, on the records so far after some segments, and on all records at
// the end. It returns the share of segments that were stored.
func alike(t *testing.T, o analyzer.Options, segments []flows.Segment, every int) (share float64) {
	t.Helper()
	var now, ended [2][]string
	var both [2]*analyzer.Analyzer
	for i := range both {
		if i == 1 {
			o.Trace = func(uint64, *flows.Segment, tcpstate.Effect) {} // with Trace segments are judged as they come
		}
		both[i] = analyzer.New(o, func(c *record.Connection) { ended[i] = append(ended[i], marshal(t, c)) })
	}
	same := func(packet uint64, what string, lists *[2][]string, from int) {
		for i := from; i < max(len(lists[0]), len(lists[1])); i++ {
			if i >= len(lists[0]) || i >= len(lists[1]) || lists[0][i] != lists[1][i] {
				t.Fatalf("after packet %d %s differs, stored\n%s\nand judged\n%s", packet, what, lists[0][i:],
					lists[1][i:])
			}
		}
	}
	written, held := 0, 0
	for k := range segments {
		packet := segments[k].Packet
		for i, a := range both {
			seg := segments[k]
			a.Segment(&seg)
			if k%every == 0 {
				now[i] = now[i][:0]
				a.Open(1<<62, func(c *record.Connection) { now[i] = append(now[i], marshal(t, c)) })
			}
		}
		n, err := analyzer.Ordinary(both[0])
		if err != nil {
			t.Fatalf("after packet %d: %v", packet, err)
		}
		if n > 0 {
			written++
		}
		if one, other := both[0].Live(), both[1].Live(); one != other {
			t.Fatalf("after packet %d Live is %+v, judged %+v", packet, one, other)
		}
		same(packet, "what is open", &now, 0)
		same(packet, "what has ended", &ended, held)
		held = len(ended[0])
	}
	for i, a := range both {
		a.Close()
		result, err := json.Marshal(a.Result())
		if err != nil {
			t.Fatal(err)
		}
		ended[i] = append(ended[i], string(result))
	}
	same(0, "what has ended", &ended, held)
	return float64(written) / float64(len(segments))
}

func TestOrdinaryLives(t *testing.T) {
	for _, file := range testrun.Some(3, captures(t)) {
		segments := segmentsOf(t, file)
		alike(t, analyzer.Options{}, segments, max(1, len(segments)/20))
		alike(t, analyzer.Options{MSL: time.Second, IdleLimit: 10 * time.Second, AtClose: true}, segments,
			len(segments))
	}
}

// FuzzOrdinary makes ordinary connections from a seed, with rare disturbances.
func FuzzOrdinary(f *testing.F) {
	for seed := range testrun.Size[uint64](100, 300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 9293))
		o := analyzer.Options{AtClose: r.IntN(4) == 0}
		if r.IntN(2) == 0 {
			o.MSL, o.IdleLimit = time.Second, 3*time.Second
		}
		alike(t, o, exchange(r), 1)
	})
}

// exchange returns the segments of one or two connections of two ends.
func exchange(r *rand.Rand) (segments []flows.Segment) {
	now, stamp, packet := int64(1_700_000_000e9), r.Uint32(), uint64(0)
	for range 1 + r.IntN(2) {
		next := [2]uint32{r.Uint32(), r.Uint32()}
		stamped, id, calm := r.IntN(2) == 0, uint16(r.IntN(2)*1000), 1+r.IntN(60)
		rarely := func(n int) bool { return r.IntN(n*calm) == 0 }
		send := func(from int, flags flows.Flags, text uint32) {
			now += [...]int64{0, 1e5, 1e6, 3e7, 3e8, 2e9}[r.IntN(6)]
			stamp += uint32(r.IntN(3))
			packet += 1 + uint64(r.IntN(3))
			seg := flows.Segment{
				Packet: packet, Time: now, FromB: from == 1, Flags: flags, Seq: next[from], Len: text,
				Window:  uint16(1 + r.IntN(60000)),
				Headers: uint16(40 + 12*r.IntN(2)), TTL: uint8(62 + r.IntN(4)), IPID: id, Digest: uint32(r.IntN(3)),
				Checksum: flows.Checksum(r.IntN(3)),
			}
			seg.Key = flows.Key{A: flows.Addr{10: 0xff, 11: 0xff, 15: 1}, B: flows.Addr{10: 0xff, 11: 0xff, 15: 2},
				APort: 40000, BPort: 80}
			if id != 0 {
				id++
			}
			if flags.Has(flows.ACK) {
				seg.Ack = next[1-from]
			}
			if seg.Options.HasTimestamp = stamped; stamped {
				seg.Options.TSVal, seg.Options.TSEcr = stamp, stamp-uint32(r.IntN(9))
			}
			if flags.Has(flows.SYN) {
				seg.Options.HasMSS, seg.Options.MSS, seg.Options.SACKPermitted = true, 1460, r.IntN(2) == 0
				seg.Options.HasWScale, seg.Options.WScale = r.IntN(2) == 0, uint8(r.IntN(15))
			}
			switch { // what disturbs it
			case rarely(3):
				seg.Ack -= uint32(r.IntN(3000))
			case rarely(8):
				seg.Ack += uint32(r.IntN(3000))
			case rarely(8):
				seg.Seq -= uint32(r.IntN(3000))
			case rarely(8):
				seg.Seq += uint32(r.IntN(3000))
			case rarely(8):
				seg.Window = 0
			case rarely(8):
				seg.Flags ^= 1 << r.IntN(9)
			case rarely(8):
				seg.Options.TSVal -= uint32(r.IntN(10))
			case rarely(8):
				seg.Time -= int64(r.IntN(3e6))
			case rarely(8):
				seg.Checksum = flows.ChecksumWrong
			case rarely(8):
				seg.Options.HasSACK, seg.Options.SACKLeft, seg.Options.SACKRight = true, seg.Ack+10, seg.Ack+20
			case rarely(8):
				now += int64(r.IntN(600e9))
				seg.Time = now
			case rarely(8):
				seg.Cut = true
			case rarely(20):
				seg.Quote = &flows.Quote{Type: 3, Code: uint8(r.IntN(5)), HasSeq: true}
			}
			if rarely(8) {
				return // it was not captured
			}
			segments = append(segments, seg)
			if rarely(8) {
				seg.Packet++
				packet++
				segments = append(segments, seg) // captured twice
			}
		}
		const syn, ack, fin, rst, psh = flows.SYN, flows.ACK, flows.FIN, flows.RST, flows.PSH
		send(0, syn, 0)
		next[0]++
		send(1, syn|ack, 0)
		next[1]++
		send(0, ack, 0)
		for range r.IntN(18) {
			from, text := r.IntN(2), uint32(r.IntN(3))*uint32(1+r.IntN(2)*r.IntN(1000))
			send(from, ack|psh, text)
			next[from] += text
		}
		if rarely(2) {
			send(r.IntN(2), rst|ack*flows.Flags(r.IntN(2)), 0)
		}
		first := r.IntN(2)
		send(first, fin|ack, 0)
		next[first]++
		for range r.IntN(3) {
			send(1-first, ack, 0)
			if r.IntN(20) == 0 {
				send(first, ack, 100)
			}
			if r.IntN(3) == 0 {
				send(1-first, ack, 100)
				next[1-first] += 100
				send(first, ack, 0)
			}
		}
		send(1-first, fin|ack, 0)
		next[1-first]++
		for range 1 + r.IntN(2)*r.IntN(2) {
			send(first, ack, 0)
		}
		if r.IntN(10) == 0 {
			send(r.IntN(2), ack, 0)
		}
		now += int64(r.IntN(3)) * int64(r.IntN(300e9))
	}
	return segments
}
