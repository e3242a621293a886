package wire

import (
	"github.com/tcplife/tcplife/flows"
)

// Checksums judges the checksums of an end's segments. A receiver drops a segment with a wrong checksum (RFC 9293
// §3.1). But on the sending host the network card computes checksums after the capture, and a frame merged from several
// has no checksum of the sender. So a checksum is wrong for the receiver only if the end's other checksums are right,
// and the receiver does not acknowledge the segment.
type Checksums struct {
	Good     bool     // a checksum was right
	harmless bool     // a segment with a wrong checksum was acknowledged before it was sent again
	MSS      uint16   // of the peer's SYN; 0 while that was not seen
	longest  uint32   // octets of text in the longest segment with a right checksum, while MSS is not known
	doubt    struct { // the last segment with a wrong checksum, until it is acknowledged or sent again; then zero
		seq, next uint32
	}
}

// Rejects reports whether the segment's receiver probably dropped it.
func (s *Checksums) Rejects(seg *flows.Segment) bool {
	return seg.Checksum == flows.ChecksumWrong && s.Good && !s.harmless && !s.merged(seg)
}

// merged reports whether a segment is longer than any on the wire: a receiver has merged several (GRO, LRO), or a
// sender leaves it to the network card to divide it (TSO). Then its checksum is not the one that was sent. If the MSS
// is not known, the end's other segments show how long they can be.
func (s *Checksums) merged(seg *flows.Segment) bool {
	const timestamps = 12 // octets of the padded option, which RFC 6691 §2 subtracts
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
		doubt.seq, doubt.next = 0, 0 // an acknowledgement no longer proves that the first transmission arrived
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

// Acknowledged records an acknowledgement of the peer.
func (s *Checksums) Acknowledged(ack uint32) {
	if doubt := &s.doubt; doubt.seq != doubt.next && int32(ack-doubt.next) >= 0 {
		doubt.seq, doubt.next, s.harmless = 0, 0, true
	}
}
