package netlab

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/flows"
)

// Segment describes a frame for Options.Fate.
type Segment struct {
	FromClient       bool
	SrcPort, DstPort uint16
	Flags            flows.Flags
	Len              int // bytes of data
}

// parse reads a frame as the kernel sends it: without tags, fragments and extension headers.
func parse(frame []byte) (protocol uint8, s Segment) {
	const ethernet, ipv4, ipv6, tcp = 14, 20, 40, 20
	if len(frame) < ethernet+ipv4 {
		return 0, s
	}
	ip := frame[ethernet:]
	var body []byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_IP:
		header := int(ip[0]&0xf) * 4
		total := int(binary.BigEndian.Uint16(ip[2:]))
		if header > total || total > len(ip) {
			return 0, s
		}
		protocol, body = ip[9], ip[header:total]
	case unix.ETH_P_IPV6:
		if len(ip) < ipv6 {
			return 0, s
		}
		protocol, body = ip[6], ip[ipv6:]
		if protocol == unix.IPPROTO_ICMPV6 && len(body) > 0 && body[0] >= 128 {
			return 0, s // neighbour discovery and the like, no error (RFC 4443 §2.1)
		}
	}
	if protocol == unix.IPPROTO_TCP && len(body) >= tcp {
		s.SrcPort = binary.BigEndian.Uint16(body)
		s.DstPort = binary.BigEndian.Uint16(body[2:])
		s.Flags = flows.Flags(binary.BigEndian.Uint16(body[12:]) & 0x1ff)
		s.Len = len(body) - int(body[12]>>4)*4
	}
	return protocol, s
}
