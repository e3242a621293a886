package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// network has the fields of the innermost IP header so far.
type network struct {
	src, dst Addr
	v6       bool
	ttl      uint8
	ecn      ECN
	id       uint16
	headers  int  // bytes from the beginning of the IP header to what is decoded next
	unsized  bool // the header has no length: the sender left it to the hardware

	// The addresses of the TCP checksum, if they are not those of the header.
	home       Addr // the source, from a home address option (RFC 6275 §11.3.1)
	final      Addr // the destination, from a routing header (RFC 8200 §8.1)
	rehomed    bool
	redirected bool
}

// set4 sets a to the IPv4 address at the beginning of b, mapped (RFC 4291 §2.5.5.2).
func (a *Addr) set4(b []byte) { a.setWords(0, prefix4|uint64(binary.BigEndian.Uint32(b))) }

// prefix4 is a variable for speed: with a constant the compiler writes an address in pieces, and reading it as a whole
// stalls the processor (store forwarding).
var prefix4 uint64 = 0xffff << 32

func (ip *network) from4(l *ipv4) {
	ip.src.set4(l.SrcIP)
	ip.dst.set4(l.DstIP)
	ip.v6, ip.ttl, ip.id, ip.headers, ip.unsized = false, l.TTL, l.Id, 0, l.total == 0
	ip.ecn = ECN(l.TOS & 3)
	ip.rehomed, ip.redirected = false, false
}

func (ip *network) from6(l *ipv6) {
	ip.src, ip.dst = Addr(l.Contents[8:24]), Addr(l.Contents[24:40])
	ip.v6, ip.ttl, ip.id, ip.headers, ip.unsized = true, l.Contents[7], 0, 0, l.length == 0
	ip.ecn = ECN(l.Contents[1] >> 4 & 3)
	ip.rehomed, ip.redirected = false, false
}

// afterIPv4 returns the layer that a protocol number of IPv4 announces.
func afterIPv4(p layers.IPProtocol) gopacket.LayerType {
	switch p {
	case 1:
		return layers.LayerTypeICMPv4
	case 2:
		return endIGMP.layer()
	case 4:
		return layers.LayerTypeIPv4
	case 6:
		return layers.LayerTypeTCP
	case 17:
		return layers.LayerTypeUDP
	case 41:
		return layers.LayerTypeIPv6
	case 47:
		return layers.LayerTypeGRE
	case 50:
		return endESP.layer()
	case 51:
		return layers.LayerTypeIPSecAH
	case 108:
		return endIPComp.layer()
	case 132:
		return endSCTP.layer()
	case 137: // RFC 4023
		return layers.LayerTypeMPLS
	}
	return endIP.layer()
}

// afterIPv6 returns the layer that a next header number of IPv6 announces: a protocol, or an extension header.
func afterIPv6(p layers.IPProtocol) gopacket.LayerType {
	switch p {
	case 0:
		return layers.LayerTypeIPv6HopByHop
	case 1: // ICMP of IPv4 does not belong here
		return endIP.layer()
	case 43:
		return layers.LayerTypeIPv6Routing
	case 44:
		return layers.LayerTypeIPv6Fragment
	case 58:
		return layers.LayerTypeICMPv6
	case 60, 135, 139, 140: // destination options, and headers of the same shape: mobility, HIP, shim6
		return layers.LayerTypeIPv6Destination
	}
	return afterIPv4(p)
}

// ipv6 is RFC 8200. gopacket's refuses a payload length of 0 (BIG TCP, TSO), counts the hop-by-hop header twice, and
// allocates for its options.
type ipv6 struct {
	header
	protocol layers.IPProtocol
	length   int // payload length, for a jumbogram from its option; 0 if the sender left it to the hardware
}

func (l *ipv6) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6 }

func (l *ipv6) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 40 {
		return errShort
	}
	if data[0]>>4 != 6 {
		return errBad
	}
	l.length, l.protocol = int(binary.BigEndian.Uint16(data[4:])), layers.IPProtocol(data[6])
	if l.length == 0 && l.protocol == layers.IPProtocolIPv6HopByHop {
		if jumbo := ipv6Option(data[40:], 0xc2); len(jumbo) == 4 { // RFC 2675 §2
			l.length = int(binary.BigEndian.Uint32(jumbo))
		}
	}
	return l.split(data, 40, afterIPv6(l.protocol))
}

func (l *ipv6) wire(n int) int {
	if l.length == 0 {
		return n
	}
	return l.length
}

func (l *ipv6) encapsulation() (Layer, bool) { return outerIPv6(l.protocol) }

