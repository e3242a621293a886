package flows

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// part is bytes [from, to) of a datagram's payload as a fragment.
type part struct{ from, to int }

// split4 and split6 make packets of the parts of a segment of 100 bytes of data behind a header of 32.
func split4(id int, parts ...part) (packets [][]byte) {
	segment := tcp4(ACK, timestamps, zeros(100))
	for _, p := range parts {
		packets = append(packets, ip4fragment(6, id, p.from, p.to < len(segment),
			segment[p.from:min(p.to, len(segment))]))
	}
	return packets
}

func split6(id int, parts ...part) (packets [][]byte) {
	segment := tcp6(ACK, timestamps, zeros(100))
	for _, p := range parts {
		packets = append(packets, ip6fragment(6, id, p.from, p.to < len(segment),
			segment[p.from:min(p.to, len(segment))]))
	}
	return packets
}

func TestFragments(t *testing.T) {
	changed := split4(1, part{64, 132})[0]
	changed[30] ^= 0xff
	other := split4(1, part{0, 64})[0]
	other[9] = 17 // another protocol is another datagram
	sealIP4(other[:20])
	huge := ip4fragment(6, 1, 65000, true, zeros(800))
	misaligned := ip4fragment(6, 1, 8, true, zeros(9))

	// The counts are those of Decoded and Undecoded; lost is LostDatagrams.
	for _, tt := range []struct {
		name    string
		packets [][]byte
		at      []int // packet numbers of the segments
		counts  map[string]uint64
		lost    uint64
	}{
		{"in order", split4(1, part{0, 64}, part{64, 128}, part{128, 200}), []int{3},
			map[string]uint64{"fragment": 2, "tcp": 1}, 0},
		{"the last one first", split4(1, part{128, 200}, part{64, 128}, part{0, 64}), []int{3},
			map[string]uint64{"fragment": 2, "tcp": 1}, 0},
		{"header in two", split4(1, part{8, 200}, part{0, 8}), []int{2}, map[string]uint64{"fragment": 1, "tcp": 1}, 0},
		{"IPv6", split6(1, part{64, 200}, part{0, 64}), []int{2}, map[string]uint64{"fragment": 1, "tcp": 1}, 0},
		{"a fragment twice", split4(1, part{0, 64}, part{0, 64}, part{64, 200}), []int{3},
			map[string]uint64{"fragment": 2, "tcp": 1}, 0},
		{"a fragment twice, IPv6", split6(1, part{0, 64}, part{0, 64}, part{64, 200}), []int{3},
			map[string]uint64{"fragment": 2, "tcp": 1}, 0},
		{"two datagrams", append(split4(1, part{0, 64}), append(split4(2, part{0, 64}, part{64, 200}),
			split4(1, part{64, 200})...)...), []int{3, 4}, map[string]uint64{"fragment": 2, "tcp": 2}, 0},
		{"the id used again", append(split4(1, part{0, 64}, part{64, 200}), split4(1, part{64, 200}, part{0, 64})...),
			[]int{2, 4}, map[string]uint64{"fragment": 2, "tcp": 2}, 0},
		{"another protocol", [][]byte{other, split4(1, part{64, 200})[0]}, nil,
			map[string]uint64{"fragment_incomplete": 2}, 2},
		{"the first is missing", split4(1, part{64, 128}, part{128, 200}), nil,
			map[string]uint64{"fragment_incomplete": 2}, 1},
		{"the last is missing", split4(1, part{0, 64}, part{64, 128}), nil, map[string]uint64{"fragment_incomplete": 2},
			1},
		{"overlap, IPv4: the first stays",
			append(split4(1, part{0, 80}), append([][]byte{changed}, split4(1, part{72, 200})...)...), []int{2},
			map[string]uint64{"fragment": 1, "tcp": 1, "fragment_incomplete": 1}, 1},
		{"overlap on both sides, IPv4", split4(1, part{0, 32}, part{64, 96}, part{24, 200}), []int{3},
			map[string]uint64{"fragment": 2, "tcp": 1}, 0},
		{"overlap, IPv6: nothing stays", split6(1, part{0, 80}, part{72, 200}, part{80, 200}, part{0, 72}), nil,
			map[string]uint64{"fragment_overlap": 4}, 1},
		{"same place, other bytes, IPv6", append(split6(1, part{0, 64}), ip6fragment(6, 1, 0, true, zeros(64))), nil,
			map[string]uint64{"fragment_overlap": 2}, 1},
		{"two ends", append(split4(1, part{128, 200}), ip4fragment(6, 1, 136, false, zeros(50)),
			split4(1, part{0, 128})[0]), nil, map[string]uint64{"fragment_overlap": 3}, 1},
		{"beyond the end", append(split4(1, part{128, 200}), ip4fragment(6, 1, 136, true, zeros(48))), nil,
			map[string]uint64{"fragment_overlap": 2}, 1},
		{"end before what is there", append(split4(1, part{64, 128}), ip4fragment(6, 1, 8, false, zeros(60))), nil,
			map[string]uint64{"fragment_overlap": 2}, 1},
		{"beyond 65535", [][]byte{huge}, nil, map[string]uint64{"malformed_fragment": 1}, 0},
		{"not a multiple of eight", [][]byte{misaligned}, nil, map[string]uint64{"malformed_fragment": 1}, 0},
		{"UDP", [][]byte{ip4fragment(17, 1, 0, true, udpTo(53, zeros(8))), ip4fragment(17, 1, 16, false, zeros(8))},
			nil, map[string]uint64{"fragment": 1, "udp": 1}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(DecoderOptions{})
			var at []int
			for i, data := range tt.packets {
				p := packet(101, data)
				p.Number = uint64(i + 1)
				for _, s := range d.Decode(p, nil) {
					at = append(at, int(s.Packet))
					// as of one that came in one piece
					headers := map[bool]uint16{false: 20 + 32, true: 40 + 32}[s.Key.V6]
					if s.Len != 100 || s.Headers != headers || s.Seq != testSeq || !s.Options.HasTimestamp {
						t.Errorf("segment %+v", s)
					}
				}
			}
			s := d.Stats()
			counts := maps.Clone(s.Decoded)
			maps.Copy(counts, s.Undecoded)
			if fmt.Sprint(at) != fmt.Sprint(tt.at) || !maps.Equal(counts, tt.counts) || s.LostDatagrams != tt.lost {
				t.Errorf("segments at %v, want %v; counted as %v, want %v; %d datagrams lost, want %d", at, tt.at,
					counts, tt.counts, s.LostDatagrams, tt.lost)
			}
			if d.reassembly.captured < 0 || len(d.reassembly.datagrams) != d.reassembly.order.Len() {
				t.Errorf("%d bytes, %d datagrams, %d in order", d.reassembly.captured, len(d.reassembly.datagrams),
					d.reassembly.order.Len())
			}
		})
	}
}

