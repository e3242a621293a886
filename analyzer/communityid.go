package analyzer

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// communityHash is Community ID version 1 with seed 0 (https://github.com/corelight/community-id-spec), of two
// sockets in the specification's order.
func communityHash(low, high netip.Addr, lowPort, highPort uint16) string {
	const seed, tcp, padding = 0, 6, 0
	b := make([]byte, 0, 40)
	b = binary.BigEndian.AppendUint16(b, seed)
	b = append(b, low.AsSlice()...)
	b = append(b, high.AsSlice()...)
	b = append(b, tcp, padding)
	b = binary.BigEndian.AppendUint16(b, lowPort)
	b = binary.BigEndian.AppendUint16(b, highPort)
	sum := sha1.Sum(b)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
