//go:build cgo && !nopcap && !windows

package capture

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/gopacket/pcap"
)

// libpcap reads a file as tcpdump does. damaged says that an error ended it, or that it was refused.
func libpcap(t *testing.T, file []byte) (all []given, damaged bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := pcap.OpenOffline(path)
	if err != nil {
		return nil, true
	}
	defer h.Close()
	for {
		data, info, err := h.ReadPacketData()
		if err != nil {
			return all, err.Error() != "EOF"
		}
		all = append(all, given{uint64(len(all) + 1), info.Timestamp.UnixNano(), string(data), info.Length, 0})
	}
}

// TestAgainstLibpcap builds files of all kinds that libpcap reads, whole and cut, and reads them with it. (Where it is
// more strict than we are, as with interfaces of different link types, there is nothing to compare.)
func TestAgainstLibpcap(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	data := func() string {
		b := make([]byte, random.IntN(80))
		for i := range b {
			b[i] = byte(random.IntN(256))
		}
		return string(b)
	}
	builders := []func() *builder{le, be}
	pcapFile := func() *builder {
		b := builders[random.IntN(2)]()
		magic := []uint32{0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34}[random.IntN(3)]
		versions := [][2]uint16{{2, 4}, {2, 4}, {2, 3}, {2, 2}, {543, 0}}
		version := versions[random.IntN(len(versions))]
		b.header(magic, version[0], version[1], uint32([]int{0, 65535, 262144}[random.IntN(3)]), 1)
		for range random.IntN(6) {
			packet := data()
			captured, original := uint32(len(packet)), uint32(len(packet)+random.IntN(100))
			if version != [2]uint16{2, 4} && (version[1] < 3 || random.IntN(2) == 0) {
				captured, original = original, captured
			}
			b.u32(uint32(1+random.Int32N(1<<31-1)), uint32(random.IntN(1_000_000)), captured, original)
			if magic == 0xa1b2cd34 {
				b.u32(0, 0)
			}
			b.raw(packet)
		}
		return b
	}
	pcapngFile := func() *builder {
		b := builders[random.IntN(2)]()
		for range 1 + random.IntN(2) {
			b.section()
			interfaces := 1 + random.IntN(3)
			for range interfaces {
				// Finer than 2^-33 s libpcap's arithmetic overflows.
				resolution := string([]byte{0, 3, 6, 9, 12, 0x80, 0x8a, 0x9e, 0xa1}[random.IntN(9)])
				b.netif(1, 0, option{9, resolution}, option{14, b.u64(uint64(random.IntN(1000)))})
			}
			for range random.IntN(6) {
				packet := data()
				number, units := uint32(random.IntN(interfaces)), uint64(random.Int32())
				original := len(packet) + random.IntN(100)
				switch random.IntN(5) {
				case 0:
					b.block(0xbad, b.body().raw(packet))
				case 1:
					b.block(blockPacket, b.body().u16(uint16(number), 0).
						u32(0, uint32(units), uint32(len(packet)), uint32(original)).raw(packet))
				default:
					b.enhanced(number, units, packet, original, option{1, "a comment"})
				}
			}
		}
		return b
	}
	for range 300 {
		file := pcapFile().bytes
		if random.IntN(2) == 0 {
			file = pcapngFile().bytes
		}
		if random.IntN(2) == 0 {
			file = file[:random.IntN(len(file)+1)]
		}
		want, damaged := libpcap(t, file)
		got, _, err := decode(bytes.NewReader(file), bufferSize)
		if len(want) == 0 && damaged {
			if len(got) > 0 {
				t.Fatalf("% x: libpcap refuses it, we read %v", file, got)
			}
			continue
		}
		for i := range got {
			got[i].Number, got[i].Link = uint64(i+1), 0
		}
		if !slices.Equal(got, want) {
			t.Fatalf("% x:\ngot  %v\nwant %v", file, got, want)
		}
		if (asDamage(t, err) != nil) != damaged {
			t.Fatalf("% x: our end is %v, libpcap finds damage: %v", file, err, damaged)
		}
	}
}
