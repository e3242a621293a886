package flows

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// FuzzDecode holds Decode to what must be true of any bytes. The packet comes three times: fragments and what the decoder
// remembers must not change the answer but in completing datagrams.
func FuzzDecode(f *testing.F) {
	for _, s := range stacks {
		f.Add(uint16(s.link), s.data, uint16(0))
		f.Add(uint16(s.link), s.data[:len(s.data)-3], uint16(3))
	}
	for _, p := range split6(1, part{0, 64}, part{64, 200}) {
		f.Add(uint16(229), p, uint16(0))
	}
	f.Add(uint16(101), split4(1, part{0, 64})[0], uint16(0))
	f.Add(uint16(101), ip4(1, cat([]byte{3, 1, 0, 0}, zeros(4), syn4)), uint16(0))
	f.Add(uint16(101), ip6(58, cat([]byte{1, 1, 0, 0}, zeros(4), syn6)), uint16(0))
	f.Fuzz(func(t *testing.T, link uint16, data []byte, missing uint16) {
		p := packet(capture.LinkType(link), data)
		p.Length += int(missing)
		before := cat(data)
		d, drop := NewDecoder(DecoderOptions{}), NewDecoder(DecoderOptions{DropBadChecksums: true, KeyIDs: []string{"vlan", "vni", "gre"}})
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
		if s := d.Stats(); s.Segments+s.Quotes != uint64(3*len(answers[0])) || s.BadTCPChecksums+s.UnfinishedTCPChecksums > s.CheckedTCPSegments {
			t.Fatalf("%+v", s)
		}
	})
}

// FuzzShortcut holds the shortcut to the long way, and to gopacket's own answer.
func FuzzShortcut(f *testing.F) {
	for _, s := range stacks {
		f.Add(uint16(s.link), s.data, uint16(0))
		f.Add(uint16(s.link), s.data[:len(s.data)-3], uint16(3))
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
			t.Fatalf("link type %d, %d bytes of %d, %x:\n%+v\n%+v\n%+v\n%+v", p.Link, len(p.Data), p.Length, p.Data, got, want, short.Stats(), long.Stats())
		}
		probe := NewDecoder(options)
		probe.packet = p
		taken = probe.shortcut(p)
	}
	return taken
}

// check holds a segment to what must be true of any.
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