// The bytes of the first fragment stay where IPv4 fragments overlap.
func TestFragmentsFirstWins(t *testing.T) {
	parts := split4(1, part{0, 64}, part{40, 200})
	parts[1][20] ^= 0xff // byte 40 of the payload, which the first has already
	d := NewDecoder(DecoderOptions{})
	d.Decode(packet(101, parts[0]), nil)
	if s := one(t, d, packet(101, parts[1])); s.Checksum != ChecksumGood || d.Stats().CheckedTCPSegments != 1 {
		t.Errorf("the checksum is wrong, or was not checked: %+v", s)
	}
}

// A snaplen does not change a fragmented segment's length. Only its checksum cannot be checked.
func TestFragmentsCut(t *testing.T) {
	d := NewDecoder(DecoderOptions{})
	parts := split4(1, part{64, 200}, part{0, 64})
	d.Decode(cut(101, parts[0], 24), nil)
	if s := one(t, d, cut(101, parts[1], 60)); s.Len != 100 || s.Options.TSVal != 1 ||
		d.Stats().CheckedTCPSegments != 0 {
		t.Errorf("segment %+v", s)
	}
	parts = split4(2, part{0, 64}, part{64, 200})
	d.Decode(cut(101, parts[0], 30), nil)
	if got := d.Decode(packet(101, parts[1]), nil); len(got) != 0 || d.Stats().Undecoded["truncated"] != 1 {
		t.Errorf("half a header became %+v", got)
	}
}

