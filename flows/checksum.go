package flows

import (
	"encoding/binary"
	"math/bits"
)

// sum adds the bytes to a ones' complement sum (RFC 1071), in words of eight and in little-endian order: neither matters
// to whether the folded result is zero (§2 B, C). An odd number of bytes must be the last.
func sum(b []byte, s uint64) uint64 {
	var carry uint64
	for len(b) >= 64 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[32:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[40:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[48:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[56:]), carry)
		b = b[64:]
	}
	for len(b) >= 8 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), carry)
		b = b[8:]
	}
	if len(b) >= 4 {
		s, carry = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b)), carry)
		b = b[4:]
	}
	if len(b) >= 2 {
		s, carry = bits.Add64(s, uint64(binary.LittleEndian.Uint16(b)), carry)
		b = b[2:]
	}
	if len(b) > 0 {
		s, carry = bits.Add64(s, uint64(b[0]), carry)
	}
	s, carry = bits.Add64(s, carry, 0)
	return s + carry
}

// checks reports whether a sum over data that holds its own checksum says that nothing changed.
func checks(s uint64) bool {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return s == 0xffff
}

// tcpChecks reports whether the checksum of a whole segment is right (RFC 9293 §3.1).
func tcpChecks(ip *network, segment []byte) bool {
	src, dst := &ip.src, &ip.dst
	if ip.rehomed {
		src = &ip.home
	}
	if ip.redirected {
		dst = &ip.final
	}
	// The rest of the pseudo-header, as little-endian words: a zero and the protocol, the length.
	s := uint64(6)<<8 + uint64(bits.ReverseBytes32(uint32(len(segment))))
	if ip.v6 {
		s = sum(dst[:], sum(src[:], s))
	} else {
		s += uint64(binary.LittleEndian.Uint32(src[12:])) + uint64(binary.LittleEndian.Uint32(dst[12:]))
	}
	return checks(sum(segment, s))
}

// digest mixes bytes into a hash. It is quick and even, and no defence against whoever chooses the bytes. The folded
// multiplication and the two constants are those of wyhash.
func digest(b []byte, h uint64) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	n := len(b)
	for len(b) >= 16 {
		hi, lo := bits.Mul64(binary.LittleEndian.Uint64(b)^k0, binary.LittleEndian.Uint64(b[8:])^h)
		h = hi ^ lo
		b = b[16:]
	}
	var x, y uint64
	if len(b) >= 8 {
		x = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	if len(b) >= 4 {
		y = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	for _, v := range b {
		y = y<<8 | uint64(v)
	}
	hi, lo := bits.Mul64(x^k1^uint64(n), y^h)
	return hi ^ lo
}
