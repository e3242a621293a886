package wire

import (
	"strconv"

	"github.com/tcplife/tcplife/flows"
)

// Path is what is known of the longest segments that get from an end to its peer. If a link takes less than the MSS,
// and ICMP errors do not arrive, short segments pass and long ones are lost (RFC 2923 §2.1).
type Path struct {
	passed uint32 // octets of text in the longest segment that was acknowledged
	next   uint32 // the sequence number after a longer segment, not acknowledged yet; 0 for none
	len    uint32 // octets of that longer segment
	trouble
}

// trouble has fields that few connections need.
type trouble struct {
	stuck stuck
	mtu   uint32 // that an ICMP error named for one of the end's segments (RFC 1191 §4, RFC 4443 §3.2)
	Named uint64 // packet of that error, 0 for none
	lost  uint32 // octets of the packets that were lost because of their size
}

// stuck is the first unacknowledged text, while it is retransmitted repeatedly.
type stuck struct {
	seq, len    uint32
	size        uint32 // of its packet, in octets
	again       uint64 // retransmissions by timer
	at          int64  // the last retransmission that was counted
	first, last uint64 // packets
	small       bool   // a shorter segment has got through meanwhile
	pieces      bool   // the last retransmission was in shorter segments
}

// stuckOften is the least number of retransmissions of one segment for a finding. Fewer are common.
const stuckOften = 3

// shortestTimeout is less than the retransmission time-outs of common stacks, in ns. An earlier retransmission is not
// by timer.
const shortestTimeout = 200e6

// Sends records a segment of the end. una is its SND.UNA, and nxt its SND.NXT before the segment.
func (p *Path) Sends(seg *flows.Segment, una, nxt uint32) {
	if seg.Len == 0 || seg.Flags&(flows.SYN|flows.RST) != 0 {
		return
	}
	if int32(nxt-seg.Seq) <= 0 {
		if seg.Len > max(p.passed, p.len) {
			p.next, p.len = seg.Seq+seg.Len, seg.Len
		}
		return
	}
	s := &p.stuck
	switch {
	case seg.Seq != una:
		return
	case s.again == 0 || s.seq != una:
		*s = stuck{seq: una, first: seg.Packet, len: seg.Len, size: uint32(seg.Headers) + seg.Len}
	case seg.Len < s.len:
		s.pieces = true
		return
	case seg.Time-s.at < shortestTimeout:
		s.pieces = false
		return
	}
	s.pieces = false
	s.again++
	s.at, s.last = seg.Time, seg.Packet
}

// Acknowledged records an acceptable segment of the peer. repeats says that it acknowledges nothing new.
// Acknowledged reports whether the stuck text has got through.
func (p *Path) Acknowledged(seg *flows.Segment, repeats bool) (freed bool) {
	s := &p.stuck
	if freed = s.again > 0 && int32(seg.Ack-s.seq) > 0; freed && s.pieces {
		p.next, p.len = 0, 0
	} else if p.len > 0 && int32(seg.Ack-p.next) >= 0 {
		p.passed, p.next, p.len = max(p.passed, p.len), 0, 0
	}
	switch {
	case s.again == 0:
	case freed && !s.pieces:
		p.passed = max(p.passed, s.len)
	case freed:
		s.small = true
	case seg.Options.HasSACK: // the peer has received the block
		if got := seg.Options.SACKRight - seg.Options.SACKLeft; got < s.len {
			s.small = true
		} else {
			p.passed = max(p.passed, s.len)
		}
	case !repeats && (seg.Len > 0 || seg.Flags.Has(flows.FIN)):
		s.small = true
	}
	return freed
}

// Unanswered returns how often the first unacknowledged text was retransmitted, with the first and the last of these
// packets, and whether that is often enough for a finding.
func (p *Path) Unanswered() (times, first, last uint64, often bool) {
	return p.stuck.again, p.stuck.first, p.stuck.last, p.stuck.again >= stuckOften
}

// Lose records that the stuck text was lost because of its size.
func (p *Path) Lose() { p.lost = max(p.lost, p.stuck.size) }

// Release forgets the stuck text.
func (p *Path) Release() { p.stuck = stuck{} }

// TooBig records the MTU that an ICMP error names.
func (p *Path) TooBig(mtu uint32, packet uint64) {
	if p.Named == 0 || mtu < p.mtu {
		p.mtu, p.Named = mtu, packet
	}
}

// TooLong reports whether the stuck text is too long for the path: only shorter segments get through, or an ICMP error
// says so.
func (p *Path) TooLong() bool {
	return p.stuck.again >= stuckOften && p.stuck.len > p.passed && (p.stuck.small || p.Named != 0)
}

// Append appends the sizes of a finding.
func (p *Path) Append(b []byte) []byte {
	b = append(strconv.AppendUint(append(b, ": packets of "...), uint64(p.lost), 10), " octets"...)
	switch {
	case p.Named == 0:
		return append(b, "; no ICMP error in the capture names the MTU"...)
	case p.mtu == 0:
		b = append(b, "; an ICMP error without an MTU"...)
	default:
		b = strconv.AppendUint(append(b, "; an ICMP error names an MTU of "...), uint64(p.mtu), 10)
	}
	return b
}
