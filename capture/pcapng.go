package capture

import (
	"errors"
	"fmt"
)

// maxBlock is the longest block that is read, as in libpcap and tshark. maxPacketBlock is the longest block with a
// packet: it has room for MaxPacket bytes and many comments. A longer block is damage.
const (
	maxBlock       = 16 << 20
	maxPacketBlock = MaxPacket + 1<<20
)

// maxInterfaces is how many interfaces a section may describe, so that a file of descriptions does not fill the memory.
const maxInterfaces = 1 << 16

// Block types (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html §4, §11.1).
const (
	blockInterface  = 0x00000001
	blockPacket     = 0x00000002 // obsolete (appendix A)
	blockSimple     = 0x00000003
	blockStatistics = 0x00000005
	blockEnhanced   = 0x00000006
	blockSection    = 0x0a0d0d0a // the same in either byte order
)

// Option codes of every block (§3.5), interface descriptions (§4.2), enhanced packets (§4.3)
// and interface statistics (§4.6).
const (
	optionComment = 1 // opt_comment

	optionResolution = 9  // if_tsresol
	optionOffset     = 14 // if_tsoffset

	optionDropCount = 4 // epb_dropcount

	optionEndTime         = 3 // isb_endtime
	optionReceived        = 4 // isb_ifrecv
	optionInterfaceDrops  = 5 // isb_ifdrop
	optionOperatingSystem = 7 // isb_osdrop
)

const byteOrderMagic uint32 = 0x1a2b3c4d

// pcapngFile reads a pcapng file: any number of sections, each with its own byte order and interfaces.
type pcapngFile struct {
	buf        *buffer
	order      order
	interfaces []netInterface // of the section
	before     Drops          // of earlier sections
	ended      int64          // the latest isb_endtime, NoTime until there is one
}

// netInterface is one Interface Description Block and what was counted on it.
type netInterface struct {
	link    LinkType
	snaplen uint32
	clock   clock
	counted bool   // an Interface Statistics Block says what was dropped
	drops   Drops  // by the last Interface Statistics Block: they count from the beginning of the capture
	dropped uint64 // by the packets' own counts, each since the previous packet
}

func newPcapngFile(b *buffer) (format, error) {
	f := &pcapngFile{buf: b, ended: NoTime}
	// The first block is read here, to refuse text files that begin with line feeds and so look like pcapng.
	_, _, err := f.block()
	var d *Damage
	if errors.As(err, &d) {
		return nil, fmt.Errorf("not a readable pcapng file: at byte %d expected %s", d.Offset, d.Expected)
	}
	return f, nil
}

// block reads the next block. Its body is nil if its type has nothing about packets.
func (f *pcapngFile) block() (kind uint32, body []byte, err error) {
	b := f.buf
	start := b.offset()
	h := b.peek(12)
	if len(h) == 0 {
		return 0, nil, b.ended()
	}
	if len(h) < 12 {
		return 0, nil, b.cut(start, "a block of 12 bytes or more")
	}
	kind = f.order.u32(h)
	if kind == blockSection {
		// The length cannot be read before the byte order is known.
		switch byteOrderMagic {
		case littleEndian.u32(h[8:]):
			f.order = littleEndian
		case bigEndian.u32(h[8:]):
			f.order = bigEndian
		default:
			return 0, nil, damaged(start+8, "a byte-order magic, found % x", h[8:])
		}
	}
	length := f.order.u32(h[4:])
	most := uint32(maxBlock)
	if kind == blockEnhanced || kind == blockSimple || kind == blockPacket {
		most = maxPacketBlock
	}
	if length < 12 || length > most {
		return 0, nil, damaged(start, "a block of 12 to %d bytes, found a length of %d", most, length)
	}
	size := (int(length) + 3) &^ 3 // some writers leave the padding out of the length
	var trailer []byte
	switch kind {
	case blockSection, blockInterface, blockPacket, blockSimple, blockStatistics, blockEnhanced:
		block := b.peek(size)
		if len(block) < size {
			return 0, nil, b.cut(start, fmt.Sprintf("a block of %d bytes", size))
		}
		body, trailer = block[8:size-4], block[size-4:]
		b.take(size)
	default:
		complete := b.skip(int64(size - 4))
		if trailer = b.peek(4); !complete || len(trailer) < 4 {
			return 0, nil, b.cut(start, fmt.Sprintf("a block of %d bytes", size))
		}
		b.take(4)
	}
	if again := f.order.u32(trailer); again != length {
		return 0, nil, damaged(start, "a block whose two lengths agree, found %d and %d", length, again)
	}
	switch kind {
	case blockSection:
		err = f.section(start, body)
	case blockInterface:
		err = f.describe(start, body)
	case blockStatistics:
		err = f.count(start, body)
	}
	return kind, body, err
}

