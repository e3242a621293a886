package flows

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// FuzzDecode checks what must be true of any bytes. The packet comes three times. The decoder's memory must not change
// the result, except that fragments complete datagrams.
func FuzzDecode(f *testing.F) {
	for _, s := range stacks {
		f.Add(uint16(s.link), s.data, uint16(0))
		f.Add(uint16(s.link), s.data[:len(s.data)-3], uint16(3))
	}
	for _, p := range split6(1, part{0, 64}, part{64, 200}) {
		f.Add(uint16(229), p, uint16(0))
	}
	for _, p := range captured(f) {
		f.Add(uint16(p.Link), p.Data, uint16(p.Length-len(p.Data)))
	}
	for _, p := range damaged() {
		f.Add(uint16(p.Link), p.Data, uint16(p.Length-len(p.Data)))
	}
	f.Add(uint16(101), split4(1, part{0, 64})[0], uint16(0))
	f.Add(uint16(101), ip4(1, cat([]byte{3, 1, 0, 0}, zeros(4), syn4)), uint16(0))
	f.Add(uint16(101), ip6(58, cat([]byte{1, 1, 0, 0}, zeros(4), syn6)), uint16(0))
	f.Fuzz(func(t *testing.T, link uint16, data []byte, missing uint16) {
		p := packet(capture.LinkType(link), data)
		p.Length += int(missing)
		before := cat(data)
		d := NewDecoder(DecoderOptions{})
		drop := NewDecoder(DecoderOptions{DropBadChecksums: true, KeyIDs: []string{"vlan", "vni", "gre"}})
		var answers [3][]Segment
		for i := range answers {
			answers[i] = d.Decode(p, nil)
			kept := drop.Decode(p, nil)
			if len(kept) > len(answers[i]) {
				t.Fatal("dropping bad checksums adds segments")
			}
		}
		if !reflect.DeepEqual(before, cat(data)) {
			t.Fatal("the packet was changed")
		}
		if !reflect.DeepEqual(answers[0], answers[1]) || !reflect.DeepEqual(answers[1], answers[2]) {
			t.Fatalf("the same packet gives\n%+v\n%+v\n%+v", answers[0], answers[1], answers[2])
		}
		for _, s := range answers[0] {
			check(t, &s, p)
		}
		for _, s := range []Stats{d.Stats(), drop.Stats()} {
			if s.Packets != 3 || sumOf(s.Decoded)+sumOf(s.Undecoded) != 3 {
				t.Fatalf("3 packets are counted as %d: %v %v", s.Packets, s.Decoded, s.Undecoded)
			}
		}
		s := d.Stats()
		if s.Segments+s.Quotes != uint64(3*len(answers[0])) ||
			s.BadTCPChecksums+s.UnfinishedTCPChecksums > s.CheckedTCPSegments {
			t.Fatalf("%+v", s)
		}
	})
}

// captured returns packets of the project's captures whose first headers differ from all before.
func captured(f *testing.F) (packets []capture.Packet) {
	paths, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(paths) == 0 {
		f.Fatal("no captures: ", err)
	}
	known := map[string]bool{}
	for _, path := range paths {
		r, err := capture.Open([]string{path}, capture.Options{})
		if err != nil {
			f.Fatal(err)
		}
		for {
			p, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				f.Fatal(err)
			}
			const types = 24 // bytes that identify what follows, without those that differ in every packet
			like := fmt.Sprint(p.Link, len(p.Data)/64)
			if len(p.Data) > types {
				like += string(p.Data[12:16]) + string(p.Data[20:types])
			}
			if !known[like] && len(packets) < 400 {
				known[like] = true
				packets = append(packets, capture.Packet{Data: cat(p.Data), Length: p.Length, Link: p.Link})
			}
		}
		r.Close()
	}
	return packets
}

// damaged returns packets of every kind that end within their headers, or have a changed byte there.
func damaged() (packets []capture.Packet) {
	for _, s := range stacks {
		for to := 0; to < len(s.data); to += 3 {
			p := capture.Packet{Link: s.link, Data: s.data[:to], Length: to}
			if to%2 == 0 {
				p.Length = len(s.data)
			}
			packets = append(packets, p)
		}
		for i := range min(len(s.data), 60) { // another type or length
			p := capture.Packet{Link: s.link, Data: cat(s.data), Length: len(s.data)}
			p.Data[i] ^= [...]byte{0xff, 0x01, 0x10, 17 ^ 6, 1 ^ 6, 0x80}[i%6]
			packets = append(packets, p)
		}
	}
	return packets
}

