package lines

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/flows"
)

// Chain is the lines of a connection after its SYN. They lie in Chains. It holds what the next line is compared with:
// a line is stored as what differs from the expected one.
type Chain struct {
	stamps  [2]uint32 // last TSVal of each end, 0 for none
	varying [2]uint32 // last window and IP id of each end, as Traits has them
	ttl     [2]uint8  // last of each end
	headers uint8     // last of both
	marks   uint8     // of the SYN
	last    uint32    // block, 0 for none
	Count   uint8     // lines
	used    uint8     // bytes of the last block
}

// Chains holds the lines of connections. The zero value is empty.
type Chains struct {
	blocks store.Slabs[block]
	read   [mostBlocks*blockBytes + spill]byte
	line   code
}

// block holds some bytes of a chain. A line may begin in one block and end in the next.
type block struct {
	bytes  [blockBytes]byte
	before uint32 // block, 0 for none
}

// code is a stored line, and room to write its numbers in one piece.
type code [lineBytes + spill]byte

// Most is how many lines a chain can hold.
const Most = 16

const (
	blockBytes = 28
	lineBytes  = 37 // that a line takes at most
	timeBytes  = 5  // that its time takes at most
	spill      = 3  // bytes after a number that are read or written with it: none takes less than five of eight
	mostBlocks = (Most*lineBytes + blockBytes - 1) / blockBytes
)

// MostPassed is the longest time in ns that can pass between two lines.
const MostPassed = 1<<(8*timeBytes) - 1

// The first byte of a stored line: its sender, whether it has text, and whether its traits and its rarer fields differ
// from the expected ones. Then come the bytes of its packets, less one, and those of its time, less two. The time is in
// microseconds, but nanoseconds if it takes five bytes.
const (
	codeText = 1 << (1 + iota)
	codeTraits
	codeRare
	codePackets = 4
	codeTime    = 6
)

// Begin begins a chain with the SYN, which is stored elsewhere.
func (c *Chain) Begin(syn *Line) {
	*c = Chain{used: blockBytes, marks: uint8(syn.Traits >> marksAt)}
	c.follow(syn, syn.Sender())
}

// Opener returns the end that sent the SYN.
func (c *Chain) Opener() int { return int(c.marks >> 4 & 1) }

// LastTSVal returns the last timestamp of an end, or 0.
func (c *Chain) LastTSVal(end int) uint32 { return c.stamps[end] }

// follow makes the line of an end the last one.
func (c *Chain) follow(l *Line, from int) {
	t := l.Traits
	c.varying[from], c.ttl[from], c.headers = uint32(t), uint8(t>>ttlAt), uint8(t>>headersAt)
	if t&stamped != 0 {
		c.stamps[from] = l.TSVal
	}
}

// expected returns the most likely traits of the next line of an end, with text or without.
func (c *Chain) expected(from, text int) Traits {
	varying := c.varying[from]
	if varying>>ipidAt != 0 {
		varying += 1 << ipidAt
	}
	flags := Traits(flows.ACK) | Traits(text)*Traits(flows.PSH)
	return Traits(varying) | flags<<flagsAt | Traits(c.marks)<<marksAt&^fromB | Traits(from)*fromB |
		Traits(c.headers)<<headersAt | Traits(c.ttl[from])<<ttlAt
}

// echo returns the most likely TSEcr of the next line of an end.
func (c *Chain) echo(from int) uint64 {
	if Traits(c.marks)<<marksAt&stamped != 0 {
		return uint64(c.stamps[1-from])
	}
	return 0
}

// encode writes a line to b, and returns how many bytes it takes.
func (c *Chain) encode(b *code, l *Line) (n int) {
	from, text := l.Sender(), int(bit(l.Len > 0))
	first := from | text*codeText
	n = 1
	if x := uint64(l.Traits ^ c.expected(from, text)); x != 0 {
		first |= codeTraits
		n = b.putBytes(n, x)
	}
	if x := c.echo(from) ^ (uint64(l.TSEcr) | uint64(l.Behind)<<32); x != 0 {
		first |= codeRare
		n = b.putBytes(n, x)
	}
	time, size := l.Passed, timeBytes
	if micros := time / 1000; micros*1000 == time {
		time, size = micros, max(2, (bits.Len64(micros)+7)/8)
	}
	packets := max(1, (bits.Len32(l.Packets)+7)/8)
	b[0] = uint8(first | (packets-1)<<codePackets | (size-2)<<codeTime)
	binary.LittleEndian.PutUint64(b[n:], time)
	n += size
	binary.LittleEndian.PutUint64(b[n:], uint64(l.Digest)|uint64(l.Packets)<<32)
	n += 4 + packets
	if text > 0 {
		binary.LittleEndian.PutUint16(b[n:], l.Len)
		n += 2
	}
	if l.Traits&stamped != 0 {
		n += binary.PutUvarint(b[n:], uint64(l.TSVal-c.stamps[from]))
	}
	c.follow(l, from)
	return n
}

