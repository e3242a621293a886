package capture

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestPcapng(t *testing.T) {
	const usec = 1000
	tests := []struct {
		name string
		file *builder
		want []given
	}{
		{"microseconds are the default",
			le().section().netif(1, 65535).enhanced(0, 10_000_001, "abc", 60),
			[]given{{1, 10*second + usec, "abc", 60, 1}}},
		{"big-endian",
			be().section().netif(276, 65535).enhanced(0, 10_000_001, "abcd", 60),
			[]given{{1, 10*second + usec, "abcd", 60, 276}}},
		{"sections of either byte order, each with its own interfaces",
			le().section().netif(1, 0).enhanced(0, 1_000_000, "a", 1).
				raw(string(be().section().netif(101, 0).enhanced(0, 2_000_000, "b", 1).bytes)).
				section().netif(113, 0).enhanced(0, 3_000_000, "c", 1),
			[]given{{1, 1 * second, "a", 1, 1}, {2, 2 * second, "b", 1, 101}, {3, 3 * second, "c", 1, 113}}},
		{"interfaces of different link types, snaplens and resolutions",
			le().section().netif(1, 96).netif(228, 0, option{9, "\x09"}).
				enhanced(1, 10_000_000_001, "b", 1).enhanced(0, 10_000_001, "a", 1),
			[]given{{1, 10*second + 1, "b", 1, 228}, {2, 10*second + usec, "a", 1, 1}}},
		{"an interface may come after packets",
			le().section().netif(1, 0).enhanced(0, 1_000_000, "a", 1).netif(101, 0).enhanced(1, 2_000_000, "b", 1),
			[]given{{1, 1 * second, "a", 1, 1}, {2, 2 * second, "b", 1, 101}}},
		{"if_tsoffset",
			le().section().netif(1, 0, option{14, le().u64(1000)}).enhanced(0, 500_000, "a", 1),
			[]given{{1, 1000*second + second/2, "a", 1, 1}}},
		{"before 1970",
			le().section().netif(1, 0, option{14, le().u64(math.MaxUint64)}).enhanced(0, 500_000, "a", 1),
			[]given{{1, -second / 2, "a", 1, 1}}},
		{"resolution 2^-30",
			le().section().netif(1, 0, option{9, "\x9e"}).enhanced(0, 10<<30|1<<29, "a", 1),
			[]given{{1, 10*second + second/2, "a", 1, 1}}},
		{"resolution 10^0",
			le().section().netif(1, 0, option{9, "\x00"}).enhanced(0, 1_700_000_000, "a", 1),
			[]given{{1, 1_700_000_000 * second, "a", 1, 1}}},
		{"resolution 10^-12",
			le().section().netif(1, 0, option{9, "\x0c"}).enhanced(0, 1_700_000_000_999, "a", 1),
			[]given{{1, 1_700_000_000, "a", 1, 1}}},
		{"comments and other options before the resolution",
			le().section().netif(1, 0, option{1, "a comment"}, option{2, "eth0"}, option{9, "\x09"}).enhanced(0, 7, "a",
				1),
			[]given{{1, 7, "a", 1, 1}}},
		{"an option after the end of the options does not count",
			le().section().block(blockInterface, le().u16(1, 0).u32(0).u32(0).u16(9, 1).raw("\x09\x00\x00\x00")).
				enhanced(0, 7, "a", 1),
			[]given{{1, 7 * usec, "a", 1, 1}}},
		{"packets have options",
			le().section().netif(1, 0).enhanced(0, 7, "abcde", 9, option{2, "\x01\x00\x00\x00"}).enhanced(0, 8, "b", 1),
			[]given{{1, 7 * usec, "abcde", 9, 1}, {2, 8 * usec, "b", 1, 1}}},
		{"a simple packet has no time",
			le().section().netif(1, 4).enhanced(0, 7, "a", 1).
				block(blockSimple, le().u32(9).raw("abcd")).
				block(blockSimple, le().u32(3).raw("abc")),
			[]given{{1, 7 * usec, "a", 1, 1}, {2, 7 * usec, "abcd", 9, 1}, {3, 7 * usec, "abc", 3, 1}}},
		{"nor has the first",
			le().section().netif(1, 0).block(blockSimple, le().u32(9).raw("abcdefghi")),
			[]given{{1, 0, "abcdefghi", 9, 1}}},
		{"a time beyond year 2262 is none",
			le().section().netif(1, 0).enhanced(0, 7, "a", 1).enhanced(0, math.MaxUint64, "b", 1),
			[]given{{1, 7 * usec, "a", 1, 1}, {2, 7 * usec, "b", 1, 1}}},
		{"the obsolete packet block",
			be().section().netif(1, 0).netif(101, 0).
				block(blockPacket, be().u16(1, 0xffff).u32(0, 7, 3, 60).raw("abc")).enhanced(0, 8, "b", 1),
			[]given{{1, 7 * usec, "abc", 60, 101}, {2, 8 * usec, "b", 1, 1}}},
		{"blocks of other types are skipped",
			le().section().
				block(4, le().raw("names")).block(10, le().raw(strings.Repeat("secrets", 300_000))).
				netif(1, 0).block(0xbad, le().u32(1)).block(0x80000001, le().raw("private")).
				enhanced(0, 7, "a", 1).block(9, le().raw("journal")).enhanced(0, 8, "b", 1),
			[]given{{1, 7 * usec, "a", 1, 1}, {2, 8 * usec, "b", 1, 1}}},
		{"more captured than there was",
			le().section().netif(1, 2).enhanced(0, 7, "abcdef", 4),
			[]given{{1, 7 * usec, "abcdef", 6, 1}}},
		{"a length without its padding",
			le().section().netif(1, 0).u32(blockEnhanced, 33, 0, 0, 7, 1, 1).raw("a\x00\x00\x00").u32(33).enhanced(0, 8,
				"b", 1),
			[]given{{1, 7 * usec, "a", 1, 1}, {2, 8 * usec, "b", 1, 1}}},
		{"a packet that is larger than the buffer",
			le().section().netif(1, 0).enhanced(0, 7, strings.Repeat("x", MaxPacket), 3<<20).enhanced(0, 8, "b", 1),
			[]given{{1, 7 * usec, strings.Repeat("x", MaxPacket), 3 << 20, 1}, {2, 8 * usec, "b", 1, 1}}},
		{"a section with nothing in it", le().section(), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, stats := read(t, test.file.bytes)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %.200v\nwant %.200v", got, test.want)
			}
			if len(stats.Damage) != 0 {
				t.Errorf("damage %+v", stats.Damage)
			}
		})
	}
}

