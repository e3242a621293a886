package analyzer

import "github.com/tcplife/tcplife/flows"

// fingerprint is what a packet that the capture holds twice has twice (a SPAN port that mirrors both directions, or
// `-i any` on a router): all but its link layer and its TTL, and its numbers if they were changed between.
type fingerprint struct {
	at       int64
	digest   uint32
	seq, ack uint32
	len      uint32
	ipid     uint16
	flags    flows.Flags
	ttl      uint8
	other    bool   // captured on the other side of a device that renumbers
	heard    uint64 // packets of the peer before it
}

// A retransmission can look the same, but not so soon: its timer is at least 200 ms (RFC 6298 §2.4 wants 1 s), and an
// IP ID or a timestamp tells it apart; and an answer to something is no duplicate of an answer to something else.
const (
	duplicateWithID = 100e6 // ns between two packets with one IP ID (RFC 6864)
	duplicateWithTS = 10e6
	duplicateBare   = 2e6
)

// isDuplicate reports whether the capture holds the segment already, and remembers it. Other says on which side of a device that
// renumbers it was captured; what was captured on both is the same by its numbers, whatever else was changed.
func (s *side) isDuplicate(seg *flows.Segment, other bool, peer *side) bool {
	heard := peer.packets - peer.duplicates
	within := int64(duplicateBare)
	switch {
	case seg.IPID != 0:
		within = duplicateWithID
	case seg.Options.HasTimestamp:
		within = duplicateWithTS
	case seg.Len == 0 && seg.Flags&(flows.SYN|flows.FIN) == 0:
		within = -1 // bare acknowledgements repeat honestly (RFC 5681 §3.2), and so do resets
	}
	for i := range s.recent {
		r := &s.recent[i]
		if r.at == 0 || r.seq != seg.Seq || r.ack != seg.Ack || r.ipid != seg.IPID || r.flags != seg.Flags || r.len != seg.Len {
			continue
		}
		limit := within
		switch {
		case r.other != other:
			limit = duplicateWithID
		case r.digest != seg.Digest || seg.IPID == 0 && r.heard != heard:
			continue
		case limit < 0 && r.ttl != seg.TTL:
			limit = duplicateBare
		}
		if d := seg.Time - r.at; d >= -limit && d <= limit {
			return true
		}
	}
	f := &s.recent[s.recentNext%uint8(len(s.recent))]
	s.recentNext++
	f.at, f.digest, f.seq, f.ack, f.len, f.ipid, f.flags = seg.Time, seg.Digest, seg.Seq, seg.Ack, seg.Len, seg.IPID, seg.Flags
	f.ttl, f.other, f.heard = seg.TTL, other, heard
	return false
}

// forgetFingerprints forgets those that are too old to be those of duplicates.
func (c *connection) forgetFingerprints(now int64) {
	for i := range c.sides {
		for j := range c.sides[i].recent {
			if f := &c.sides[i].recent[j]; f.at < now-duplicateWithID {
				*f = fingerprint{}
			}
		}
	}
}
