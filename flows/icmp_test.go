package flows

import (
	"maps"
	"net/netip"
	"testing"
)

func TestQuote(t *testing.T) {
	icmp4 := func(typ, code byte, quoted []byte) []byte {
		return ip4(1, cat([]byte{typ, code, 0, 0}, zeros(4), quoted))
	}
	icmp6 := func(typ, code byte, quoted []byte) []byte {
		return ip6(58, cat([]byte{typ, code, 0, 0}, zeros(4), quoted))
	}
	tooBig4 := ip4(1, cat([]byte{3, 4, 0, 0, 0, 0}, be16(1400), data4))
	tooBig6 := ip6(58, cat([]byte{2, 0, 0, 0}, be32(1<<20), data6))
	later := ip4fragment(6, 1, 8, true, zeros(24))
	later6 := ip6fragment(6, 1, 8, true, zeros(24))
	for _, tt := range []struct {
		name  string
		data  []byte
		want  *Quote // but for From; nil if nothing is handed on
		count string
	}{
		{"unreachable", icmp4(3, 1, syn4[:28]), &Quote{Type: 3, Code: 1, HasSeq: true}, "icmp"},
		{"the whole packet", icmp4(3, 3, data4), &Quote{Type: 3, Code: 3, HasSeq: true}, "icmp"},
		{"too big for the next link", tooBig4, &Quote{Type: 3, Code: 4, HasSeq: true, MTU: 1400}, "icmp"},
		{"too big, from a router that names no MTU", icmp4(3, 4, data4), &Quote{Type: 3, Code: 4, HasSeq: true},
			"icmp"},
		{"source quench", icmp4(4, 0, syn4[:28]), &Quote{Type: 4, HasSeq: true}, "icmp"},
		{"redirect", icmp4(5, 1, syn4[:28]), &Quote{Type: 5, Code: 1, HasSeq: true}, "icmp"},
		{"time exceeded", icmp4(11, 0, syn4[:28]), &Quote{Type: 11, HasSeq: true}, "icmp"},
		{"parameter problem", icmp4(12, 0, syn4[:28]), &Quote{Type: 12, HasSeq: true}, "icmp"},
		{"IPv4 options quoted", icmp4(3, 1, ip4with(6, []byte{1, 1, 1, 1}, syn4[20:28])),
			&Quote{Type: 3, Code: 1, HasSeq: true}, "icmp"},
		{"ports only", icmp4(3, 1, syn4[:24]), &Quote{Type: 3, Code: 1}, "icmp"},
		{"no ports", icmp4(3, 1, syn4[:23]), nil, "icmp"},
		{"nothing", icmp4(3, 1, nil), nil, "icmp"},
		{"UDP", icmp4(3, 3, ip4(17, udpTo(53, nil))), nil, "icmp"},
		{"a later fragment", icmp4(11, 1, later), nil, "icmp"},
		{"not IP", icmp4(3, 1, zeros(40)), nil, "icmp"},
		{"no error", icmp4(8, 0, syn4), nil, "icmp"},

		{"IPv6 unreachable", icmp6(1, 4, syn6), &Quote{V6: true, Type: 1, Code: 4, HasSeq: true}, "icmpv6"},
		{"too big", icmp6(2, 0, data6), &Quote{V6: true, Type: 2, HasSeq: true}, "icmpv6"},
		{"too big for the next link in IPv6", tooBig6, &Quote{V6: true, Type: 2, HasSeq: true, MTU: 1 << 20}, "icmpv6"},
		{"IPv6 time exceeded", icmp6(3, 0, syn6), &Quote{V6: true, Type: 3, HasSeq: true}, "icmpv6"},
		{"IPv6 parameter problem", icmp6(4, 1, ip6(0, extension(60, zeros(6), extension(6, zeros(14), syn6[40:])))),
			&Quote{V6: true, Type: 4, Code: 1, HasSeq: true}, "icmpv6"},
		{"IPv6 first fragment", icmp6(1, 0, ip6fragment(6, 1, 0, true, syn6[40:48])),
			&Quote{V6: true, Type: 1, HasSeq: true}, "icmpv6"},
		{"IPv6 later fragment", icmp6(1, 0, later6), nil, "icmpv6"},
		{"IPv6 options cut", icmp6(1, 0, ip6(60, cat([]byte{6, 9}, zeros(8)))), nil, "icmpv6"},
		{"IPv6 no error", icmp6(129, 0, syn6), nil, "icmpv6"},
		{"IPv4 in ICMPv6", icmp6(1, 0, syn4), nil, "icmpv6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(DecoderOptions{})
			got := d.Decode(packet(101, tt.data), nil)
			if s := d.Stats(); !maps.Equal(s.Decoded, map[string]uint64{tt.count: 1}) || s.Segments != 0 ||
				s.Quotes != uint64(len(got)) {
				t.Errorf("counted as %+v", s)
			}
			if tt.want == nil {
				if len(got) != 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Quote == nil {
				t.Fatalf("got %+v, want a quote", got)
			}
			s, q := got[0], *got[0].Quote
			from := netip.AddrFrom4(client4)
			if tt.want.V6 {
				from = netip.AddrFrom16(client6)
			}
			if q.From != from {
				t.Errorf("reported by %v, want %v", q.From, from)
			}
			q.From = netip.Addr{}
			if q != *tt.want {
				t.Errorf("quote %+v, want %+v", q, *tt.want)
			}
			if s.FromB || s.Key.APort != 40000 || s.Key.BPort != 80 || s.Key.V6 != q.V6 {
				t.Errorf("key %+v", s.Key)
			}
			if q.HasSeq != (s.Seq == testSeq) {
				t.Errorf("sequence number %x", s.Seq)
			}
		})
	}
}

// The direction of a quoted segment is that of the segment, not of the error.
func TestQuoteDirection(t *testing.T) {
	back := cat(syn4)
	copy(back[12:], server4[:])
	copy(back[16:], client4[:])
	copy(back[20:], cat(be16(80), be16(40000)))
	p := eth(0x8100, tag(9, 0x800, ip4(1, cat([]byte{3, 1, 0, 0}, zeros(4), back))))
	s := one(t, NewDecoder(DecoderOptions{KeyIDs: []string{"vlan"}}), packet(1, p))
	if !s.FromB || s.Key.APort != 40000 || s.Key.Domain == 0 || describe(s.Encap) != "vlan 9" {
		t.Errorf("%+v", s)
	}
}