func (f *pcapngFile) next(p *Packet) error {
	for {
		start := f.buf.offset()
		kind, body, err := f.block()
		if err != nil {
			return err
		}
		switch kind {
		case blockEnhanced:
			return f.enhanced(start, body, p)
		case blockPacket:
			return f.obsolete(start, body, p)
		case blockSimple:
			return f.simple(start, body, p)
		}
	}
}

// more returns a packet whose block is next and already in the buffer.
func (f *pcapngFile) more(p *Packet) bool {
	h := f.buf.buffered()
	if len(h) < 12 || f.order.u32(h) != blockEnhanced {
		return false
	}
	if length := f.order.u32(h[4:]); uint64(length)+3 > uint64(len(h)) {
		return false
	}
	begin := f.buf.begin
	if f.next(p) != nil { // the next call of next finds and reports it again
		f.buf.begin = begin
		return false
	}
	return true
}

// section reads a Section Header Block (§4.1). It ignores the section length, which some writers get wrong.
func (f *pcapngFile) section(start int64, body []byte) error {
	if len(body) < 16 {
		return damaged(start, "a section header of 28 bytes or more, found %d", len(body)+12)
	}
	if major, minor := f.order.u16(body[4:]), f.order.u16(body[6:]); major != 1 {
		return damaged(start, "a section of pcapng version 1, found %d.%d", major, minor)
	}
	f.before = f.drops()
	f.interfaces = f.interfaces[:0]
	return nil
}

// describe reads an Interface Description Block (§4.2).
func (f *pcapngFile) describe(start int64, body []byte) error {
	if len(body) < 8 {
		return damaged(start, "an interface description of 20 bytes or more, found %d", len(body)+12)
	}
	if len(f.interfaces) == maxInterfaces {
		return damaged(start, "at most %d interfaces in a section, found more", maxInterfaces)
	}
	i := netInterface{link: LinkType(f.order.u16(body)), snaplen: f.order.u32(body[4:])}
	resolution, offset := byte(6), int64(0)
	for code, value := range f.order.options(body[8:]) {
		switch {
		case code == optionResolution && len(value) > 0:
			resolution = value[0]
		case code == optionOffset && len(value) >= 8:
			offset = int64(f.order.u64(value))
		}
	}
	var ok bool
	if i.clock, ok = newClock(resolution, offset); !ok {
		return damaged(start, "an if_tsresol of at most 10^-%d or 2^-%d s, found %#02x", maxDecimal, maxBinary,
			resolution)
	}
	f.interfaces = append(f.interfaces, i)
	return nil
}

// count reads an Interface Statistics Block (§4.6).
func (f *pcapngFile) count(start int64, body []byte) error {
	if len(body) < 12 {
		return damaged(start, "interface statistics of 24 bytes or more, found %d", len(body)+12)
	}
	i, err := f.of(start, f.order.u32(body))
	if err != nil {
		return err
	}
	i.counted = true
	for code, value := range f.order.options(body[12:]) {
		if len(value) < 8 {
			continue
		}
		switch n := f.order.u64(value); code {
		case optionEndTime:
			high, low := f.order.u32(value), f.order.u32(value[4:])
			f.ended = max(f.ended, i.clock.time(uint64(high)<<32|uint64(low)))
		case optionReceived:
			i.drops.Received = n
		case optionInterfaceDrops:
			i.drops.Interface = n
		case optionOperatingSystem:
			i.drops.Kernel = n
		}
	}
	return nil
}