// A tunnel's fragments are reassembled too, and keep their encapsulation.
func TestFragmentsOfTunnel(t *testing.T) {
	inner := udpTo(4789, vxlanHeader(42, eth(0x800, data4)))
	first, last := ip4fragment(17, 1, 0, true, inner[:80]), ip4fragment(17, 1, 80, false, inner[80:])
	vlan := func(id int, p []byte) *capture.Packet { return packet(1, eth(0x8100, tag(id, 0x800, p))) }

	d := NewDecoder(DecoderOptions{})
	d.Decode(vlan(1, first), nil)
	d.Decode(vlan(2, first), nil)
	for id := 1; id <= 2; id++ {
		s := one(t, d, vlan(id, last))
		if want := fmt.Sprintf("vlan %d, vxlan 42", id); describe(s.Encap) != want || s.Len != 18 {
			t.Errorf("encapsulation %q, want %q; %d bytes", describe(s.Encap), want, s.Len)
		}
	}
}

func TestFragmentsAge(t *testing.T) {
	at := func(seconds int64, data []byte) *capture.Packet {
		p := packet(101, data)
		p.Time = 1e18 + seconds*1e9
		return p
	}
	parts := split4(1, part{0, 64}, part{64, 200})
	for _, tt := range []struct {
		name  string
		after int64
		want  int
	}{{"in time", 60, 1}, {"too late", 61, 0}, {"the clock steps back", -1000, 1}} {
		d := NewDecoder(DecoderOptions{})
		d.Decode(at(0, parts[0]), nil)
		if got := d.Decode(at(tt.after, parts[1]), nil); len(got) != tt.want {
			t.Errorf("%s: %d segments, want %d", tt.name, len(got), tt.want)
		}
		if s := d.Stats(); s.Packets != sumOf(s.Decoded)+sumOf(s.Undecoded) {
			t.Errorf("%s: %v", tt.name, s)
		}
	}
	d := NewDecoder(DecoderOptions{})
	for _, part := range parts {
		p := packet(101, part)
		p.Time = capture.NoTime
		d.Decode(p, nil)
	}
	if d.Stats().Reassembled != 1 {
		t.Error("packets without a time are not reassembled")
	}
}

// Decoders beside each other share the fragments. One of them waits for its turn before it looks at a fragment, and
// only then.
func TestFragmentsBeside(t *testing.T) {
	d := NewDecoder(DecoderOptions{})
	parts := split4(1, part{0, 64}, part{64, 200})
	turns := 0
	first := d.Beside(func() {})
	second := d.Beside(func() {
		turns++
		if len(first.Decode(packet(101, parts[0]), nil)) > 0 {
			t.Error("the first fragment completes the datagram")
		}
	})
	second.Decode(packet(101, ip4(17, udpTo(53, zeros(8)))), nil)
	if turns > 0 {
		t.Error("a packet that is no fragment waits")
	}
	if list := second.Decode(packet(101, parts[1]), nil); turns != 1 || len(list) != 1 || list[0].Len != 100 {
		t.Errorf("%d turns, segments %+v", turns, list)
	}
	s := d.Stats()
	if s.Packets != 3 || s.Segments != 1 || s.Reassembled != 1 || s.LostDatagrams != 0 ||
		!maps.Equal(s.Decoded, map[string]uint64{"udp": 1, "fragment": 1, "tcp": 1}) || len(s.Undecoded) > 0 {
		t.Errorf("%+v", s)
	}
}

