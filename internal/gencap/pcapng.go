//go:build linux

package main

import "encoding/binary"

var le = binary.LittleEndian

// pcapng is a file in the format of https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html, little endian.
type pcapng []byte

// Option codes (§3.5, §4.2, §4.6).
const (
	endOfOptions = 0
	ifName       = 2
	ifTsresol    = 9
	isbIfrecv    = 4
	isbIfdrop    = 5
)

// block appends a block.
func (f *pcapng) block(typ uint32, body []byte) {
	body = pad(body)
	length := uint32(12 + len(body))
	*f = le.AppendUint32(*f, typ)
	*f = le.AppendUint32(*f, length)
	*f = append(*f, body...)
	*f = le.AppendUint32(*f, length)
}

// section begins a section of unknown length (§4.1).
func (f *pcapng) section() {
	body := le.AppendUint32(nil, 0x1a2b3c4d)
	body = append(body, 1, 0, 0, 0)
	f.block(0x0a0d0d0a, le.AppendUint64(body, 1<<64-1))
}

// addInterface describes an interface with times in units of 10^-resolution seconds (§4.2).
func (f *pcapng) addInterface(name string, link uint16, resolution byte) {
	body := le.AppendUint16(nil, link)
	body = append(body, 0, 0)
	body = le.AppendUint32(body, 262144)
	body = option(body, ifName, []byte(name))
	body = option(body, ifTsresol, []byte{resolution})
	f.block(1, option(body, endOfOptions, nil))
}

// addPacket adds an Enhanced Packet Block (§4.3).
func (f *pcapng) addPacket(iface uint32, ticks int64, data []byte) {
	body := le.AppendUint32(nil, iface)
	body = le.AppendUint32(body, uint32(ticks>>32))
	body = le.AppendUint32(body, uint32(ticks))
	body = le.AppendUint32(body, uint32(len(data)))
	body = le.AppendUint32(body, uint32(len(data)))
	f.block(6, append(body, data...))
}

// addStatistics adds an Interface Statistics Block (§4.6) without a time.
func (f *pcapng) addStatistics(iface uint32, received, dropped uint64) {
	body := le.AppendUint32(nil, iface)
	body = append(body, make([]byte, 8)...)
	body = option(body, isbIfrecv, le.AppendUint64(nil, received))
	body = option(body, isbIfdrop, le.AppendUint64(nil, dropped))
	f.block(5, option(body, endOfOptions, nil))
}

func option(body []byte, code uint16, value []byte) []byte {
	body = le.AppendUint16(body, code)
	body = le.AppendUint16(body, uint16(len(value)))
	return append(body, pad(value)...)
}

// pad fills up to 32 bits.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
