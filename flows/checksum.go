package flows

import (
	"encoding/binary"
	"math/bits"
)

// Checksum is the verdict on the checksums of a segment and of its IPv4 headers.
type Checksum uint8

// The values of a Checksum. A higher one takes precedence.
const (
	// ChecksumUnknown: it cannot be checked, because the snaplen cut the segment, or its sender left segmentation to
	// the network card (TSO).
	ChecksumUnknown Checksum = iota
	// ChecksumGood: it is right.
	ChecksumGood
	// ChecksumUnfinished: the network card fills it in after the point of capture. It says nothing about the segment.
	ChecksumUnfinished
	// ChecksumWrong: none of these. The segment was damaged or forged, or merged from several on its way.
	ChecksumWrong
)

// String is unknown, good, unfinished or wrong.
func (c Checksum) String() string { return [...]string{"unknown", "good", "unfinished", "wrong"}[c] }

// sum adds the bytes to a ones' complement sum (RFC 1071), eight at a time and in little-endian order. Neither changes
// whether the folded result is zero (§2 B, C). Only the last call for a sum may have an odd number of bytes.
func sum(b []byte, s uint64) uint64 {
	var carry, carries uint64
	for len(b) >= 64 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[32:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[40:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[48:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[56:]), carry)
		carries += carry
		b = b[64:]
	}
	if len(b) >= 32 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), carry)
		carries += carry
		b = b[32:]
	}
	s = s>>32 + s&0xffffffff + carries // the rest cannot overflow any more
	for len(b) >= 8 {
		word := binary.LittleEndian.Uint64(b)
		s += word>>32 + word&0xffffffff
		b = b[8:]
	}
	if len(b) >= 4 {
		s += uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		s += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) > 0 {
		s += uint64(b[0])
	}
	return s
}

// sumPlain is sum for an IPv4 header without options.
func sumPlain(b *[20]byte) uint64 {
	x, y, z := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])
	return x>>32 + x&0xffffffff + y>>32 + y&0xffffffff + uint64(z)
}

// checks reports whether a sum over data that includes its checksum is right.
func checks(s uint64) bool {
	folded, carry := bits.Add32(uint32(s>>32), uint32(s), 0)
	folded += carry
	folded += bits.RotateLeft32(folded, 16) // the upper half is the sum of both halves and of the carry
	return folded>>16 == 0xffff
}

// checkTCP checks the checksum of a whole segment (RFC 9293 §3.1).
func checkTCP(ip *network, segment []byte) Checksum {
	s, length := ip.pseudo(), pseudoLength(len(segment))
	switch {
	case checks(sum(segment, s+length)):
		return ChecksumGood
	case len(segment) >= 18 && unfinished(binary.LittleEndian.Uint16(segment[16:]), s, length):
		return ChecksumUnfinished
	case ip.unsized:
		return ChecksumUnknown
	}
	return ChecksumWrong
}

// pseudo is the sum of a segment's pseudo-header without its length, in little-endian words.
func (ip *network) pseudo() uint64 {
	src, dst := &ip.src, &ip.dst
	if ip.rehomed {
		src = &ip.home
	}
	if ip.redirected {
		dst = &ip.final
	}
	s := uint64(6) << 8 // a zero and the protocol
	if ip.v6 {
		return sum(dst[:], sum(src[:], s))
	}
	return s + uint64(binary.LittleEndian.Uint32(src[12:])) + uint64(binary.LittleEndian.Uint32(dst[12:]))
}

// pseudoLength returns the summand of the length in the pseudo-header.
func pseudoLength(n int) uint64 { return uint64(bits.ReverseBytes32(uint32(n))) }

// unfinished reports whether the sender left a checksum to its network card. Then it is 0, or the sum of the
// pseudo-header, complemented or not: with the length if the segment is sent as it is, without the length if the card
// divides it (TSO). A receiver that merges segments (GRO) leaves such a checksum too.
func unfinished(checksum uint16, pseudo, length uint64) bool {
	c := fold(uint64(checksum))
	with, without := fold(pseudo+length), fold(pseudo)
	return checksum == 0 || c == with || c == without || c == fold(uint64(^with)) || c == fold(uint64(^without))
}

// fold returns a ones' complement sum in 16 bits. It returns zero as 0xffff.
func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	if s == 0 {
		return 0xffff
	}
	return uint16(s)
}

// digest mixes bytes into a hash. It is fast and uniform, but no defence against chosen bytes. The folded
// multiplication and the two constants are those of wyhash.
func digest(b []byte, h uint64) uint64 {
	for len(b) > 16 {
		h = mix(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	n := len(b)
	var x, y uint64
	switch { // the words overlap
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	return mix(x^uint64(n), y^h)
}

func mix(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x^0xa0761d6478bd642f, y^0xe7037ed1a0b428db)
	return hi ^ lo
}
