package capture

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// pack compresses each part by itself, as programs do that append to a compressed file.
func pack(t testing.TB, name string, parts ...[]byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	for _, part := range parts {
		var w io.WriteCloser
		var err error
		switch name {
		case "gzip":
			w = gzip.NewWriter(&packed)
		case "zstd":
			w, err = zstd.NewWriter(&packed)
		case "lz4":
			w = lz4.NewWriter(&packed)
		case "xz":
			w, err = xz.NewWriter(&packed)
		}
		if err == nil {
			_, err = w.Write(part)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return packed.Bytes()
}

var packers = []string{"gzip", "zstd", "lz4", "xz"}

// The Go library only unpacks bzip2. These are the header of a pcap file and a packet of "abc".
const (
	bzip2Header = "BZh91AY&SY\xd7\x9d\x8c\x98\x00\x00\x08\xc0\x1e\xf6\x00\x20\x00" +
		"\x10\x00\x08\x00\x04\x00\x00\x00\xa0\x00" +
		"1\x000\x21\x88\x1a\x20\x59\x9a\x13\x82\x37\x9a\xc7\xe2\xee\x48\xa7\x0a\x12\x1a\xf3\xb1\x93\x00"
	bzip2Packet = "BZh91AY&SY\x29\xa7\xcc\xac\x00\x00\x07\x49\x00\x68\x10\x00\x04\x38\x00\x20\x00\x31\x0c\x08\x12\x86" +
		"\x46\x8b\x13\x65\x12\xce\x9e\x2e\xe4\x8a\x70\xa1\x20\x53\x4f\x99\x58"
)

var (
	plainHeader = le().pcap(0xa1b2c3d4, 1).bytes
	plainPacket = le().record(10, 1, "abc", 60).bytes
	abc         = given{1, 10*second + 1000, "abc", 60, 1}
)

// same numbers copies of abc.
func same(n int) []given {
	all := slices.Repeat([]given{abc}, n)
	for i := range all {
		all[i].Number = uint64(i + 1)
	}
	return all
}

func TestCompressed(t *testing.T) {
	plain := append(slices.Clone(plainHeader), bytes.Repeat(plainPacket, 50_000)...)
	for _, name := range packers {
		t.Run(name, func(t *testing.T) {
			for _, cut := range [][][]byte{{plain}, {plain[:1000], plain[1000:]}, {plainHeader, nil, plain[24:]}} {
				got, stats := read(t, pack(t, name, cut...))
				if !reflect.DeepEqual(got, same(50_000)) || len(stats.Damage) != 0 {
					t.Errorf("in %d parts: %d packets, want 50000; damage %+v", len(cut), len(got), stats.Damage)
				}
			}
		})
	}
	t.Run("bzip2", func(t *testing.T) {
		got, stats := read(t, []byte(bzip2Header+strings.Repeat(bzip2Packet, 3)))
		if !reflect.DeepEqual(got, same(3)) || len(stats.Damage) != 0 {
			t.Errorf("%v, want 3 packets; damage %+v", got, stats.Damage)
		}
	})
	t.Run("nested", func(t *testing.T) {
		got, stats := read(t, pack(t, "gzip", pack(t, "zstd", pack(t, "xz", plain))))
		if len(got) != 50_000 || len(stats.Damage) != 0 {
			t.Errorf("%d packets, want 50000; damage %+v", len(got), stats.Damage)
		}
	})
	t.Run("pcapng", func(t *testing.T) {
		got, stats := read(t, pack(t, "gzip", le().section().netif(1, 0).enhanced(0, 10_000_001, "abc", 60).bytes))
		if !reflect.DeepEqual(got, same(1)) || len(stats.Damage) != 0 {
			t.Errorf("%v; damage %+v", got, stats.Damage)
		}
	})
	t.Run("after skippable frames", func(t *testing.T) {
		skippable := le().u32(0x184d2a50, 3).raw("abc").u32(0x184d2a5f, 0).bytes
		for _, name := range []string{"zstd", "lz4"} {
			got, stats := read(t, append(slices.Clone(skippable), pack(t, name, plain)...))
			if len(got) != 50_000 || len(stats.Damage) != 0 {
				t.Errorf("%s: %d packets, want 50000; damage %+v", name, len(got), stats.Damage)
			}
		}
	})
}

// TestCompressedCut cuts compressed files everywhere. The packets must be the beginning of all packets, and the cut
// must be reported.
func TestCompressedCut(t *testing.T) {
	plain := append(slices.Clone(plainHeader), bytes.Repeat(plainPacket, 10)...)
	files := map[string][]byte{"bzip2": []byte(bzip2Header + strings.Repeat(bzip2Packet, 2))}
	for _, name := range packers {
		files[name] = pack(t, name, plain[:100], plain[100:])
	}
	for name, file := range files {
		silent := 0
		for n := range file {
			got, _, err := decode(bytes.NewReader(file[:n]), 1024)
			if !slices.Equal(got, same(10)[:len(got)]) {
				t.Fatalf("%s cut at %d: %v is not the beginning of the packets", name, n, got)
			}
			if err == io.EOF {
				silent++
			}
		}
		// A cut between two members is the end of a sound file.
		if members := bytes.Count(file, file[:4]); silent != members-1 {
			t.Errorf("%s: %d of %d cuts went unnoticed, want %d", name, silent, len(file), members-1)
		}
	}
}

func TestCompressedDamage(t *testing.T) {
	file := append(pack(t, "gzip", append(slices.Clone(plainHeader), plainPacket...)), "garbage"...)
	got, stats := read(t, file)
	if !slices.Equal(got, same(1)) {
		t.Errorf("got %v, want the packet before the damage", got)
	}
	wantDamage(t, stats, 43, "more packets or the end of the file: gzip: unexpected EOF")
}