// outerIPv6 returns what an IPv6 header adds to the record if another IP header follows it and its extensions.
func outerIPv6(p layers.IPProtocol) (Layer, bool) {
	return Layer{Kind: "ipv6"}, p == layers.IPProtocolIPv4 || p == layers.IPProtocolIPv6
}

// ipv6Option returns the first option of a kind in an options header (RFC 8200 §4.2), nil if there is none.
func ipv6Option(extension []byte, kind byte) []byte {
	if len(extension) < 8 {
		return nil
	}
	options := extension[2:min(len(extension), (int(extension[1])+1)*8)]
	for len(options) >= 2 {
		if options[0] == 0 { // Pad1
			options = options[1:]
			continue
		}
		size := 2 + int(options[1])
		if size > len(options) {
			break
		}
		if options[0] == kind {
			return options[2:size]
		}
		options = options[size:]
	}
	return nil
}

// ipv6Extension is an extension header of the common shape (RFC 6564 §4), which gopacket's IPv6 layer skips with wrong
// lengths. It keeps the content that a segment's checksum or key needs.
type ipv6Extension struct {
	header
	typ      gopacket.LayerType
	protocol layers.IPProtocol
	home     []byte // home address, of destination options
	final    []byte // last address in a routing header that has segments left
	segments bool   // it is a segment routing header
}

func (l *ipv6Extension) CanDecode() gopacket.LayerClass { return l.typ }

func (l *ipv6Extension) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	l.protocol = layers.IPProtocol(data[0])
	if err := l.split(data, (int(data[1])+1)*8, afterIPv6(l.protocol)); err != nil {
		return err
	}
	l.home, l.final, l.segments = nil, nil, false
	switch l.typ {
	case layers.LayerTypeIPv6Destination:
		if home := ipv6Option(l.Contents, 0xc9); len(home) == 16 {
			l.home = home
		}
	case layers.LayerTypeIPv6Routing:
		kind, left, addresses := data[2], data[3], l.Contents[8:]
		if left == 0 || len(addresses) < 16 {
			break
		}
		switch kind {
		case 0, 2: // RFC 5095 deprecates the one; RFC 6275 §6.4
			l.final = addresses[(len(addresses)-1)/16*16:][:16]
		case 4: // RFC 8754 §2: the list is in reverse
			l.final, l.segments = addresses[:16], true
		}
	}
	return nil
}

func (l *ipv6Extension) encapsulation() (Layer, bool) { return outerIPv6(l.protocol) }

// apply corrects the addresses of the IP header. With segment routing, a packet belongs to the connection with the last
// segment. Other packets keep the addresses of their header: a host must not forward by a routing header of type 0, and
// only the receiver's bindings say whether a home address is valid.
func (l *ipv6Extension) apply(ip *network) {
	if l.home != nil {
		ip.home, ip.rehomed = Addr(l.home), true
	}
	if l.final != nil {
		ip.final, ip.redirected = Addr(l.final), true
		if l.segments {
			ip.dst = ip.final
		}
	}
}

// ipv6Fragment is RFC 8200 §4.5. gopacket decodes the payload of a later fragment as if it began with a protocol's
// header.
type ipv6Fragment struct {
	header
	protocol layers.IPProtocol
	offset   int
	more     bool
	id       uint32
}

func (l *ipv6Fragment) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6Fragment }

func (l *ipv6Fragment) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	l.protocol = layers.IPProtocol(data[0])
	l.offset, l.more = int(binary.BigEndian.Uint16(data[2:])&^7), data[3]&1 != 0
	l.id = binary.BigEndian.Uint32(data[4:])
	next := typeFragment
	if l.offset == 0 && !l.more { // an atomic fragment stands for itself (RFC 6946)
		next = afterIPv6(l.protocol)
	}
	return l.split(data, 8, next)
}

func (l *ipv6Fragment) encapsulation() (Layer, bool) { return outerIPv6(l.protocol) }

// ah is the authentication header (RFC 4302), in IPv4 and IPv6. gopacket's is no DecodingLayer.
type ah struct {
	header
	spi uint32
}

func (l *ah) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPSecAH }

func (l *ah) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 12 {
		return errShort
	}
	l.spi = binary.BigEndian.Uint32(data[4:])
	size := (int(data[1]) + 2) * 4
	if size < 12 {
		return errBad
	}
	return l.split(data, size, afterIPv6(layers.IPProtocol(data[0])))
}

func (l *ah) encapsulation() (Layer, bool) { return Layer{Kind: "ah", ID: l.spi, HasID: true}, true }
