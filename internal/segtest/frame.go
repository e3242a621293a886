package segtest

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"

	"github.com/tcplife/tcplife/flows"
)

var be = binary.BigEndian

// packet has everything that a packet's bytes are made of.
type packet struct {
	src, dst netip.AddrPort
	flags    flows.Flags
	seq, ack uint32
	win, urg uint16
	len      uint32
	opt      flows.Options
	md5      bool
	key      uint64 // of an MP_CAPABLE option
	ecn      flows.ECN
	ttl      uint8
	ipid     uint16
	badsum   bool
	unsummed bool

	encap *flows.Encapsulation
	pad   bool
}

// tcp is the TCP segment (RFC 9293 §3.1). Its checksum is correct unless badsum or unsummed is set.
func (p *packet) tcp() []byte {
	opt := p.options()
	b := make([]byte, 20, 20+len(opt)+int(p.len))
	be.PutUint16(b[0:], p.src.Port())
	be.PutUint16(b[2:], p.dst.Port())
	be.PutUint32(b[4:], p.seq)
	be.PutUint32(b[8:], p.ack)
	be.PutUint16(b[12:], uint16(20+len(opt))<<10|uint16(p.flags))
	be.PutUint16(b[14:], p.win)
	be.PutUint16(b[18:], p.urg)
	b = append(b, opt...)
	// Data depends only on its place in sequence space, so that a retransmission carries the same octets.
	for i := range p.len {
		b = append(b, 'a'+byte((p.seq+i)%26))
	}
	before := pseudo(p.src.Addr(), p.dst.Addr(), 6, len(b))
	sum := checksum(b, before)
	switch {
	case p.badsum:
		sum ^= 0x1234
	case p.unsummed:
		sum = ^checksum(nil, before)
	}
	be.PutUint16(b[16:], sum)
	return b
}

// options are the TCP options in the order and alignment of Linux.
func (p *packet) options() []byte {
	const nop = 1
	var b []byte
	o := &p.opt
	if o.HasMSS {
		b = be.AppendUint16(append(b, 2, 4), o.MSS)
	}
	switch {
	case o.SACKPermitted:
		b = append(b, 4, 2)
	case o.HasTimestamp:
		b = append(b, nop, nop)
	}
	switch {
	case o.HasTimestamp:
		b = be.AppendUint32(be.AppendUint32(append(b, 8, 10), o.TSVal), o.TSEcr)
	case o.SACKPermitted:
		b = append(b, nop, nop)
	}
	if o.HasWScale {
		b = append(b, nop, 3, 3, o.WScale)
	}
	if o.HasSACK {
		b = be.AppendUint32(be.AppendUint32(append(b, nop, nop, 5, 10), o.SACKLeft), o.SACKRight)
	}
	if o.FastOpen {
		b = append(b, 34, 2+o.FastOpenLen)
		for i := range o.FastOpenLen {
			b = append(b, 0xc0+i)
		}
	}
	switch { // RFC 8684 §3.1 (version 1, HMAC-SHA256), §3.2
	case o.MPTCP == flows.MPTCPCapable && p.key != 0:
		b = be.AppendUint64(append(b, 30, 12, 0x01, 0x01), p.key)
	case o.MPTCP == flows.MPTCPCapable:
		b = append(b, 30, 4, 0x01, 0x01)
	case o.MPTCP == flows.MPTCPJoin:
		b = append(be.AppendUint32(append(b, 30, 12, 0x10, 0x01), o.MPTCPToken), "rand"...)
	}
	if p.md5 {
		b = append(append(b, nop, nop, 19, 18), "0123456789abcdef"...)
	}
	for len(b)%4 != 0 {
		b = append(b, nop)
	}
	return b
}

// headers is the length of the IP and the TCP header.
func (p *packet) headers() int {
	const ipv4, ipv6, tcp = 20, 40, 20
	n := tcp + len(p.options())
	if p.src.Addr().Is4() {
		return ipv4 + n
	}
	return ipv6 + n
}

// frame is the Ethernet frame with the packet in it.
func (p *packet) frame() []byte {
	return p.ethernet(p.ip(6, p.tcp()))
}

// Frame is an Ethernet frame with a TCP segment that has no options.
func Frame(src, dst netip.AddrPort, flags flows.Flags, seq, ack uint32, data int) []byte {
	p := packet{src: src, dst: dst, flags: flags, seq: seq, ack: ack, len: uint32(data), win: 64240, ttl: 64}
	return p.frame()
}

// icmp is the frame with an error from src to dst that quotes the first quote bytes of q's segment, -1 for all, as
// current routers do (RFC 1812 §4.3.2.3, RFC 4443 §3).
func (p *packet) icmp(typ, code uint8, q *packet, quote int) []byte {
	tcp := q.tcp()
	if quote < 0 || quote > len(tcp) {
		quote = len(tcp)
	}
	quoted := q.ip(6, tcp)
	quoted = quoted[:len(quoted)-len(tcp)+quote]
	b := append([]byte{typ, code, 0, 0, 0, 0, 0, 0}, quoted...)
	if p.src.Addr().Is4() {
		be.PutUint16(b[2:], checksum(b, 0))
		return p.ethernet(p.ip(1, b))
	}
	be.PutUint16(b[2:], checksum(b, pseudo(p.src.Addr(), p.dst.Addr(), 58, len(b))))
	return p.ethernet(p.ip(58, b))
}

