package flows

import (
	"encoding/binary"
	"slices"

	"github.com/tcplife/tcplife/capture"
)

// Headers, byte by byte, each around its payload.

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func le16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func le32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

func zeros(n int) []byte { return make([]byte, n) }

var (
	client4 = [4]byte{10, 0, 0, 1}
	server4 = [4]byte{10, 0, 0, 2}
	client6 = [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
	server6 = [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 2}
)

func eth(etherType int, payload []byte) []byte {
	return cat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, be16(etherType), payload)
}

// tag is a VLAN tag, from its TCI on.
func tag(id, etherType int, payload []byte) []byte { return cat(be16(id), be16(etherType), payload) }

// ip4 is an IPv4 header without options and with a correct checksum.
func ip4(protocol int, payload []byte) []byte { return ip4with(protocol, nil, payload) }

func ip4with(protocol int, options, payload []byte) []byte {
	size := 20 + len(options)
	h := cat([]byte{0x40 | byte(size/4), 0}, be16(size+len(payload)), be16(7), be16(0),
		[]byte{64, byte(protocol), 0, 0},
		client4[:], server4[:], options)
	return cat(sealIP4(h), payload)
}

// sealIP4 puts the checksum into an IPv4 header.
func sealIP4(h []byte) []byte {
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], rfc1071(h))
	return h
}

// ip4fragment is one fragment; offset in bytes.
func ip4fragment(protocol, id, offset int, more bool, payload []byte) []byte {
	p := ip4(protocol, payload)
	binary.BigEndian.PutUint16(p[4:], uint16(id))
	flags := uint16(offset / 8)
	if more {
		flags |= 0x2000
	}
	binary.BigEndian.PutUint16(p[6:], flags)
	sealIP4(p[:20])
	return p
}

func ip6(next int, payload []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, be16(len(payload)), []byte{byte(next), 60}, client6[:], server6[:], payload)
}

// ip6fragment is a fragment header and what follows it.
func ip6fragment(next, id, offset int, more bool, payload []byte) []byte {
	flags := offset
	if more {
		flags |= 1
	}
	return ip6(44, cat([]byte{byte(next), 0}, be16(flags), be32(id), payload))
}

// extension is an IPv6 extension header of 8 bytes and more, by its content behind the first two bytes.
func extension(next int, content, payload []byte) []byte {
	return cat([]byte{byte(next), byte((len(content)+2)/8 - 1)}, content, payload)
}

const (
	testSeq    = 0x01020304
	testAck    = 0x05060708
	testWindow = 0x1234
)

// tcp4 and tcp6 are a segment, from 40000 to 80, with a correct checksum for the addresses of ip4 and ip6.
func tcp4(flags Flags, options, payload []byte) []byte {
	return sealTCP(tcpHeader(flags, options, payload), cat(client4[:], server4[:]))
}

func tcp6(flags Flags, options, payload []byte) []byte {
	return sealTCP(tcpHeader(flags, options, payload), cat(client6[:], server6[:]))
}

func tcpHeader(flags Flags, options, payload []byte) []byte {
	size := 20 + len(options)
	return cat(be16(40000), be16(80), be32(testSeq), be32(testAck), be16(size/4<<12|int(flags)), be16(testWindow),
		be16(0), be16(0), options, payload)
}

func sealTCP(segment, addresses []byte) []byte {
	segment[16], segment[17] = 0, 0
	binary.BigEndian.PutUint16(segment[16:],
		rfc1071(cat(addresses, be16(0), be16(6), be16(0), be16(len(segment)), segment)))
	return segment
}

// rfc1071 is the checksum as RFC 1071 §4.1 writes it, in words of two.
func rfc1071(b []byte) uint16 {
	var s uint32
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) > 0 {
		s += uint32(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

func udpTo(port int, payload []byte) []byte {
	return cat(be16(50000), be16(port), be16(8+len(payload)), be16(0), payload)
}

// syn4, syn6 are the packets that most tests wrap in something.
var (
	synOptions = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7}
	timestamps = []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}
	syn4       = ip4(6, tcp4(SYN, synOptions, nil))
	syn6       = ip6(6, tcp6(SYN, synOptions, nil))
	data4      = ip4(6, tcp4(PSH|ACK, timestamps, []byte("GET / HTTP/1.1\r\n\r\n")))
	data6      = ip6(6, tcp6(PSH|ACK, timestamps, []byte("GET / HTTP/1.1\r\n\r\n")))
)

// packet is a packet that was captured whole.
func packet(link capture.LinkType, data []byte) *capture.Packet {
	return &capture.Packet{Number: 1, Time: 1e18, Data: data, Length: len(data), Link: link}
}

// cut is a packet of which n bytes were captured.
func cut(link capture.LinkType, data []byte, n int) *capture.Packet {
	p := packet(link, data)
	p.Data = p.Data[:n]
	return p
}
