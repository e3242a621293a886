// Package lines stores the segments of ordinary connections in some 15 bytes each: what is not expected after the
// segments before.
package lines

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// Line is what is known of a segment. What it lacks follows from the segments before.
type Line struct {
	Passed               uint64 // ns since the segment before; in a SYN without ACK, SEG.ACK
	Traits               Traits
	Packets              uint32 // since the segment before
	Digest, TSVal, TSEcr uint32
	Behind               uint16 // octets sent by its peer that it does not acknowledge; in a SYN, the MSS
	Len                  uint16 // in a SYN, the window scale, and which options it has
}

// Traits are the fields of a segment that the lines of an end mostly share, in one word. From the lowest bit on these
// are the window, the IP id, the control bits, the marks, the length of the headers, and the TTL.
type Traits uint64

const (
	ipidAt    = 16
	flagsAt   = 32
	marksAt   = 40
	headersAt = 48
	ttlAt     = 56
)

// The bits of the marks. The first two are the codepoint of ECN, the next two the checksum.
const (
	fromB Traits = 1 << (marksAt + 4 + iota)
	stamped
	cut
	ae
)

// The bits of Line.Len in a SYN, after those of the window scale.
const (
	hasMSS = 1 << (8 + iota)
	hasWScale
	hasSACK
)

// Fits reports whether a line can hold a segment. Long segments and rare options do not fit.
func Fits(seg *flows.Segment) bool {
	o := &seg.Options
	if o.HasSACK || o.FastOpen || o.MPTCP != flows.NoMPTCP || o.Signed || o.Cut || seg.Headers >= 1<<8 {
		return false
	}
	return seg.Flags.Has(flows.SYN) || seg.Len < 1<<16 && !o.HasMSS && !o.HasWScale && !o.SACKPermitted
}

// Set stores a segment that fits, except Passed, Packets and Behind. It writes each field to its final place: a
// processor stalls when it copies in one piece what it has just written in several.
func (l *Line) Set(seg *flows.Segment) {
	o := &seg.Options
	l.Digest, l.TSVal, l.TSEcr = seg.Digest, o.TSVal, o.TSEcr
	l.Traits = Traits(seg.Window) | Traits(seg.IPID)<<ipidAt | Traits(seg.Flags&0xff)<<flagsAt |
		Traits(seg.ECN)<<marksAt | Traits(seg.Checksum)<<(marksAt+2) | Traits(seg.Headers)<<headersAt |
		Traits(seg.TTL)<<ttlAt | Traits(bit(seg.FromB))*fromB | Traits(bit(o.HasTimestamp))*stamped |
		Traits(bit(seg.Cut))*cut | Traits(bit(seg.Flags.Has(flows.AE)))*ae
	if l.Len = uint16(seg.Len); seg.Flags.Has(flows.SYN) {
		l.Behind, l.Len = o.MSS, uint16(o.WScale)|bit(o.HasMSS)*hasMSS|bit(o.HasWScale)*hasWScale|
			bit(o.SACKPermitted)*hasSACK
	}
}

// bit is 1 for true.
func bit(is bool) (n uint16) {
	if is {
		n = 1
	}
	return n
}

// Read sets the fields of a segment that the line holds, except the text of a SYN.
func (l *Line) Read(seg *flows.Segment) {
	t := l.Traits
	seg.FromB, seg.Cut = t&fromB != 0, t&cut != 0
	seg.Flags = l.Flags()
	if t&ae != 0 {
		seg.Flags |= flows.AE
	}
	seg.Window, seg.Headers, seg.TTL, seg.IPID = l.Window(), uint16(uint8(t>>headersAt)), l.TTL(), uint16(t>>ipidAt)
	seg.ECN, seg.Checksum, seg.Digest = flows.ECN(t>>marksAt&3), l.Checksum(), l.Digest
	seg.Options = flows.Options{HasTimestamp: l.Stamped(), TSVal: l.TSVal, TSEcr: l.TSEcr}
	if !seg.Flags.Has(flows.SYN) {
		seg.Len = uint32(l.Len)
		return
	}
	opt := &seg.Options
	opt.MSS, opt.WScale = l.Behind, uint8(l.Len)
	opt.HasMSS, opt.HasWScale, opt.SACKPermitted = l.Len&hasMSS != 0, l.Len&hasWScale != 0, l.Len&hasSACK != 0
}

// Options returns the options of a SYN.
func (l *Line) Options() record.Options {
	return record.Options{
		MSS:           record.Count{Number: uint64(l.Behind), Known: l.Len&hasMSS != 0},
		WScale:        record.Count{Number: uint64(uint8(l.Len)), Known: l.Len&hasWScale != 0},
		SACKPermitted: l.Len&hasSACK != 0, Timestamps: l.Stamped(),
	}
}

// Sender returns the end that sent the segment.
func (l *Line) Sender() int { return int(l.Traits / fromB & 1) }

// Flags returns the control bits, except AE.
func (l *Line) Flags() flows.Flags { return flows.Flags(uint8(l.Traits >> flagsAt)) }

// Window returns SEG.WND as the segment has it, not scaled.
func (l *Line) Window() uint16 { return uint16(l.Traits) }

// TTL returns the IPv4 TTL or the IPv6 hop limit.
func (l *Line) TTL() uint8 { return uint8(l.Traits >> ttlAt) }

// Checksum says whether the checksum is right.
func (l *Line) Checksum() flows.Checksum { return flows.Checksum(l.Traits >> (marksAt + 2) & 3) }

// Stamped reports whether the segment has a timestamp (RFC 7323).
func (l *Line) Stamped() bool { return l.Traits&stamped != 0 }

// Kind returns the control bits, the marks without the sender, and the length of the headers. The lower 32 bits and
// the upper 8 are 0.
func (t Traits) Kind() uint64 { return uint64(t &^ fromB & (1<<ttlAt - 1<<flagsAt)) }
