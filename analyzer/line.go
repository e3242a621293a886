package analyzer

import "github.com/tcplife/tcplife/flows"

// line is what is written down of a segment, in 32 bytes. All else about it follows from what came before.
type line struct {
	passed               uint64 // since the segment before: nanoseconds, and in the last passedBits packets; of a SYN without ACK SEG.ACK
	digest, tsVal, tsEcr uint32
	behind               uint16 // octets of its peer's that it does not acknowledge; of a SYN the MSS
	len                  uint16 // of a SYN the window scale, and which options it has
	window, ipid         uint16
	headers, ttl         uint8
	flags, marks         uint8
}

// passedBits leave room for 67 million packets and for 275 seconds between two segments.
const passedBits = 26

// The bits of line.marks. The first two are the codepoint of ECN, the next two the checksum.
const (
	markFromB = 1 << (4 + iota)
	markStamped
	markCut
	markAE
)

// The bits of line.len of a SYN, behind those of the window scale.
const (
	optionMSS = 1 << (8 + iota)
	optionWScale
	optionSACK
)

// lineOf is the line of a segment, but for passed and behind. It reports whether nothing of it is lost: longer ones and less
// usual options cannot be written down.
func lineOf(seg *flows.Segment) (l line, whole bool) {
	opt := &seg.Options
	l = line{
		digest: seg.Digest, tsVal: opt.TSVal, tsEcr: opt.TSEcr, len: uint16(seg.Len), window: seg.Window, ipid: seg.IPID,
		headers: uint8(seg.Headers), ttl: seg.TTL, flags: uint8(seg.Flags), marks: uint8(seg.ECN) | uint8(seg.Checksum)<<2,
	}
	l.mark(seg.FromB, markFromB)
	l.mark(opt.HasTimestamp, markStamped)
	l.mark(seg.Cut, markCut)
	l.mark(seg.Flags.Has(flows.AE), markAE)
	plain := flows.Options{HasTimestamp: opt.HasTimestamp, TSVal: opt.TSVal, TSEcr: opt.TSEcr}
	if seg.Flags.Has(flows.SYN) {
		l.behind, l.len = opt.MSS, uint16(opt.WScale)
		if plain.MSS, plain.HasMSS = opt.MSS, opt.HasMSS; opt.HasMSS {
			l.len |= optionMSS
		}
		if plain.WScale, plain.HasWScale = opt.WScale, opt.HasWScale; opt.HasWScale {
			l.len |= optionWScale
		}
		if plain.SACKPermitted = opt.SACKPermitted; opt.SACKPermitted {
			l.len |= optionSACK
		}
	} else if seg.Len >= 1<<16 {
		return line{}, false
	}
	return l, seg.Headers < 1<<8 && *opt == plain
}

func (l *line) mark(is bool, bit uint8) {
	if is {
		l.marks |= bit
	}
}

// read sets what the line says of a segment, the text of a SYN left out.
func (l *line) read(seg *flows.Segment) {
	seg.FromB, seg.Cut = l.marks&markFromB != 0, l.marks&markCut != 0
	seg.Flags = flows.Flags(l.flags)
	if l.marks&markAE != 0 {
		seg.Flags |= flows.AE
	}
	seg.Window, seg.Headers, seg.TTL, seg.IPID = l.window, uint16(l.headers), l.ttl, l.ipid
	seg.ECN, seg.Checksum, seg.Digest = flows.ECN(l.marks&3), l.checksum(), l.digest
	seg.Options = flows.Options{HasTimestamp: l.marks&markStamped != 0, TSVal: l.tsVal, TSEcr: l.tsEcr}
	if !seg.Flags.Has(flows.SYN) {
		seg.Len = uint32(l.len)
		return
	}
	opt := &seg.Options
	opt.MSS, opt.WScale = l.behind, uint8(l.len)
	opt.HasMSS, opt.HasWScale, opt.SACKPermitted = l.len&optionMSS != 0, l.len&optionWScale != 0, l.len&optionSACK != 0
}

// sender is the end that sent the segment.
func (l *line) sender() int { return int(l.marks >> 4 & 1) }

func (l *line) checksum() flows.Checksum { return flows.Checksum(l.marks >> 2 & 3) }

// stampedZero reports a timestamp of 0.
func (l *line) stampedZero() bool { return l.marks&markStamped != 0 && l.tsVal == 0 }
