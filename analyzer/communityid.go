package analyzer

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// appendCommunityID appends Community ID version 1 with seed 0 (https://github.com/corelight/community-id-spec), which is
// the same for both directions.
func appendCommunityID(b []byte, low, high netip.Addr, lowPort, highPort uint16) []byte {
	if high.Less(low) || low == high && highPort < lowPort {
		low, high, lowPort, highPort = high, low, highPort, lowPort
	}
	const seed, tcp, padding = 0, 6, 0
	var room [40]byte
	hashed := binary.BigEndian.AppendUint16(room[:0], seed)
	for _, ip := range [...]netip.Addr{low, high} {
		if ip.Is4() {
			ip := ip.As4()
			hashed = append(hashed, ip[:]...)
		} else {
			ip := ip.As16()
			hashed = append(hashed, ip[:]...)
		}
	}
	hashed = append(hashed, tcp, padding)
	hashed = binary.BigEndian.AppendUint16(hashed, lowPort)
	hashed = binary.BigEndian.AppendUint16(hashed, highPort)
	sum := sha1.Sum(hashed)
	return base64.StdEncoding.AppendEncode(append(b, "1:"...), sum[:])
}
