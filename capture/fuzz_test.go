package capture

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// check holds a file, whatever is in it, to what must hold of all: it ends soundly or with damage that lies inside; it
// does not matter in which pieces its bytes arrive; a file cut anywhere is the beginning of the whole; no more memory
// is taken than there is in it; and what is read can be written and read again.
func check(t *testing.T, file []byte, cut int) {
	all, f, err := decode(bytes.NewReader(file), 64)
	if f.format == nil {
		if all != nil {
			t.Fatalf("packets of a file that was refused: %v", err)
		}
		return
	}
	if d := asDamage(t, err); d != nil && (d.Offset < 0 || d.Offset > int64(len(file)) || d.Expected == "") {
		t.Fatalf("damage at byte %d of %d: expected %q", d.Offset, len(file), d.Expected)
	}
	if f, ok := f.format.(*pcapngFile); ok && len(f.buf.data) > 64+2*len(file) {
		t.Fatalf("a buffer of %d bytes for a file of %d", len(f.buf.data), len(file))
	}

	many, _, manyErr := decodeBatches(bytes.NewReader(file), 64, 3)
	if !slices.Equal(many, all) || manyErr.Error() != err.Error() {
		t.Fatalf("three packets at once: %v, %v\none: %v, %v", many, manyErr, all, err)
	}

	slow, _, slowErr := decode(iotest.OneByteReader(bytes.NewReader(file)), 1)
	if !slices.Equal(slow, all) || slowErr.Error() != err.Error() {
		t.Fatalf("byte by byte: %v, %v\nat once: %v, %v", slow, slowErr, all, err)
	}

	start, _, _ := decode(bytes.NewReader(file[:cut]), 64)
	if len(start) > len(all) || !slices.Equal(start, all[:len(start)]) {
		t.Fatalf("cut at %d: %v\nwhole: %v", cut, start, all)
	}

	var written bytes.Buffer
	w := NewWriter(&written)
	for i := range all {
		p := &all[i]
		if p.Time == NoTime {
			p.Time = 0
		}
		if err := w.Write(&Packet{Number: p.Number, Time: p.Time, Data: []byte(p.Data), Length: p.Length,
			Link: p.Link}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	again, _, err := decode(&written, 64)
	if !slices.Equal(again, all) || err != io.EOF {
		t.Fatalf("written and read again: %v, %v\nwant: %v", again, err, all)
	}
}

func FuzzPcap(f *testing.F) {
	f.Add(le().pcap(0xa1b2c3d4, 1).record(10, 999_999, "abc", 60).record(11, 0, "", 0).bytes, uint(50))
	f.Add(be().pcap(0xa1b23c4d, 276).record(10, 1, "abcd", 2).record(9, 1, strings.Repeat("x", 300), 300).bytes,
		uint(200))
	f.Add(le().pcap(0xa1b2cd34, 1).u32(10, 1, 3, 60, 2).u16(0x800, 0).raw("abc").bytes, uint(30))
	f.Add(be().pcap(0x1c0001ac, 1).u32(19).record(10, 1, "abc", 3).bytes, uint(27))
	f.Add(le().header(0xa1b2c3d4, 2, 3, 100, 0x24000001).u32(10, 1, 60, 3).raw("abc").u32(11, 1, 3,
		60).raw("def").bytes, uint(70))
	f.Add(le().pcap(0xa1b2c3d4, 1).u32(10, 1, 1<<32-1, 1<<32-1).raw("abcd").bytes, uint(44))
	f.Fuzz(func(t *testing.T, file []byte, cut uint) {
		if _, _, ok := pcapMagic(file); !ok {
			return
		}
		check(t, file, int(cut%uint(len(file)+1)))
	})
}

func FuzzPcapng(f *testing.F) {
	f.Add(le().section().netif(1, 65535, option{9, "\x9e"}, option{14, le().u64(5)}).
		enhanced(0, 10_000_001, "abc", 60, option{4, le().u64(5)}).
		block(blockSimple, le().u32(9).raw("abcd")).
		block(blockPacket, le().u16(0, 0xffff).u32(0, 7, 3, 60).raw("abc")).
		statistics(0, option{4, le().u64(10)}, option{5, le().u64(1)}).bytes, uint(60))
	f.Add(be().section().netif(276, 0).enhanced(0, 1, strings.Repeat("x", 300), 300).
		raw(string(le().section().netif(1, 4).enhanced(0, 1<<63, "abcd", 4).bytes)).bytes, uint(200))
	f.Add(le().section().block(0xbad, le().raw("private")).netif(1, 0, option{9, "\xff"}).bytes, uint(30))
	f.Add(le().section().netif(1, 0).u32(6, 1<<28, 0, 0).bytes, uint(50))
	for _, kind := range []uint32{blockSection, blockInterface, blockPacket, blockSimple, blockStatistics,
		blockEnhanced} {
		// too short, without an interface before them, and with lengths of 0xff
		for _, size := range []int{0, 3, 8, 19, 24} {
			whole := le().section()
			f.Add(whole.block(kind, le().raw(strings.Repeat("\xff", size))).bytes, uint(28))
			whole = be().section().netif(1, 0).netif(276, 300)
			f.Add(whole.block(kind, be().raw(strings.Repeat("\x00\x01", size))).bytes, uint(60))
			f.Add(append(whole.bytes, whole.bytes[:30]...), uint(70))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, cut uint) {
		if len(file) < 4 || bigEndian.u32(file) != blockSection {
			return
		}
		check(t, file, int(cut%uint(len(file)+1)))
	})
}

// FuzzCompressed checks that no compressed file, sound or not, does harm.
func FuzzCompressed(f *testing.F) {
	plain := append(slices.Clone(plainHeader), bytes.Repeat(plainPacket, 3)...)
	for _, name := range packers {
		f.Add(pack(f, name, plain[:50], plain[50:]))
	}
	f.Add([]byte(bzip2Header + bzip2Packet))
	for _, format := range unsupported { // what people take for a capture file
		f.Add([]byte(format.magic + "and so on"))
	}
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 4, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0}, 4))
	f.Add(append(append([]byte{0, 4, 0, 0}, make([]byte, 68)...), 2, 0, 1, 0xc0, 0, 0, 0, 0))
	f.Add(append(le().u32(0x184d2a50, 3).raw("abc").bytes, pack(f, "zstd", plain)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		_, opened, err := decode(bytes.NewReader(file), 64)
		if opened.format != nil {
			asDamage(t, err)
		}
	})
}