// putBytes writes at n which bytes of a number are not 0, and these. It returns the place after them.
func (b *code) putBytes(n int, v uint64) int {
	at, which := n, uint8(0)
	for n++; v != 0; v &^= 0xff << (bits.TrailingZeros64(v) &^ 7) {
		i := bits.TrailingZeros64(v) / 8
		b[n], which = byte(v>>(8*i)), which|1<<i
		n++
	}
	b[at] = which
	return n
}

// decode reads a line that encode wrote at the beginning of b, and returns the bytes after it.
func (c *Chain) decode(b []byte, l *Line) []byte {
	first := int(b[0])
	b = b[1:]
	from, text := first&1, first/codeText&1
	traits, rare := c.expected(from, text), c.echo(from)
	if first&codeTraits != 0 {
		x, size := getBytes(b)
		traits, b = traits^Traits(x), b[size:]
	}
	if first&codeRare != 0 {
		x, size := getBytes(b)
		rare, b = rare^x, b[size:]
	}
	l.Traits, l.TSEcr, l.Behind, l.Len, l.TSVal = traits, uint32(rare), uint16(rare>>32), 0, 0
	size := first>>codeTime + 2
	l.Passed = lower(binary.LittleEndian.Uint64(b), size)
	if b = b[size:]; size < timeBytes {
		l.Passed *= 1000
	}
	size = first>>codePackets&3 + 5
	x := lower(binary.LittleEndian.Uint64(b), size)
	l.Digest, l.Packets, b = uint32(x), uint32(x>>32), b[size:]
	if text > 0 {
		l.Len, b = binary.LittleEndian.Uint16(b), b[2:]
	}
	if traits&stamped != 0 {
		x, size := binary.Uvarint(b)
		l.TSVal, b = c.stamps[from]+uint32(x), b[size:]
	}
	c.follow(l, from)
	return b
}

// lower returns the lower bytes of a number, one to eight.
func lower(v uint64, size int) uint64 { return v << (-8 * size & 63) >> (-8 * size & 63) }

// getBytes reads what putBytes wrote. It returns how many bytes that is.
func getBytes(b []byte) (v uint64, n int) {
	which, n := b[0], 1
	for ; which != 0; which &= which - 1 {
		v |= uint64(b[n]) << (8 * bits.TrailingZeros8(which) & 63)
		n++
	}
	return v, n
}

// Append stores a line after the others. A chain must not have more than Most.
func (s *Chains) Append(c *Chain, l *Line) {
	n := c.encode(&s.line, l)
	c.Count++
	if at := int(c.used); at+n <= blockBytes {
		copy(s.blocks.At(c.last).bytes[at:], s.line[:n])
		c.used += uint8(n)
		return
	}
	for b := s.line[:n]; len(b) > 0; {
		if c.used == blockBytes {
			number := s.blocks.Take()
			s.blocks.At(number).before = c.last
			c.last, c.used = number, 0
		}
		n := copy(s.blocks.At(c.last).bytes[c.used:], b)
		c.used, b = c.used+uint8(n), b[n:]
	}
}

// Read reads the lines of a chain that began with a SYN. It sets the first c.Count of to.
func (s *Chains) Read(c *Chain, syn *Line, to *[Most]Line) {
	first := mostBlocks
	for n := c.last; n != 0; {
		b := s.blocks.At(n)
		first--
		*(*[blockBytes]byte)(s.read[first*blockBytes:]) = b.bytes
		n = b.before
	}
	var so Chain
	so.Begin(syn)
	b := s.read[first*blockBytes:]
	for i := range to[:c.Count] {
		b = so.decode(b, &to[i])
	}
}

// Drop frees the lines of a chain.
func (s *Chains) Drop(c *Chain) {
	for n := c.last; n != 0; n = s.blocks.At(n).before {
		s.blocks.Drop(n)
	}
}

// LastBlock returns the number of a chain's last block, 0 for none.
func (c *Chain) LastBlock() uint32 { return c.last }

// Before loads a block into the caches. It returns the number of the one before it, 0 for none.
func (s *Chains) Before(number uint32) uint32 { return s.blocks.At(number).before }

// Used returns how many bytes the lines take.
func (s *Chains) Used() uint64 { return s.blocks.Live() * uint64(unsafe.Sizeof(block{})) }

// Spare returns how many bytes are not in use.
func (s *Chains) Spare() uint64 { return s.blocks.Spare() }

// Squeeze moves the lines to lower places, and frees the memory after them. The function each must call visit once with
// every chain that was not dropped.
func (s *Chains) Squeeze(each func(visit func(*Chain))) {
	s.blocks.Squeeze(func(move func(*uint32)) {
		each(func(c *Chain) {
			for n := &c.last; *n != 0; n = &s.blocks.At(*n).before {
				move(n)
			}
		})
	})
}
