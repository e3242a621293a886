package flows

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// tcp is RFC 9293 §3.1. gopacket rejects a segment if its options are malformed, or cut by the snaplen.
type tcp struct{ header }

// tcpNeeded is the least captured part of a header: up to the control bits. The old default snaplen of 68 bytes leaves
// that much of a segment in IPv6.
const tcpNeeded = 14

func (l *tcp) CanDecode() gopacket.LayerClass { return layers.LayerTypeTCP }

func (l *tcp) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < tcpNeeded {
		return errShort
	}
	size := tcpSize(data)
	if size < tcpLeast {
		return errBad
	}
	return l.split(data, min(size, len(data)), endTCP.layer())
}

// tcpLeast is the size of a header without options.
const tcpLeast = 20

// tcpSize returns the size of a header with options, from its data offset field.
func tcpSize(data []byte) int { return int(data[12]>>4) * 4 }

// fastOpenID distinguishes Fast Open from other experiments (RFC 6994, RFC 7413 appendix A).
const fastOpenID = 0xf989

// parse reads TCP options (RFC 9293 §3.1) up to their end or the first impossible one. It skips an option of a known
// kind with a wrong length.
func (o *Options) parse(b []byte) {
	if len(b) == 12 && binary.BigEndian.Uint32(b) == 0x0101080a { // the options of most segments (RFC 7323 appendix A)
		o.timestamp(b[4:])
		return
	}
	for len(b) > 0 {
		switch b[0] {
		case 0:
			return
		case 1:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			o.Cut = true
			return
		}
		kind, value := b[0], b[2:b[1]]
		b = b[b[1]:]
		switch {
		case kind == 2 && len(value) == 2:
			o.HasMSS, o.MSS = true, binary.BigEndian.Uint16(value)
		case kind == 3 && len(value) == 1:
			o.HasWScale, o.WScale = true, min(value[0], 14)
		case kind == 4 && len(value) == 0:
			o.SACKPermitted = true
		case kind == 5 && len(value) >= 8 && len(value)%8 == 0:
			o.HasSACK, o.SACKLeft, o.SACKRight = true, binary.BigEndian.Uint32(value),
				binary.BigEndian.Uint32(value[4:])
		case kind == 8 && len(value) == 8:
			o.timestamp(value)
		case kind == 19 && len(value) == 16, kind == 29 && len(value) >= 2:
			o.Signed = true
		case kind == 30 && len(value) >= 1:
			o.mptcp(value)
		case kind == 34:
			o.FastOpen, o.FastOpenLen = true, uint8(len(value))
		case kind == 254 && len(value) >= 2 && binary.BigEndian.Uint16(value) == fastOpenID:
			o.FastOpen, o.FastOpenLen = true, uint8(len(value)-2)
		}
	}
}

// mptcp reads an MPTCP option (RFC 8684 §3.1, §3.2; version 0: RFC 6824).
func (o *Options) mptcp(value []byte) {
	switch version, length := value[0]&0xf, len(value)+2; value[0] >> 4 {
	case 0:
		o.MPTCP, o.MPTCPToken = MPTCPCapable, 0
		if length >= 12 {
			o.MPTCPToken = mptcpToken(version, value[2:10])
		}
	case 1:
		o.MPTCP, o.MPTCPToken = MPTCPJoin, 0
		if length == 12 {
			o.MPTCPToken = binary.BigEndian.Uint32(value[2:])
		}
	default:
		if o.MPTCP == NoMPTCP {
			o.MPTCP = MPTCPOther
		}
	}
}

// mptcpToken returns the first 32 bits of the hash of a key: SHA-256 (RFC 8684 §3.1), in version 0 SHA-1 (RFC 6824
// §3.1).
func mptcpToken(version uint8, key []byte) uint32 {
	if version == 0 {
		sum := sha1.Sum(key)
		return binary.BigEndian.Uint32(sum[:])
	}
	sum := sha256.Sum256(key)
	return binary.BigEndian.Uint32(sum[:])
}

