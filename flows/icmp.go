package flows

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"
)

// quote looks for the beginning of a TCP segment in an ICMP error: an IP header and at least the ports (RFC 792 quotes
// eight bytes, RFC 1812 §4.3.2.3 and RFC 4443 §2.4 as much as fits). message is the whole ICMP message.
func (d *Decoder) quote(message []byte) {
	q := Quote{V6: d.ip.v6, Type: message[0], Code: message[1], From: d.ip.src.netip(d.ip.v6)}
	switch {
	case !q.TooBig():
	case q.V6:
		q.MTU = binary.BigEndian.Uint32(message[4:])
	default:
		q.MTU = uint32(binary.BigEndian.Uint16(message[6:]))
	}
	var src, dst Addr
	var segment []byte
	if q.V6 {
		d.found(endICMPv6)
		src, dst, segment = quotedIPv6(message[8:])
	} else {
		d.found(endICMP)
		src, dst, segment = quotedIPv4(message[8:])
	}
	if len(segment) < 4 {
		return
	}
	s := d.extend()
	s.FromB = s.Key.set(&src, &dst, binary.BigEndian.Uint16(segment), binary.BigEndian.Uint16(segment[2:]), q.V6)
	if len(segment) >= 8 {
		s.Seq, q.HasSeq = binary.BigEndian.Uint32(segment[4:]), true
	}
	s.Quote = &q
	d.stats.Quotes++
}

// quotedIPv4 returns the TCP header after an IPv4 header; nil if there is none.
func quotedIPv4(b []byte) (src, dst Addr, segment []byte) {
	const tcp = 6
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != tcp || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return src, dst, nil
	}
	size := int(b[0]&0xf) * 4
	if size < 20 || len(b) < size {
		return src, dst, nil
	}
	src.set4(b[12:])
	dst.set4(b[16:])
	return src, dst, b[size:]
}

// quotedIPv6 returns the TCP header after an IPv6 header and its extensions; nil if there is none.
func quotedIPv6(b []byte) (src, dst Addr, segment []byte) {
	if len(b) < 40 || b[0]>>4 != 6 {
		return src, dst, nil
	}
	src, dst = Addr(b[8:24]), Addr(b[24:40])
	protocol, b := layers.IPProtocol(b[6]), b[40:]
	for len(b) >= 8 {
		size := (int(b[1]) + 1) * 8
		switch afterIPv6(protocol) {
		case layers.LayerTypeTCP:
			return src, dst, b
		case layers.LayerTypeIPv6Fragment:
			size = 8
			if binary.BigEndian.Uint16(b[2:])>>3 != 0 {
				return src, dst, nil
			}
		case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
		default:
			return src, dst, nil
		}
		if len(b) < size {
			break
		}
		protocol, b = layers.IPProtocol(b[0]), b[size:]
	}
	return src, dst, nil
}