func TestPcapngDamage(t *testing.T) {
	begin := func() *builder { return le().section().netif(1, 0).enhanced(0, 7, "abcd", 60) } // 28 + 20 + 36 = 84 bytes
	tests := []struct {
		name     string
		file     *builder
		offset   int64
		expected string
	}{
		{"cut in a block header", begin().u32(6), 84, "a block of 12 bytes or more, the file ends after 4 bytes of it"},
		{"cut behind a byte", begin().raw("x"), 84, "a block of 12 bytes or more, the file ends after 1 byte of it"},
		{"cut in a packet", begin().u32(6, 40, 0, 0), 84, "a block of 40 bytes, the file ends after 16 bytes of it"},
		{"cut in a block to skip", begin().u32(0xbad, 400, 0, 0), 84,
			"a block of 400 bytes, the file ends after 16 bytes of it"},
		{"cut in the last length of a block to skip", begin().u32(0xbad, 16).raw("abcdef"), 84,
			"a block of 16 bytes, the file ends after 14 bytes of it"},
		{"a block of 0 bytes", begin().u32(6, 0, 0, 0), 84, "a block of 12 to 1310720 bytes, found a length of 0"},
		{"an absurdly long block", begin().u32(6, 1<<31, 0, 0), 84,
			"a block of 12 to 1310720 bytes, found a length of 2147483648"},
		{"an absurdly long block without a packet", begin().u32(5, 1<<31, 0, 0), 84,
			"a block of 12 to 16777216 bytes, found a length of 2147483648"},
		{"a packet that is too long", begin().enhanced(0, 7, strings.Repeat("x", MaxPacket+1), MaxPacket+1), 84,
			"a packet of at most 262144 bytes, found one of 262145"},
		{"a simple packet that is too long", begin().block(blockSimple,
			le().u32(MaxPacket+1).raw(strings.Repeat("x", MaxPacket+1))), 84,
			"a packet of at most 262144 bytes, found one of 262145"},
		{"lengths that differ", begin().u32(0xbad, 16, 0, 20), 84, "a block whose two lengths agree, found 16 and 20"},
		{"a packet longer than its block", begin().block(6, le().u32(0, 0, 0, 5, 5).raw("abcd")), 84,
			"a block long enough for its packet of 5 bytes, found room for 4"},
		{"a packet of an unknown interface", begin().enhanced(1, 0, "", 0), 84,
			"a block of one of the 1 interfaces described before, found interface 1"},
		{"interfaces end with their section", begin().section().enhanced(0, 0, "", 0), 112,
			"a block of one of the 0 interfaces described before, found interface 0"},
		{"a simple packet without interfaces", begin().section().block(blockSimple, le().u32(0)), 112,
			"a block of one of the 0 interfaces described before, found interface 0"},
		{"statistics of an unknown interface", begin().statistics(7), 84,
			"a block of one of the 1 interfaces described before, found interface 7"},
		{"an absurd decimal resolution", begin().netif(1, 0, option{9, "\x40"}), 84,
			"an if_tsresol of at most 10^-19 or 2^-63 s, found 0x40"},
		{"an absurd binary resolution", begin().netif(1, 0, option{9, "\xff"}), 84,
			"an if_tsresol of at most 10^-19 or 2^-63 s, found 0xff"},
		{"a short section header", begin().block(blockSection, le().u32(byteOrderMagic)), 84,
			"a section header of 28 bytes or more, found 16"},
		{"no byte-order magic", begin().block(blockSection, le().u32(1, 2, 3, 4)), 92,
			"a byte-order magic, found 01 00 00 00"},
		{"a section of a later version", begin().block(blockSection, le().u32(byteOrderMagic).u16(2, 0).u32(0, 0)), 84,
			"a section of pcapng version 1, found 2.0"},
		{"a short interface description", begin().block(blockInterface, le().u32(1)), 84,
			"an interface description of 20 bytes or more, found 16"},
		{"a short enhanced packet", begin().block(blockEnhanced, le().u32(0, 0, 0, 0)), 84,
			"an enhanced packet block of 32 bytes or more, found 28"},
		{"a short packet", begin().block(blockPacket, le()), 84, "a packet block of 32 bytes or more, found 12"},
		{"a short simple packet", begin().block(blockSimple, le()), 84,
			"a simple packet block of 16 bytes or more, found 12"},
		{"short statistics", begin().block(blockStatistics, le()), 84,
			"interface statistics of 24 bytes or more, found 12"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, stats := read(t, test.file.bytes)
			if want := []given{{1, 7000, "abcd", 60, 1}}; !reflect.DeepEqual(got, want) {
				t.Errorf("before the damage: got %v, want %v", got, want)
			}
			wantDamage(t, stats, test.offset, test.expected)
		})
	}
}

