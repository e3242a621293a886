package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// MaxPacket is the most captured bytes of one packet in a file: libpcap's largest snaplen. More is damage.
const MaxPacket = 256 << 10

// order is a file's byte order.
type order bool

const (
	littleEndian order = false
	bigEndian    order = true
)

func (o order) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o == bigEndian {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (o order) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o == bigEndian {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (o order) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o == bigEndian {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// pcapLayout is the layout of a pcap file, according to its magic number.
type pcapLayout struct {
	fileHeader   int
	recordHeader int
	unit         int64 // nanoseconds of one unit of a record's fraction of a second
}

// pcapMagics are the magic numbers that libpcap and Wireshark read.
var pcapMagics = map[uint32]pcapLayout{
	0xa1b2c3d4: {24, 16, 1000},
	0xa1b23c4d: {24, 16, 1},
	0xa1b2cd34: {24, 24, 1000}, // Kuznetzov's: interface, protocol and packet type follow the lengths
	0x1c0001ac: {28, 16, 1000}, // Ixia's lcap, of hardware: the sum of all records follows the file header
	0x1c0001ab: {28, 16, 1000}, // Ixia's lcap, of software
}

// pcapMagic looks up the first bytes of a file.
func pcapMagic(head []byte) (layout pcapLayout, o order, ok bool) {
	if len(head) < 4 {
		return pcapLayout{}, littleEndian, false
	}
	for _, o := range []order{littleEndian, bigEndian} {
		if layout, ok := pcapMagics[o.u32(head)]; ok {
			return layout, o, true
		}
	}
	return pcapLayout{}, littleEndian, false
}

// lengthOrder says which of a record's two lengths comes first.
type lengthOrder uint8

const (
	capturedFirst lengthOrder = iota // since version 2.4
	originalFirst                    // before version 2.3, and in DG/UX's version 543.0
	smallerFirst                     // version 2.3: some writers changed the number and not the order
)

// pcapFile reads a classic pcap file (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html).
//
// Like tcpdump and tshark, it ignores the snaplen and the time zone, and accepts fractions of a second or more.
type pcapFile struct {
	buf     *buffer
	order   order
	layout  pcapLayout
	lengths lengthOrder
	link    LinkType
}

func newPcapFile(b *buffer, layout pcapLayout, o order) (format, error) {
	h := b.peek(layout.fileHeader)
	if len(h) < layout.fileHeader {
		return nil, fmt.Errorf("pcap file header is cut off: %d of its %d bytes", len(h), layout.fileHeader)
	}
	f := &pcapFile{buf: b, order: o, layout: layout}
	switch major, minor := o.u16(h[4:]), o.u16(h[6:]); {
	case major < 2:
		return nil, fmt.Errorf("pcap version %d.%d is not supported (2.0 and later are)", major, minor)
	case major == 2 && minor < 3, major == 543:
		f.lengths = originalFirst
	case major == 2 && minor == 3:
		f.lengths = smallerFirst
	}
	// Bits 26 to 31 tell the length of the FCS at the end of frames, which the IP length leaves out anyway. The ten
	// below are reserved and zero (draft-ietf-opsawg-pcap §4).
	network := o.u32(h[20:])
	if network&0x03ff0000 != 0 {
		return nil, fmt.Errorf("pcap link type 0x%08x is not supported (its reserved bits are not zero)", network)
	}
	f.link = LinkType(network)
	b.take(layout.fileHeader)
	return f, nil
}

var zeros [16]byte

func (f *pcapFile) next(p *Packet) error {
	b := f.buf
	start := b.offset()
	h := b.peek(f.layout.recordHeader)
	if len(h) < f.layout.recordHeader {
		if len(h) == 0 {
			return b.ended()
		}
		return b.cut(start, "a packet header")
	}
	if bytes.Equal(h[:16], zeros[:]) {
		// A crash leaves a tail of zeros in a file; these are not thousands of empty packets of 1970.
		return damaged(start, "a packet header, found zeros")
	}
	_, _, captured, _ := f.header(h)
	if captured > MaxPacket {
		return damaged(start, "a packet of at most %d bytes, found one of %d", MaxPacket, captured)
	}
	size := f.layout.recordHeader + int(captured)
	if len(b.peek(size)) < size {
		return b.cut(start, "a packet header and "+counted(int64(captured)))
	}
	f.more(p)
	return nil
}

// more returns a valid record that is already in the buffer.
func (f *pcapFile) more(p *Packet) bool {
	h, size := f.buf.buffered(), f.layout.recordHeader
	if len(h) < size {
		return false
	}
	seconds, fraction, captured, original := f.header(h)
	end := size + int(captured)
	if captured > MaxPacket || len(h) < end || seconds|fraction|captured|original == 0 {
		return false
	}
	p.Time = int64(seconds)*1e9 + int64(fraction)*f.layout.unit
	p.Data = h[size:end:end]
	p.Length = int(max(original, captured))
	p.Link = f.link
	p.options = nil
	f.buf.take(end)
	return true
}

// header returns the time in a record's header, and its two lengths: captured, and on the wire.
func (f *pcapFile) header(h []byte) (seconds, fraction, captured, original uint32) {
	o := f.order
	seconds, fraction, captured, original = o.u32(h), o.u32(h[4:]), o.u32(h[8:]), o.u32(h[12:])
	if f.lengths == originalFirst || f.lengths == smallerFirst && captured > original {
		captured, original = original, captured
	}
	return seconds, fraction, captured, original
}

func (f *pcapFile) buffer() *buffer { return f.buf }

// drops returns nothing, because a pcap file has no such counts.
func (f *pcapFile) drops() Drops { return Drops{} }

func (f *pcapFile) until() int64 { return NoTime }