// enhanced reads an Enhanced Packet Block (§4.3).
func (f *pcapngFile) enhanced(start int64, body []byte, p *Packet) error {
	if len(body) < 20 {
		return damaged(start, "an enhanced packet block of 32 bytes or more, found %d", len(body)+12)
	}
	options, err := f.packet(start, f.order.u32(body), body, p)
	if err != nil {
		return err
	}
	for code, value := range f.order.options(options) {
		if code == optionDropCount && len(value) >= 8 {
			f.interfaces[f.order.u32(body)].dropped += f.order.u64(value)
		}
	}
	return nil
}

// obsolete reads a Packet Block (appendix A). It differs in its first four bytes.
func (f *pcapngFile) obsolete(start int64, body []byte, p *Packet) error {
	if len(body) < 20 {
		return damaged(start, "a packet block of 32 bytes or more, found %d", len(body)+12)
	}
	number, drops := f.order.u16(body), f.order.u16(body[2:])
	if _, err := f.packet(start, uint32(number), body, p); err != nil {
		return err
	}
	if drops != 0xffff { // unknown
		f.interfaces[number].dropped += uint64(drops)
	}
	return nil
}

// packet reads the common part of the two packet blocks with a time, and returns their options.
func (f *pcapngFile) packet(start int64, number uint32, body []byte, p *Packet) (options []byte, err error) {
	i, err := f.of(start, number)
	if err != nil {
		return nil, err
	}
	units := uint64(f.order.u32(body[4:]))<<32 | uint64(f.order.u32(body[8:]))
	captured, original := f.order.u32(body[12:]), f.order.u32(body[16:])
	body = body[20:]
	if captured > MaxPacket {
		return nil, damaged(start, "a packet of at most %d bytes, found one of %d", MaxPacket, captured)
	}
	if uint64(captured) > uint64(len(body)) {
		return nil, damaged(start, "a block long enough for its packet of %s, found room for %d",
			counted(int64(captured)), len(body))
	}
	p.Time = i.clock.time(units)
	p.Data = body[:captured]
	p.Length = max(int(original), int(captured))
	p.Link = i.link
	p.options, p.order = body[min((int(captured)+3)&^3, len(body)):], f.order
	return p.options, nil
}

// simple reads a Simple Packet Block (§4.4). It belongs to the first interface and has neither time nor captured
// length.
func (f *pcapngFile) simple(start int64, body []byte, p *Packet) error {
	if len(body) < 4 {
		return damaged(start, "a simple packet block of 16 bytes or more, found %d", len(body)+12)
	}
	i, err := f.of(start, 0)
	if err != nil {
		return err
	}
	original := int(f.order.u32(body))
	captured := min(original, len(body)-4)
	if i.snaplen > 0 {
		captured = min(captured, int(i.snaplen))
	}
	if captured > MaxPacket {
		return damaged(start, "a packet of at most %d bytes, found one of %d", MaxPacket, captured)
	}
	p.Time = NoTime
	p.Data = body[4 : 4+captured]
	p.Length = original
	p.Link = i.link
	p.options = nil // it has none
	return nil
}

// of returns an interface of the section, which stays valid until the next interface description.
func (f *pcapngFile) of(start int64, number uint32) (*netInterface, error) {
	if uint64(number) >= uint64(len(f.interfaces)) {
		return nil, damaged(start, "a block of one of the %d interfaces described before, found interface %d",
			len(f.interfaces), number)
	}
	return &f.interfaces[number], nil
}

// options yields the options of a block (§3.5), up to the first that does not fit into it.
func (o order) options(b []byte) func(yield func(code uint16, value []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, length := o.u16(b), int(o.u16(b[2:]))
			b = b[4:]
			if code == 0 || length > len(b) || !yield(code, b[:length]) {
				return
			}
			b = b[min((length+3)&^3, len(b)):]
		}
	}
}

func (f *pcapngFile) buffer() *buffer { return f.buf }

// drops returns the packets dropped on all interfaces of all sections so far.
func (f *pcapngFile) drops() Drops {
	sum := f.before
	for _, i := range f.interfaces {
		if !i.counted {
			i.drops.Kernel = i.dropped
		}
		sum.Add(i.drops)
	}
	return sum
}

func (f *pcapngFile) until() int64 { return f.ended }