func TestFragmentsBounded(t *testing.T) {
	d := NewDecoder(DecoderOptions{})
	segments := 0
	decode := func(data []byte) { segments += len(d.Decode(packet(101, data), nil)) }
	check := func(what string) {
		t.Helper()
		r := d.reassembly
		if len(r.datagrams) > maxDatagrams || r.captured > maxFragmentBytes || r.order.Len() != len(r.datagrams) {
			t.Fatalf("%s: %d datagrams, %d bytes, %d in order", what, len(r.datagrams), r.captured, r.order.Len())
		}
		if s := d.Stats(); s.Packets != sumOf(s.Decoded)+sumOf(s.Undecoded) {
			t.Fatalf("%s: %d packets counted as %v, %v", what, s.Packets, s.Decoded, s.Undecoded)
		}
	}
	for id := range 3 * maxDatagrams {
		decode(split4(id, part{0, 64})[0])
		check("many datagrams")
	}
	decode(split4(3*maxDatagrams-1, part{64, 200})[0]) // the youngest is still there
	decode(split4(0, part{64, 200})[0])                // the oldest is not
	if segments != 1 {
		t.Errorf("%d segments, want that of the youngest", segments)
	}
	for id := range 400 {
		decode(ip4fragment(6, id, 32000, true, zeros(32000)))
		check("large datagrams")
	}
	for i := range 2 * maxFragments {
		decode(ip4fragment(6, 60000, 16*i, true, zeros(8)))
		check("many fragments")
	}
	if s := d.Stats(); s.Undecoded["fragment_incomplete"] < 2*maxDatagrams || s.LostDatagrams < 2*maxDatagrams {
		t.Errorf("%v, %d lost", s.Undecoded, s.LostDatagrams)
	}
}

// A decoder that gets the fragments that another one holds continues its work, wherever the capture is cut. It
// completes the same datagrams, and the sum of both counts is the same.
func TestFragmentsAcrossDecoders(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var packets []capture.Packet
		for i := range 60 {
			from := 8 * random.IntN(17)
			split := split4
			if random.IntN(2) == 0 {
				split = split6
			}
			p := packet(101, split(random.IntN(6), part{from, from + 8*(1+random.IntN(12))})[0])
			p.Number, p.Time = uint64(i+1), 1e18+int64(i)*3e9
			packets = append(packets, *p)
		}
		whole := NewDecoder(DecoderOptions{})
		var want, got []uint64
		for i := range packets {
			for _, s := range whole.Decode(&packets[i], nil) {
				want = append(want, s.Packet)
			}
		}
		sum := map[string]uint64{}
		held := map[uint64]*capture.Packet{}
		for begin := 0; begin < len(packets); {
			d := NewDecoder(DecoderOptions{})
			for _, n := range slices.Sorted(maps.Keys(held)) {
				d.Decode(held[n], nil)
			}
			before := d.Stats()
			end := min(begin+1+random.IntN(20), len(packets))
			for i := begin; i < end; i++ {
				for _, s := range d.Decode(&packets[i], nil) {
					got = append(got, s.Packet)
				}
				if d.Held() {
					held[packets[i].Number] = &packets[i]
				}
			}
			waiting := d.Waiting()
			maps.DeleteFunc(held, func(n uint64, _ *capture.Packet) bool { return !slices.Contains(waiting, n) })
			after := d.Stats()
			for _, counts := range []map[string]uint64{after.Decoded, after.Undecoded} {
				for word, n := range counts {
					sum[word] += n
				}
			}
			for _, counts := range []map[string]uint64{before.Decoded, before.Undecoded} {
				for word, n := range counts {
					sum[word] -= n
				}
			}
			begin = end
		}
		maps.DeleteFunc(sum, func(_ string, n uint64) bool { return n == 0 })
		all := whole.Stats()
		counts := maps.Clone(all.Decoded)
		maps.Copy(counts, all.Undecoded)
		if !slices.Equal(got, want) || !maps.Equal(sum, counts) {
			t.Fatalf("seed %d: in pieces %v, %v; whole %v, %v", seed, got, sum, want, counts)
		}
	}
}

func sumOf(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
