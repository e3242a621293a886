package capture

import (
	"reflect"
	"strings"
	"testing"
)

const second = 1_000_000_000

func TestPcap(t *testing.T) {
	const usec, nsec, kuznetzov = 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34
	tests := []struct {
		name string
		file *builder
		want []given
	}{
		{"little-endian, microseconds",
			le().pcap(usec, 1).record(10, 999_999, "abc", 60).record(11, 0, "", 0),
			[]given{{1, 10*second + 999_999_000, "abc", 60, 1}, {2, 11 * second, "", 0, 1}}},
		{"big-endian, microseconds",
			be().pcap(usec, 113).record(10, 7, "abcd", 4),
			[]given{{1, 10*second + 7000, "abcd", 4, 113}}},
		{"little-endian, nanoseconds",
			le().pcap(nsec, 276).record(10, 999_999_999, "abc", 60),
			[]given{{1, 10*second + 999_999_999, "abc", 60, 276}}},
		{"big-endian, nanoseconds",
			be().pcap(nsec, 101).record(10, 1, "abc", 60),
			[]given{{1, 10*second + 1, "abc", 60, 101}}},
		{"Kuznetzov's records are longer",
			le().pcap(kuznetzov, 1).
				u32(10, 1, 3, 60, 2).u16(0x800).raw("\x00\x00").raw("abc").
				u32(11, 1, 2, 60, 2).u16(0x800).raw("\x00\x00").raw("de"),
			[]given{{1, 10*second + 1000, "abc", 60, 1}, {2, 11*second + 1000, "de", 60, 1}}},
		{"Ixia's file header is longer (hardware)",
			be().pcap(0x1c0001ac, 1).u32(19).record(10, 1, "abc", 3),
			[]given{{1, 10*second + 1000, "abc", 3, 1}}},
		{"Ixia's file header is longer (software)",
			le().pcap(0x1c0001ab, 1).u32(19).record(10, 1, "abc", 3),
			[]given{{1, 10*second + 1000, "abc", 3, 1}}},
		{"the FCS bits are no part of the link type",
			le().pcap(usec, 0x24000001).record(10, 1, "abc", 3),
			[]given{{1, 10*second + 1000, "abc", 3, 1}}},
		{"version 2.2 has the original length first",
			le().header(usec, 2, 2, 100, 1).u32(10, 1, 60, 3).raw("abc"),
			[]given{{1, 10*second + 1000, "abc", 60, 1}}},
		{"DG/UX's version 543.0 too",
			be().header(usec, 543, 0, 100, 1).u32(10, 1, 60, 3).raw("abc"),
			[]given{{1, 10*second + 1000, "abc", 60, 1}}},
		{"version 2.3 has either order",
			le().header(usec, 2, 3, 100, 1).u32(10, 1, 60, 3).raw("abc").u32(11, 1, 3, 60).raw("def"),
			[]given{{1, 10*second + 1000, "abc", 60, 1}, {2, 11*second + 1000, "def", 60, 1}}},
		{"a later version is read like 2.4",
			le().header(usec, 2, 7, 100, 1).record(10, 1, "abc", 60),
			[]given{{1, 10*second + 1000, "abc", 60, 1}}},
		{"more captured than the snaplen",
			le().header(usec, 2, 4, 2, 1).record(10, 1, "abcdef", 60),
			[]given{{1, 10*second + 1000, "abcdef", 60, 1}}},
		{"snaplen 0 is none",
			le().header(usec, 2, 4, 0, 1).record(10, 1, "abcdef", 60),
			[]given{{1, 10*second + 1000, "abcdef", 60, 1}}},
		{"more captured than there was",
			le().pcap(usec, 1).record(10, 1, "abcdef", 4),
			[]given{{1, 10*second + 1000, "abcdef", 6, 1}}},
		{"microseconds past a million",
			le().pcap(usec, 1).record(10, 2_500_000, "a", 1),
			[]given{{1, 12*second + 500_000_000, "a", 1, 1}}},
		{"after 2038",
			le().pcap(usec, 1).record(1<<32-1, 1, "a", 1),
			[]given{{1, (1<<32-1)*second + 1000, "a", 1, 1}}},
		{"time steps back",
			le().pcap(usec, 1).record(10, 0, "a", 1).record(9, 0, "b", 1),
			[]given{{1, 10 * second, "a", 1, 1}, {2, 9 * second, "b", 1, 1}}},
		{"the largest packet",
			le().pcap(usec, 1).record(10, 0, strings.Repeat("x", MaxPacket), MaxPacket).record(11, 0, "a", 1),
			[]given{{1, 10 * second, strings.Repeat("x", MaxPacket), MaxPacket, 1}, {2, 11 * second, "a", 1, 1}}},
		{"no packet", le().pcap(usec, 1), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, stats := read(t, test.file.bytes)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
			if len(stats.Damage) != 0 {
				t.Errorf("damage %+v", stats.Damage)
			}
		})
	}
}

func TestPcapDamage(t *testing.T) {
	begin := func() *builder { return le().pcap(0xa1b2c3d4, 1).record(10, 1, "abc", 60) } // 43 bytes
	tests := []struct {
		name     string
		file     []byte
		offset   int64
		expected string
	}{
		{"cut in a packet header", begin().raw("0123456").bytes, 43,
			"a packet header, the file ends after 7 bytes of it"},
		{"cut in a packet", begin().u32(10, 1, 5, 60).raw("abcd").bytes, 43,
			"a packet header and 5 bytes, the file ends after 20 bytes of it"},
		{"cut before a byte", begin().u32(10, 1, 1, 60).bytes, 43,
			"a packet header and 1 byte, the file ends after 16 bytes of it"},
		{"too long", begin().u32(10, 1, MaxPacket+1, 60).raw("abcd").bytes, 43,
			"a packet of at most 262144 bytes, found one of 262145"},
		{"absurdly long", begin().u32(10, 1, 1<<32-1, 1<<32-1).raw("abcd").bytes, 43,
			"a packet of at most 262144 bytes, found one of 4294967295"},
		{"a tail of zeros", begin().raw(strings.Repeat("\x00", 4096)).bytes, 43,
			"a packet header, found zeros"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, stats := read(t, test.file)
			if want := []given{{1, 10*second + 1000, "abc", 60, 1}}; !reflect.DeepEqual(got, want) {
				t.Errorf("before the damage: got %v, want %v", got, want)
			}
			wantDamage(t, stats, test.offset, test.expected)
		})
	}
}

func TestPcapRefused(t *testing.T) {
	tests := []struct {
		name string
		file *builder
		want string
	}{
		{"cut header", le().u32(0xa1b2c3d4).raw("123456"), "pcap file header is cut off: 10 of its 24 bytes"},
		{"cut Ixia header", le().pcap(0x1c0001ab, 1), "pcap file header is cut off: 24 of its 28 bytes"},
		{"archaic version", le().header(0xa1b2c3d4, 1, 2, 0, 1),
			"pcap version 1.2 is not supported (2.0 and later are)"},
		{"reserved link type bits", le().pcap(0xa1b2c3d4, 0x02240001),
			"pcap link type 0x02240001 is not supported (its reserved bits are not zero)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file.bytes)
			_, err := Open(path, Options{})
			if err == nil || err.Error() != `open capture "`+path[0]+`": `+test.want {
				t.Errorf("got %v, want … %s", err, test.want)
			}
		})
	}
}
