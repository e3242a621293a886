package segtest

import (
	"encoding/binary"
	"slices"
)

// Fragments cuts the IPv4 packet of an Ethernet frame into fragments with size bytes of payload.
func Fragments(frame []byte, size int) (pieces [][]byte) {
	const ethernet, header = 14, 20
	payload := frame[ethernet+header:]
	for at := 0; at < len(payload); at += size {
		part := payload[at:min(at+size, len(payload))]
		piece := append(slices.Clone(frame[:ethernet+header]), part...)
		ip := piece[ethernet:]
		binary.BigEndian.PutUint16(ip[2:], uint16(header+len(part)))
		offset := uint16(at / 8)
		if at+size < len(payload) {
			offset |= 0x2000 // more fragments
		}
		binary.BigEndian.PutUint16(ip[6:], offset)
		binary.BigEndian.PutUint16(ip[10:], 0)
		sum := uint32(0)
		for i := 0; i < header; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(ip[i:]))
		}
		binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
		pieces = append(pieces, piece)
	}
	return pieces
}