func TestPcapngInterfacesAreBounded(t *testing.T) {
	b := le().section()
	for range maxInterfaces + 1 {
		b.netif(1, 0)
	}
	_, stats := read(t, b.bytes)
	wantDamage(t, stats, 28+20*maxInterfaces, "at most 65536 interfaces in a section, found more")
}

func TestPcapngDrops(t *testing.T) {
	b := le()
	counts := func(received, ifdrop, osdrop uint64) []option {
		return []option{{4, b.u64(received)}, {5, b.u64(ifdrop)}, {7, b.u64(osdrop)}}
	}
	b.section().netif(1, 0).netif(1, 0).netif(1, 0).
		enhanced(0, 1, "a", 1, option{4, b.u64(1000)}).         // not counted, for interface 0 has statistics
		statistics(0, counts(10, 1, 100)...).                   // not counted, for later ones follow
		enhanced(1, 2, "a", 1, option{4, b.u64(3)}).            // interface 1 has no statistics
		block(blockPacket, b.body().u16(1, 4).u32(0, 3, 0, 0)). // nor for this one
		block(blockPacket, b.body().u16(1, 0xffff).u32(0, 3, 0, 0)).
		statistics(0, counts(20, 2, 200)...).
		statistics(2, counts(5, 0, 0)...)
	b.section().netif(1, 0).statistics(0, counts(7, 7, 7)...)
	_, stats := read(t, b.bytes)
	if want := (Drops{Received: 32, Interface: 9, Kernel: 214}); stats.Drops != want {
		t.Errorf("got %+v, want %+v", stats.Drops, want)
	}
}

func TestPcapngRefused(t *testing.T) {
	tests := []struct {
		name string
		file *builder
		want string
	}{
		{"line feeds only", le().raw("\n\r\r\n"),
			"at byte 0 expected a block of 12 bytes or more, the file ends after 4 bytes of it"},
		{"text", le().raw("\n\r\r\nhello, world"), `at byte 8 expected a byte-order magic, found 6f 2c 20 77`},
		{"a later version", le().block(blockSection, le().u32(byteOrderMagic).u16(2, 0).u32(0, 0)),
			"at byte 0 expected a section of pcapng version 1, found 2.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file.bytes)
			_, err := Open(path, Options{})
			if want := `open capture "` + path[0] + `": not a readable pcapng file: ` + test.want; err == nil ||
				err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}