func (o *Options) timestamp(value []byte) {
	o.HasTimestamp, o.TSVal, o.TSEcr = true, binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])
}

// segment appends a segment. data is its captured part, at least tcpNeeded bytes, and wire its length. If the header
// claims to be longer than the segment, the options count as cut.
func (d *Decoder) segment(data []byte, wire int) {
	checksum := d.header
	if wire <= len(data) {
		d.stats.CheckedTCPSegments++
		own := checkTCP(&d.ip, data[:wire])
		switch own {
		case ChecksumWrong:
			d.stats.BadTCPChecksums++
		case ChecksumUnfinished:
			d.stats.UnfinishedTCPChecksums++
		}
		checksum = max(checksum, own)
	}
	if checksum == ChecksumWrong && d.options.DropBadChecksums {
		d.found(endBadChecksum)
		return
	}
	s, size := d.extend(), tcpSize(data)
	n := min(size, len(data))
	s.Seq, s.Ack = binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:])
	s.Flags, s.Window = Flags(binary.BigEndian.Uint16(data[12:]))&(AE<<1-1), UnknownWindow
	if n >= tcpNeeded+2 {
		s.Window = binary.BigEndian.Uint16(data[14:])
	}
	s.Len = uint32(max(0, wire-size))
	s.Headers = uint16(min(d.ip.headers+wire-int(s.Len), math.MaxUint16))
	if s.Options.Cut = n < size; n > tcpLeast {
		s.Options.parse(data[tcpLeast:n])
	}
	s.FromB = s.Key.set(&d.ip.src, &d.ip.dst, binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]), d.ip.v6)
	s.Cut = wire > len(data)
	s.Checksum = checksum
	s.Digest = digestTCP(data[:n], data[n:], wire)
	if s.Flags.Has(RST) && s.Len > 0 {
		s.Reason = reason(data[n:min(len(data), n+int(s.Len))])
	}
	d.stats.Segments++
	d.found(endTCP)
}

// digestTCP is Segment.Digest.
func digestTCP(header, text []byte, wire int) uint32 {
	ports, flags := binary.LittleEndian.Uint32(header), binary.LittleEndian.Uint16(header[12:])
	h := mix(uint64(ports), uint64(flags)^uint64(wire)<<16)
	if len(header) > 18 { // after the checksum
		h = digest(header[18:], h)
	}
	if len(text) > 0 {
		h = digest(text[:min(64, len(text))], h)
	}
	return uint32(h ^ h>>32)
}

// set fills k for a segment from src to dst and reports whether src became B. It reads the addresses in words for
// speed.
func (k *Key) set(src, dst *Addr, srcPort, dstPort uint16, v6 bool) (fromB bool) {
	aHigh, aLow := src.words()
	bHigh, bLow := dst.words()
	fromB = bHigh < aHigh || bHigh == aHigh && (bLow < aLow || bLow == aLow && dstPort < srcPort)
	if fromB {
		aHigh, aLow, srcPort, bHigh, bLow, dstPort = bHigh, bLow, dstPort, aHigh, aLow, srcPort
	}
	k.A.setWords(aHigh, aLow)
	k.B.setWords(bHigh, bLow)
	k.APort, k.BPort, k.V6 = srcPort, dstPort, v6
	return fromB
}

func (a *Addr) words() (high, low uint64) {
	return binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(a[8:])
}

func (a *Addr) setWords(high, low uint64) {
	binary.BigEndian.PutUint64(a[:], high)
	binary.BigEndian.PutUint64(a[8:], low)
}

// reason returns the text in an RST, nil if it is not printable ASCII.
func reason(text []byte) *string {
	const longest = 200
	text = bytes.Trim(text[:min(len(text), longest)], "\x00 \t\r\n")
	for _, b := range text {
		if b < ' ' || b > '~' {
			return nil
		}
	}
	if len(text) == 0 {
		return nil
	}
	s := string(text)
	return &s
}
