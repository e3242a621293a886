package wire

import (
	"github.com/tcplife/tcplife/flows"
)

// Checksums has the results for the checksums of an end's segments. A receiver drops a segment whose checksum is wrong
// (RFC 9293 §3.1), but the observer is not the receiver: on the sending host the network card fills in checksums after
// the capture, and a frame merged from several has no sender's checksum. So a wrong one counts as wrong for the
// receiver only if the end's others are right, and as long as the receiver does not acknowledge the segment.
type Checksums struct {
	Good     bool     // one was right
	harmless bool     // a segment with a wrong one was acknowledged, and had not been sent again
	MSS      uint16   // the longest segment that the peer takes, by its SYN; 0 while that was not seen
	longest  uint32   // octets of text in the longest segment with a right one, while mss is not known
	doubt    struct { // the last segment with a wrong one, while it is neither acknowledged nor sent again; else zero
		seq, next uint32
	}
}

// Rejects reports whether the segment's receiver probably dropped it.
func (s *Checksums) Rejects(seg *flows.Segment) bool {
	return seg.Checksum == flows.ChecksumWrong && s.Good && !s.harmless && !s.merged(seg)
}

// merged reports whether a segment is longer than any on the wire: a receiver has merged several (GRO, LRO), or a
// sender left it to its network card to cut this one up (TSO). Its checksum is not that of what was sent. Without the
// SYN that tells the MSS, the end's other segments show what it sends.
func (s *Checksums) merged(seg *flows.Segment) bool {
	const timestamps = 12 // octets of the option, padded, that RFC 6691 §2 takes off
	limit := s.longest
	if s.MSS > 0 {
		limit = uint32(s.MSS)
		if seg.Options.HasTimestamp {
			limit -= min(limit, timestamps)
		}
	}
	return seg.Len > limit
}

// Sent records a segment of an end that has sent everything before nxt, if known.
func (s *Checksums) Sent(seg *flows.Segment, nxt uint32, known bool) {
	end := seg.Seq + seg.Len
	if seg.Flags&(flows.SYN|flows.FIN) != 0 {
		end++
	}
	doubt := &s.doubt
	if doubt.seq != doubt.next && int32(end-doubt.seq) > 0 && int32(doubt.next-seg.Seq) > 0 {
		doubt.seq, doubt.next = 0, 0 // from now on an acknowledgement says nothing of the first transmission
	}
	switch seg.Checksum {
	case flows.ChecksumGood:
		s.Good = true
		if s.MSS == 0 {
			s.longest = max(s.longest, seg.Len)
		}
	case flows.ChecksumWrong:
		brings := end != seg.Seq && !seg.Flags.Has(flows.RST) && (!known || int32(end-nxt) > 0)
		if brings && !s.merged(seg) {
			doubt.seq, doubt.next = seg.Seq, end
		}
	}
}

// Acknowledged records what the peer acknowledges.
func (s *Checksums) Acknowledged(ack uint32) {
	if doubt := &s.doubt; doubt.seq != doubt.next && int32(ack-doubt.next) >= 0 {
		doubt.seq, doubt.next, s.harmless = 0, 0, true
	}
}