// FuzzFragments decodes packets in pieces: cut at any places, in any order, some twice, some never. Every packet is
// counted once, a datagram is returned at most once for each copy of its first piece, and it is the one that was cut.
func FuzzFragments(f *testing.F) {
	for _, v6 := range []bool{false, true} {
		f.Add([]byte{0, 64, 8, 72}, uint16(3), v6)                                // in order
		f.Add([]byte{8, 72, 4, 32, 0, 32}, uint16(3), v6)                         // the last first
		f.Add([]byte{0, 64, 0, 64, 4, 64, 8, 72, 8, 72}, uint16(0), v6)           // over each other
		f.Add([]byte{0x40, 64, 0x88, 72, 0, 64, 0x48, 72, 8, 72}, uint16(7), v6)  // three, mixed
		f.Add([]byte{0, 8, 1, 8, 2, 8, 3, 8, 16, 8, 15, 8, 14, 8}, uint16(1), v6) // never whole
	}
	f.Fuzz(func(t *testing.T, order []byte, id uint16, v6 bool) {
		const size = 132 // of what split4 and split6 cut
		d := NewDecoder(DecoderOptions{})
		packets, first, handed := uint64(0), 0, 0
		for ; len(order) >= 2; order = order[2:] {
			from := int(order[0]&0x1f) * 8
			p := part{from, min(size, from+max(8, int(order[1])&^7))}
			if p.from >= p.to {
				continue
			}
			n := int(id) + int(order[0]>>6) // up to four datagrams at once
			var data []byte
			if v6 {
				data = split6(n, p)[0]
			} else {
				data = split4(n, p)[0]
			}
			packets++
			if p.from == 0 {
				first++
			}
			link := uint16(228)
			if v6 {
				link = 229
			}
			segments := d.Decode(packet(capture.LinkType(link), data), nil)
			handed += len(segments)
			for _, s := range segments {
				if s.Key.APort == 0 && s.Key.BPort == 0 {
					t.Errorf("%+v", s)
				}
			}
		}
		stats := d.Stats()
		if handed > first || stats.Packets != packets || sumOf(stats.Decoded)+sumOf(stats.Undecoded) != packets {
			t.Errorf("%d segments of %d first pieces; %d packets are counted as %+v", handed, first, packets, stats)
		}
	})
}

// FuzzShortcut compares the shortcut with the long way, and with gopacket.
func FuzzShortcut(f *testing.F) {
	for _, s := range stacks {
		f.Add(uint16(s.link), s.data, uint16(0))
		f.Add(uint16(s.link), s.data[:len(s.data)-3], uint16(3))
	}
	for _, p := range captured(f) {
		f.Add(uint16(p.Link), p.Data, uint16(p.Length-len(p.Data)))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, missing uint16) {
		p := packet(capture.LinkType(link), data)
		p.Length += int(missing)
		if shortcutIsRight(t, p) && missing == 0 {
			compare(t, NewDecoder(DecoderOptions{}), p)
		}
	})
}

// shortcutIsRight compares both ways for one packet, and reports whether the shortcut was taken.
func shortcutIsRight(t *testing.T, p *capture.Packet) (taken bool) {
	t.Helper()
	for _, options := range []DecoderOptions{{}, {DropBadChecksums: true, KeyIDs: []string{"vlan"}}} {
		short, long := NewDecoder(options), NewDecoder(options)
		got, want := short.decode(p, nil, true), long.decode(p, nil, false)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(short.Stats(), long.Stats()) {
			t.Fatalf("link type %d, %d bytes of %d, %x:\n%+v\n%+v\n%+v\n%+v", p.Link, len(p.Data), p.Length, p.Data,
				got, want, short.Stats(), long.Stats())
		}
		probe := NewDecoder(options)
		probe.packet = p
		taken = probe.shortcut(p)
	}
	return taken
}

// check checks what must be true of any segment.
func check(t *testing.T, s *Segment, p *capture.Packet) {
	t.Helper()
	switch {
	case s.Packet != p.Number || s.Time != p.Time:
		t.Fatalf("packet %d at %d", s.Packet, s.Time)
	case bytes.Compare(s.Key.A[:], s.Key.B[:]) > 0 || s.Key.A == s.Key.B && s.Key.APort > s.Key.BPort:
		t.Fatalf("the key is not in order: %+v", s.Key)
	case s.FromB && s.Key.A == s.Key.B && s.Key.APort == s.Key.BPort:
		t.Fatal("a connection to itself has a segment from B")
	case !s.Key.V6 && !(s.Key.A.netip(true).Is4In6() && s.Key.B.netip(true).Is4In6()):
		t.Fatalf("an IPv4 address is not mapped: %+v", s.Key)
	case !s.Key.V6 && int(s.Len) > max(65535, p.Length):
		t.Fatalf("%d bytes of payload in IPv4", s.Len)
	case s.Flags >= AE<<1 || s.Options.WScale > 14:
		t.Fatalf("flags %x, window scale %d", s.Flags, s.Options.WScale)
	case s.Encap != nil && (len(s.Encap.Layers) == 0 || len(s.Encap.Layers) > maxLayers):
		t.Fatalf("encapsulation of %d layers", len(s.Encap.Layers))
	}
}
