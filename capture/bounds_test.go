package capture

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// readWith reads one file, and gives the number of its packets and what Stats says of damage.
func readWith(t *testing.T, o Options, file []byte) (packets int, damage string) {
	t.Helper()
	r, err := Open(write(t, file), o)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Close()
	for {
		if _, err := r.Next(); err != nil {
			break
		}
		packets++
	}
	for _, d := range r.Stats().Damage {
		damage = d.Expected
	}
	return packets, damage
}

// TestUnpackingIsBounded checks that a small file that unpacks to a large one ends as damaged, whatever its
// compression, and that a large file may unpack to much.
func TestUnpackingIsBounded(t *testing.T) {
	const most = 1 << 20
	zeros := le().pcap(0xa1b2c3d4, 1)
	for range 64 {
		zeros.record(1, 0, strings.Repeat("\x00", MaxPacket), MaxPacket)
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := le().pcap(0xa1b2c3d4, 1)
	for range 64 {
		data := make([]byte, MaxPacket)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		noise.record(1, 0, string(data), MaxPacket)
	}
	for name, test := range map[string]struct {
		file []byte
		most int64
		want int // packets
	}{
		"zeros":                    {pack(t, "zstd", zeros.bytes), most, 3},
		"zeros twice":              {pack(t, "gzip", pack(t, "zstd", zeros.bytes)), most, 3},
		"zeros in gzip, twice":     {pack(t, "gzip", pack(t, "gzip", zeros.bytes)), most, 3},
		"zeros, allowed":           {pack(t, "zstd", zeros.bytes), 17 << 20, 64},
		"zeros, by default":        {pack(t, "zstd", zeros.bytes), 0, 64},
		"noise of the same length": {pack(t, "zstd", noise.bytes), most, 64},
	} {
		packets, damage := readWith(t, Options{MaxUnpacked: test.most}, test.file)
		const want = " become more than 1MiB, over 1000 times as much; --max-unpacked allows more"
		if ends := test.want < 64; packets < test.want || !ends && packets > test.want || packets > 8 && ends ||
			strings.Contains(damage, want) != ends {
			t.Errorf("%s: %d packets, want %d, and the damage %q", name, packets, test.want, damage)
		}
	}
}

// TestBombs reads less than 40,000 bytes that become more than a gigabyte; without TCPLIFE_TEST_ALL it is less. A
// packet of that length is not taken in, and of many packets only the first gigabyte is read.
func TestBombs(t *testing.T) {
	o, full, says := Options{MaxUnpacked: 64 << 20}, 80<<20, "64MiB"
	if os.Getenv("TCPLIFE_TEST_ALL") != "" {
		o, full, says = Options{}, 1_100_000_000, "1GiB"
	}
	long := uint32(full)
	packet := le().section().netif(1, 0).u32(blockEnhanced, 32+long, 0, 0, 0, long, long).bytes
	zeros := make([]byte, MaxPacket)
	for name, test := range map[string]struct {
		head, part []byte
		packets    int    // at least
		room       uint64 // that may be allocated, for all that is unpacked
		want       string
	}{
		"a packet": {packet, zeros, 0, 64 << 20, "a block of 12 to 1310720 bytes"},
		"packets": {le().pcap(0xa1b2c3d4, 1).bytes, le().record(1, 0, string(zeros), MaxPacket).bytes,
			full / MaxPacket * 3 / 4, 4 * uint64(full), " become more than " + says + ", over 1000 times as much"},
	} {
		var once bytes.Buffer
		w, err := zstd.NewWriter(&once)
		if err == nil {
			_, err = w.Write(test.head)
		}
		for n := 0; n < full && err == nil; n += len(test.part) {
			_, err = w.Write(test.part)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		file := pack(t, "zstd", once.Bytes())
		allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(allocated)
		before := allocated[0].Value.Uint64()
		packets, damage := readWith(t, o, file)
		metrics.Read(allocated)
		took := allocated[0].Value.Uint64() - before
		what := fmt.Sprintf("%s in %d bytes: %d packets, %d bytes were allocated: %q", name, len(file), packets, took,
			damage)
		if len(file) > 40_000 || took > test.room || packets < test.packets || packets > full/MaxPacket ||
			!strings.Contains(damage, test.want) {
			t.Error(what)
		} else {
			t.Log(what)
		}
	}
}

// TestUnpackingMemoryIsBounded checks that a file is refused if its decompressor would need too much memory.
func TestUnpackingMemoryIsBounded(t *testing.T) {
	plain := append(bytes.Clone(plainHeader), bytes.Repeat(plainPacket, 1<<20)...)
	var z, x bytes.Buffer
	zw, err := zstd.NewWriter(&z, zstd.WithWindowSize(32<<20))
	if err != nil {
		t.Fatal(err)
	}
	xw, err := xz.WriterConfig{DictCap: 32 << 20}.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{zw, xw} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string][]byte{"zstd": z.Bytes(), "xz": x.Bytes()} {
		if packets, damage := readWith(t, Options{MaxMemory: 16 << 20}, file); packets != 0 ||
			!strings.Contains(damage, "16MiB, which --memory leaves for it") {
			t.Errorf("%s in 16 MiB: %d packets, %q", name, packets, damage)
		}
		if packets, damage := readWith(t, Options{MaxMemory: 32 << 20}, file); packets != 1<<20 || damage != "" {
			t.Errorf("%s in 32 MiB: %d packets, %q", name, packets, damage)
		}
	}
	for _, test := range []struct {
		memory int64
		others int
		want   uint32
	}{{0, 100, maxWindow}, {1 << 30, 0, maxWindow}, {64 << 20, 0, 64 << 20}, {64 << 20, 1, 32 << 20},
		{64 << 20, 100, leastWindow}} {
		o := Options{MaxMemory: test.memory}
		if got := o.window(test.others); got != test.want {
			t.Errorf("of %d with %d other files: %d, want %d", test.memory, test.others, got, test.want)
		}
	}
}

// TestBufferShrinks checks that the memory for a large request is released afterwards.
func TestBufferShrinks(t *testing.T) {
	b := newBuffer(strings.NewReader(strings.Repeat("x", 10<<20)), 1000)
	for range 5 {
		b.take(len(b.peek(1 << 20)))
		b.take(len(b.peek(900)))
		if len(b.data) != 1000 {
			t.Fatalf("the buffer has %d bytes, for 900", len(b.data))
		}
	}
	if b.offset() != 5*(1<<20+900) {
		t.Errorf("at offset %d", b.offset())
	}
}
