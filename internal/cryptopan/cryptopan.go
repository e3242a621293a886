// Package cryptopan replaces addresses so that two of them share exactly as long a prefix as before: the algorithm of
// Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-Preserving IP Address Anonymization, ICNP 2002), for IPv4, IPv6 and MAC
// addresses. The key reverses the replacement. Without the key one only sees which addresses share a prefix.
package cryptopan

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// KeySize is the number of bytes of a key.
const KeySize = 32

// mostKept is the most addresses whose replacements are remembered. When it is reached, all are forgotten.
const mostKept = 1 << 17

// Addresses replaces addresses. It is not safe for concurrent use.
type Addresses struct {
	block cipher.Block
	pad   [16]byte
	ip4   map[[4]byte][4]byte
	ip6   map[[16]byte][16]byte
	mac   map[[6]byte][6]byte
}

// ParseKey reads a key: 32 bytes, or these in 64 hexadecimal digits.
func ParseKey(file []byte) ([KeySize]byte, error) {
	if len(file) == KeySize {
		return [KeySize]byte(file), nil
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(file)))
	if err != nil || len(b) != KeySize {
		return [KeySize]byte{}, errors.New("a key is 32 bytes, or 64 hexadecimal digits")
	}
	return [KeySize]byte(b), nil
}

// New takes the first 16 bytes of the key for the cipher (AES-128), and encrypts the other ones for the padding.
func New(key [KeySize]byte) *Addresses {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err) // 16 bytes are a key
	}
	a := &Addresses{block: block, ip4: map[[4]byte][4]byte{}, ip6: map[[16]byte][16]byte{}, mac: map[[6]byte][6]byte{}}
	block.Encrypt(a.pad[:], key[16:])
	return a
}

// IP4 replaces an IPv4 address.
func (a *Addresses) IP4(ip [4]byte) [4]byte {
	return remember(a.ip4, ip, func() (to [4]byte) {
		a.replace(to[:], ip[:], a.pad, 0)
		return to
	})
}

// IP6 replaces an IPv6 address.
func (a *Addresses) IP6(ip [16]byte) [16]byte {
	return remember(a.ip6, ip, func() (to [16]byte) {
		a.replace(to[:], ip[:], a.pad, 0)
		return to
	})
}

// MAC replaces a MAC address. A group address stays a group address, and a local one a local one. Broadcast and 0 stay.
func (a *Addresses) MAC(mac [6]byte) [6]byte {
	const groupAndLocal = 0x03 << 40
	nobody, everybody := [6]byte{}, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if mac == nobody || mac == everybody {
		return mac
	}
	return remember(a.mac, mac, func() (to [6]byte) {
		pad := a.pad
		pad[15] ^= 1 // not the bits of an IP address with the same digits
		a.replace(to[:], mac[:], pad, groupAndLocal)
		for to == nobody || to == everybody { // replace once more: the results stay distinct
			from := to
			a.replace(to[:], from[:], pad, groupAndLocal)
		}
		return to
	})
}

// Addr replaces an address of a record.
func (a *Addresses) Addr(ip netip.Addr) netip.Addr {
	switch {
	case !ip.IsValid():
		return ip
	case ip.Is4():
		return netip.AddrFrom4(a.IP4(ip.As4()))
	}
	return netip.AddrFrom16(a.IP6(ip.As16()))
}

// replace flips each bit or not: the cipher decides, from the bits before it followed by the padding's. It never flips
// the bits of kept.
func (a *Addresses) replace(to, from []byte, pad [16]byte, kept uint64) {
	in, out := pad, [16]byte{}
	for bit := range len(from) * 8 {
		i, mask := bit/8, byte(0x80)>>(bit%8)
		a.block.Encrypt(out[:], in[:])
		flip := out[0] >> 7
		if kept != 0 && kept<<(64-len(from)*8)>>(63-bit)&1 != 0 {
			flip = 0
		}
		to[i] = to[i]&^mask | from[i]&mask ^ mask*flip
		in[i] = in[i]&^mask | from[i]&mask
	}
}

func remember[T comparable](known map[T]T, from T, replace func() T) T {
	to, is := known[from]
	if !is {
		if len(known) == mostKept {
			clear(known)
		}
		to = replace()
		known[from] = to
	}
	return to
}
