package flows

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/capture"
)

// shortcut decodes most packets: Ethernet with up to two VLAN tags, Linux cooked, loopback or nothing, then IPv4
// without options or IPv6 without extension headers, then TCP. For everything else, including every error, it reports
// false and changes nothing. If it reports true, it has done the same as walk. Tests compare the two packet by packet.
func (d *Decoder) shortcut(p *capture.Packet) bool {
	data := p.Data
	var etherType uint16
	switch p.Link {
	case 1: // ETHERNET
		if len(data) < 14 {
			return false
		}
		etherType, data = binary.BigEndian.Uint16(data[12:]), data[14:]
		for tags := 0; etherType == 0x8100 || etherType == 0x88a8; tags++ {
			if len(data) < 4 || tags == 2 {
				d.stack = d.stack[:0]
				return false
			}
			d.stack = append(d.stack, Layer{Kind: "vlan", ID: uint32(binary.BigEndian.Uint16(data) & 0xfff),
				HasID: true})
			etherType, data = binary.BigEndian.Uint16(data[2:]), data[4:]
		}
	case 113: // LINUX_SLL
		if len(data) < 16 {
			return false
		}
		etherType, data = binary.BigEndian.Uint16(data[14:]), data[16:]
	case 276: // LINUX_SLL2
		if len(data) < 20 {
			return false
		}
		etherType, data = binary.BigEndian.Uint16(data), data[20:]
	case 0: // NULL, as little-endian machines write it
		if len(data) < 4 {
			return false
		}
		switch binary.LittleEndian.Uint32(data) {
		case 2:
			etherType = 0x0800
		case 10, 24, 28, 30:
			etherType = 0x86dd
		}
		data = data[4:]
	case 101: // RAW
		if len(data) == 0 {
			return false
		}
		etherType = map4or6[data[0]>>4]
	}
	var ok bool
	switch etherType {
	case 0x0800:
		ok = d.shortcut4(data)
	case 0x86dd:
		ok = d.shortcut6(data)
	}
	if !ok {
		d.stack = d.stack[:0]
	}
	return ok
}

// map4or6 is the EtherType of an IP version.
var map4or6 = [16]uint16{4: 0x0800, 6: 0x86dd}

func (d *Decoder) shortcut4(data []byte) bool {
	const tcp, plainHeader = 6, 0x45
	if len(data) < 20 || data[0] != plainHeader || data[9] != tcp || binary.BigEndian.Uint16(data[6:])&^0x4000 != 0 {
		return false
	}
	wire := int(binary.BigEndian.Uint16(data[2:])) - 20
	segment := data[20:]
	if wire < len(segment) {
		segment = segment[:max(0, wire)]
	}
	if len(segment) < tcpNeeded || tcpSize(segment) < tcpLeast {
		return false
	}
	d.ip.src.set4(data[12:])
	d.ip.dst.set4(data[16:])
	d.ip.v6, d.ip.ttl, d.ip.id, d.ip.headers, d.ip.unsized = false, data[8], binary.BigEndian.Uint16(data[4:]), 20,
		false
	d.ip.ecn = ECN(data[1] & 3)
	d.ip.rehomed, d.ip.redirected = false, false
	d.checkIPv4(data, sumPlain((*[20]byte)(data)))
	d.segment(segment, wire)
	return true
}

func (d *Decoder) shortcut6(data []byte) bool {
	const tcp = 6
	if len(data) < 40 || data[0]>>4 != 6 || data[6] != tcp {
		return false
	}
	wire := int(binary.BigEndian.Uint16(data[4:]))
	segment := data[40:]
	if wire < len(segment) {
		segment = segment[:wire]
	}
	if wire == 0 || len(segment) < tcpNeeded || tcpSize(segment) < tcpLeast {
		return false
	}
	d.ip.src, d.ip.dst = Addr(data[8:24]), Addr(data[24:40])
	d.ip.v6, d.ip.ttl, d.ip.id, d.ip.headers, d.ip.unsized = true, data[7], 0, 40, false
	d.ip.ecn = ECN(data[1] >> 4 & 3)
	d.ip.rehomed, d.ip.redirected = false, false
	d.segment(segment, wire)
	return true
}
