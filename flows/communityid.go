package flows

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// CommunityID is Community ID version 1 with seed 0 (https://github.com/corelight/community-id-spec), which is the same
// for both directions; the zero value is none. It holds the two sockets, and computes their hash only when needed,
// because most records do not need it.
type CommunityID struct {
	low, high         Addr
	lowPort, highPort uint16
	v6                bool
}

// NewCommunityID returns the ID of connections between two sockets.
func NewCommunityID(x, y netip.AddrPort) CommunityID {
	c := CommunityID{x.Addr().As16(), y.Addr().As16(), x.Port(), y.Port(), !x.Addr().Is4()}
	if cmp.Or(bytes.Compare(c.low[:], c.high[:]), cmp.Compare(c.lowPort, c.highPort)) > 0 {
		c.low, c.high, c.lowPort, c.highPort = c.high, c.low, c.highPort, c.lowPort
	}
	return c
}

// CommunityID returns the ID of the key's connections. The key has the sockets in the order of the specification.
func (k *Key) CommunityID() CommunityID {
	return CommunityID{k.A, k.B, k.APort, k.BPort, k.V6}
}

// Append appends the ID as text; nothing if it is none.
func (c CommunityID) Append(b []byte) []byte {
	if c == (CommunityID{}) {
		return b
	}
	const seed, tcp, padding, mapped = 0, 6, 0, 12
	low, high := c.low[:], c.high[:]
	if !c.v6 {
		low, high = low[mapped:], high[mapped:]
	}
	var room [40]byte
	hashed := binary.BigEndian.AppendUint16(room[:0], seed)
	hashed = append(append(hashed, low...), high...)
	hashed = append(hashed, tcp, padding)
	hashed = binary.BigEndian.AppendUint16(hashed, c.lowPort)
	hashed = binary.BigEndian.AppendUint16(hashed, c.highPort)
	sum := sha1.Sum(hashed)
	return base64.StdEncoding.AppendEncode(append(b, "1:"...), sum[:])
}

// String is the ID as text, empty if it is none.
func (c CommunityID) String() string { return string(c.Append(nil)) }

// MarshalText gives the same.
func (c CommunityID) MarshalText() ([]byte, error) { return c.Append(nil), nil }
