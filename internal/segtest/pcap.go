package segtest

import (
	"encoding/binary"
	"time"

	"github.com/tcplife/tcplife/capture"
)

const linkEthernet capture.LinkType = 1 // LINKTYPE_ETHERNET

// Pcap is a classic capture file (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html), little endian, in
// microseconds, of the first packet's link type.
func Pcap(packets ...capture.Packet) []byte {
	link := linkEthernet
	if len(packets) > 0 {
		link = packets[0].Link
	}
	le := binary.LittleEndian
	file := le.AppendUint32(nil, 0xa1b2c3d4)
	file = le.AppendUint16(file, 2)
	file = le.AppendUint16(file, 4)
	file = append(file, make([]byte, 8)...)
	file = le.AppendUint32(file, 262144)
	file = le.AppendUint32(file, uint32(link))
	for _, p := range packets {
		t := time.Unix(0, p.Time)
		file = le.AppendUint32(file, uint32(t.Unix()))
		file = le.AppendUint32(file, uint32(t.Nanosecond()/1000))
		file = le.AppendUint32(file, uint32(len(p.Data)))
		file = le.AppendUint32(file, uint32(p.Length))
		file = append(file, p.Data...)
	}
	return file
}