func (p *packet) ip(proto uint8, body []byte) []byte {
	return ip(p.src.Addr(), p.dst.Addr(), proto, p.ttl, p.ecn, p.ipid, body)
}

// ethernet adds the Ethernet header and encap to an IP packet.
func (p *packet) ethernet(ipPacket []byte) []byte {
	src, dst := p.src.Addr(), p.dst.Addr()
	etherType := func(a netip.Addr) uint16 {
		if a.Is4() {
			return 0x0800
		}
		return 0x86dd
	}
	frame := be.AppendUint16(nil, etherType(src))
	frame = append(frame, ipPacket...)
	addresses := append(mac(dst), mac(src)...)
	if p.encap != nil {
		for i := len(p.encap.Layers) - 1; i >= 0; i-- {
			switch l := p.encap.Layers[i]; l.Kind {
			case "vlan":
				frame = append(be.AppendUint16([]byte{0x81, 0x00}, uint16(l.ID)), frame...)
			case "vxlan": // RFC 7348 §5, between two tunnel endpoints, the source port by the inner flow
				inner := append(addresses, frame...)
				vxlan := append(be.AppendUint32([]byte{8, 0, 0, 0}, l.ID<<8), inner...)
				from, to := tunnelEnd(src), tunnelEnd(dst)
				udp := be.AppendUint16(nil, 49152+p.src.Port()%16384)
				udp = be.AppendUint16(udp, 4789)
				udp = be.AppendUint16(udp, uint16(8+len(vxlan)))
				udp = append(udp, 0, 0) // no checksum (RFC 7348 §4.1)
				udp = append(udp, vxlan...)
				frame = append([]byte{0x08, 0x00}, ip(from, to, 17, 64, flows.NotECT, 0, udp)...)
				addresses = append(mac(to), mac(from)...)
			}
		}
	}
	frame = append(addresses, frame...)
	if p.pad && len(frame) < 60 {
		frame = append(frame, make([]byte, 60-len(frame))...)
	}
	return frame
}

// tunnelEnd is the VXLAN tunnel endpoint of a host.
func tunnelEnd(host netip.Addr) netip.Addr {
	b := host.As16()
	return netip.AddrFrom4([4]byte{198, 51, 100, b[15]})
}

// mac is a locally administered address made from an IP address.
func mac(a netip.Addr) []byte {
	b := a.As16()
	return []byte{0x02, 0x00, 0x00, b[13], b[14], b[15]}
}

// ip is an IPv4 (RFC 791 §3.1, with Don't Fragment) or IPv6 (RFC 8200 §3) packet.
func ip(src, dst netip.Addr, proto, ttl uint8, ecn flows.ECN, id uint16, body []byte) []byte {
	if src.Is6() {
		b := []byte{0x60, byte(ecn) << 4, 0, 0, 0, 0, proto, ttl}
		be.PutUint16(b[4:], uint16(len(body)))
		b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
		return append(b, body...)
	}
	b := []byte{0x45, byte(ecn), 0, 0, 0, 0, 0x40, 0, ttl, proto, 0, 0}
	be.PutUint16(b[2:], uint16(20+len(body)))
	be.PutUint16(b[4:], id)
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	be.PutUint16(b[10:], checksum(b, 0))
	return append(b, body...)
}

// pseudo is the sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1).
func pseudo(src, dst netip.Addr, proto uint8, length int) uint32 {
	sum := uint32(proto) + uint32(length)
	for _, a := range [][]byte{src.AsSlice(), dst.AsSlice()} {
		for i := 0; i < len(a); i += 2 {
			sum += uint32(be.Uint16(a[i:]))
		}
	}
	return sum
}

// checksum is the Internet checksum (RFC 1071) of b, added to sum.
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// digest is equal for captured copies of a packet. It differs from the digest that a flows.Decoder computes.
func digest(tcp []byte) uint32 {
	h := fnv.New32a()
	h.Write(tcp[:4])
	h.Write(tcp[12:16])
	h.Write(tcp[18:])
	return h.Sum32()
}

// key is the flow key of a segment and whether it was sent by the key's B.
func key(src, dst netip.AddrPort) (k flows.Key, fromB bool) {
	k = flows.Key{
		A: src.Addr().As16(), APort: src.Port(),
		B: dst.Addr().As16(), BPort: dst.Port(),
		V6: src.Addr().Is6(),
	}
	if dst.Compare(src) < 0 {
		k.A, k.B, k.APort, k.BPort = k.B, k.A, k.BPort, k.APort
		fromB = true
	}
	return k, fromB
}
