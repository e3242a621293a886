package zeek

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tcplife/tcplife/analyzer/record"
)

// UID returns the connection's uid: a C and 96 bits in base 62, like Zeek's. Zeek's are random; this one is a hash of
// Community ID and start, so that a connection has the same uid in every run, and in every capture of its first packet.
func UID(c *record.Connection) string { return string(appendUID(nil, c)) }

func appendUID(b []byte, c *record.Connection) []byte {
	var room [64]byte
	seed := c.CommunityID.Append(room[:0])
	seed = binary.BigEndian.AppendUint64(seed, uint64(c.Start))
	sum := sha256.Sum256(seed)
	var number [3]uint32 // the upper word first
	for i := range number {
		number[i] = binary.BigEndian.Uint32(sum[4*i:])
	}
	b = append(b, 'C')
	for number != [3]uint32{} {
		rest := uint64(0)
		for i, word := range number {
			rest = rest<<32 | uint64(word)
			number[i], rest = uint32(rest/62), rest%62
		}
		b = append(b, digits[rest])
	}
	return b
}

const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
