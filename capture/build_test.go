package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// builder builds capture files byte by byte.
type builder struct {
	order binary.AppendByteOrder
	bytes []byte
}

func le() *builder { return &builder{order: binary.LittleEndian} }
func be() *builder { return &builder{order: binary.BigEndian} }

func (b *builder) u16(values ...uint16) *builder {
	for _, v := range values {
		b.bytes = b.order.AppendUint16(b.bytes, v)
	}
	return b
}

func (b *builder) u32(values ...uint32) *builder {
	for _, v := range values {
		b.bytes = b.order.AppendUint32(b.bytes, v)
	}
	return b
}

func (b *builder) raw(data string) *builder {
	b.bytes = append(b.bytes, data...)
	return b
}

// pcap begins a pcap file of the usual kind.
func (b *builder) pcap(magic, link uint32) *builder {
	return b.header(magic, 2, 4, 65535, link)
}

func (b *builder) header(magic uint32, major, minor uint16, snaplen, link uint32) *builder {
	return b.u32(magic).u16(major, minor).u32(0, 0, snaplen, link)
}

// record appends a packet of a pcap file.
func (b *builder) record(seconds, fraction uint32, data string, original int) *builder {
	return b.u32(seconds, fraction, uint32(len(data)), uint32(original)).raw(data)
}

// block appends a block of a pcapng file, its body padded.
func (b *builder) block(kind uint32, body *builder) *builder {
	padded := append(slices.Clone(body.bytes), make([]byte, -len(body.bytes)&3)...)
	length := uint32(len(padded) + 12)
	return b.u32(kind, length).raw(string(padded)).u32(length)
}

// body begins the body of a block in the byte order of b.
func (b *builder) body() *builder { return &builder{order: b.order} }

func (b *builder) section() *builder {
	return b.block(blockSection, b.body().u32(byteOrderMagic).u16(1, 0).u32(0xffffffff, 0xffffffff))
}

// option is one of a block's options.
type option struct {
	code  uint16
	value string
}

func (b *builder) options(options []option) *builder {
	for _, o := range options {
		b.u16(o.code, uint16(len(o.value))).raw(o.value).raw("\x00\x00\x00"[:-len(o.value)&3])
	}
	if len(options) > 0 {
		b.u32(0)
	}
	return b
}

// u64 is the value of an option.
func (b *builder) u64(v uint64) string { return string(b.order.AppendUint64(nil, v)) }

func (b *builder) netif(link uint16, snaplen uint32, options ...option) *builder {
	return b.block(blockInterface, b.body().u16(link, 0).u32(snaplen).options(options))
}

func (b *builder) enhanced(number uint32, units uint64, data string, original int, options ...option) *builder {
	body := b.body().u32(number, uint32(units>>32), uint32(units), uint32(len(data)), uint32(original)).raw(data)
	return b.block(blockEnhanced, body.raw("\x00\x00\x00"[:-len(data)&3]).options(options))
}

func (b *builder) statistics(number uint32, options ...option) *builder {
	return b.block(blockStatistics, b.body().u32(number, 0, 0).options(options))
}

// given is a packet that outlives the next one.
type given struct {
	Number uint64
	Time   int64
	Data   string
	Length int
	Link   LinkType
}

func keep(p *Packet) given { return given{p.Number, p.Time, string(p.Data), p.Length, p.Link} }

// packets reads r to its end.
func packets(t testing.TB, r *Reader) []given {
	t.Helper()
	var all []given
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		all = append(all, keep(p))
	}
}

// write writes files and returns their paths.
func write(t testing.TB, files ...[]byte) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, data := range files {
		path := filepath.Join(dir, fmt.Sprintf("%02d.pcap", i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// read reads files as one capture, packet by packet and many at once, which must not make a difference.
func read(t testing.TB, files ...[]byte) ([]given, Stats) {
	t.Helper()
	paths := write(t, files...)
	open := func() *Reader {
		r, err := Open(paths, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	defer r.Close()
	all := packets(t, r)
	for _, size := range []int{1, 2, 100} {
		batched := open()
		if got := batches(t, batched, size); !slices.Equal(got, all) || !reflect.DeepEqual(batched.Stats(), r.Stats()) {
			t.Fatalf("Read of %d packets gives %v, %+v, Next %v, %+v", size, got, batched.Stats(), all, r.Stats())
		}
		batched.Close()
	}
	return all, r.Stats()
}

// batches reads r to its end, so many packets at once.
func batches(t testing.TB, r *Reader, size int) (all []given) {
	t.Helper()
	for batch := make([]Packet, size); ; {
		n, err := r.Read(batch)
		if err == io.EOF && n == 0 {
			return all
		}
		if err != nil || n == 0 {
			t.Fatalf("Read: %d, %v", n, err)
		}
		for i := range batch[:n] {
			all = append(all, keep(&batch[i]))
		}
	}
}

// decode reads one stream of any format without opening a file, and returns the error that ended it.
func decode(src io.Reader, size int) (all []given, f *file, err error) {
	return decodeBatches(src, size, 1)
}

// decodeBatches is decode with several packets at once, where they can be had.
func decodeBatches(src io.Reader, size, most int) (all []given, f *file, err error) {
	return decodeBuffer(newBuffer(src, size), most)
}

func decodeBuffer(b *buffer, most int) (all []given, f *file, err error) {
	f = &file{}
	defer f.close()
	if f.format, err = f.detect(b, Options{}, 0); err != nil {
		return nil, f, err
	}
	for batch := make([]Packet, most); ; {
		if err = f.format.next(&batch[0]); err != nil {
			return all, f, err
		}
		n := 1
		for n < most && f.format.more(&batch[n]) {
			n++
		}
		for i := range batch[:n] {
			batch[i].Number = uint64(len(all) + 1)
			all = append(all, keep(&batch[i]))
		}
	}
}

// wantDamage checks that a capture of one file is damaged at an offset, in certain words.
func wantDamage(t *testing.T, s Stats, offset int64, expected string) {
	t.Helper()
	if len(s.Damage) != 1 || s.Damage[0].Offset != offset || s.Damage[0].Expected != expected {
		t.Errorf("damage %+v, want at byte %d: %s", s.Damage, offset, expected)
	}
}

// asDamage is err as *Damage, nil if it is io.EOF. Any other error fails the test.
func asDamage(t *testing.T, err error) *Damage {
	t.Helper()
	var d *Damage
	if err == io.EOF {
		return nil
	}
	if !errors.As(err, &d) {
		t.Fatalf("a file that was recognized ended with %v, want io.EOF or Damage", err)
	}
	return d
}

// frame is an Ethernet frame with a TCP SYN of 54 bytes to a port.
func frame(port uint16) []byte {
	b := be().raw("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02").u16(0x0800)
	b.raw("\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00").raw("\x0a\x00\x00\x01\x0a\x00\x00\x02")
	return b.u16(40000, port).u32(1, 0).u16(0x5002, 65535, 0, 0).bytes
}
