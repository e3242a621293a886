package analyzer

import (
	"strconv"

	"github.com/tcplife/tcplife/flows"
)

// fingerprint identifies a packet that the capture holds twice (a SPAN port that mirrors both directions, or `-i any`
// on a router). Its link layer and TTL may differ, and its numbers if a device changed them.
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

// A retransmission can look the same, but not so soon: its timer is at least 200 ms (RFC 6298 §2.4 requires 1 s), and
// its IP ID or timestamp differs. Answers to different segments are not duplicates.
const (
	duplicateWithID = 100e6 // ns between two packets with one IP ID (RFC 6864)
	duplicateWithTS = 10e6
	duplicateBare   = 2e6
)

// isDuplicate reports whether the capture already holds the segment, and remembers it. other says on which side of a
// device that renumbers it was captured. Packets from both sides are the same if their translated numbers are, even if
// the device changed other fields.
func (s *side) isDuplicate(seg *flows.Segment, other bool, peer *side) bool {
	heard := peer.packets - peer.duplicates
	within := int64(duplicateBare)
	switch {
	case seg.IPID != 0:
		within = duplicateWithID
	case seg.Options.HasTimestamp:
		within = duplicateWithTS
	case seg.Len == 0 && seg.Flags&(flows.SYN|flows.FIN) == 0:
		within = -1 // bare acknowledgements repeat legitimately (RFC 5681 §3.2), and so do resets
	}
	for i := range s.recent {
		r := &s.recent[i]
		if r.at == 0 || r.seq != seg.Seq || r.ack != seg.Ack || r.ipid != seg.IPID || r.flags != seg.Flags ||
			r.len != seg.Len {
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
	s.remember(seg, other, peer)
	return false
}

// remember stores the fingerprint for isDuplicate.
func (s *side) remember(seg *flows.Segment, other bool, peer *side) {
	f := &s.recent[s.recentNext%uint8(len(s.recent))]
	s.recentNext++
	f.at, f.digest, f.seq, f.ack, f.len, f.ipid, f.flags = seg.Time, seg.Digest, seg.Seq, seg.Ack, seg.Len, seg.IPID,
		seg.Flags
	f.ttl, f.other, f.heard = seg.TTL, other, peer.packets-peer.duplicates
}

// sent reports whether the end has recently sent a segment with the same numbers, as a duplicate has.
func (s *side) sent(seg *flows.Segment) bool {
	for i := range s.recent {
		if r := &s.recent[i]; r.seq == seg.Seq && r.ack == seg.Ack && r.len == seg.Len && r.at != 0 {
			return true
		}
	}
	return false
}

// forgetFingerprints removes fingerprints that are too old for duplicates.
func (c *connection) forgetFingerprints(now int64) {
	for i := range c.sides {
		for j := range c.sides[i].recent {
			if f := &c.sides[i].recent[j]; f.at < now-duplicateWithID {
				*f = fingerprint{}
			}
		}
	}
}

// numberings are the two numberings of a connection that was captured on both sides of a device that renumbers, such as
// a firewall that randomises ISNs. The device adds a constant to the numbers of an end, in SEG.SEQ of one direction and
// in SEG.ACK of the other. The connection keeps the numbers in which each end was first seen.
type numberings [2]numbering

// numbering is what one side of the device adds to the numbers, by end.
type numbering struct {
	known [2]bool
	plus  [2]uint32
}

// nearby is the largest distance between a segment and the current numbers of its connection. The two numbers of one
// octet are farther apart, except for one pair of random ISNs in 2,048.
const nearby = 1 << 20

func near(m, n uint32) bool { return apart(m, n) < nearby }

func apart(m, n uint32) uint32 {
	if d := int32(m - n); d < 0 {
		return uint32(-int64(d))
	}
	return m - n
}

// translate returns a segment in the numbers of its connection, and whether it was captured on the other side of a
// device that renumbers. head is the newest connection to which it may belong.
func (a *Analyzer) translate(seg *flows.Segment, head *connection) (_ *flows.Segment, other bool) {
	var best *connection
	var found fit
	for c := head; c != nil && !c.self(); c = c.older {
		f := fit{number: -1}
		if c.numberings != (numberings{}) {
			f = c.fit(seg)
		}
		if f.number < 0 && c.foundRenumbered(seg) {
			f = c.fit(seg)
		}
		if f.number >= 0 && (best == nil || f.numbers > found.numbers || f.numbers == found.numbers &&
			f.apart < found.apart) {
			best, found = c, f
		}
	}
	if best == nil || !best.learn(found.number, seg) {
		return seg, false
	}
	a.translated = *seg
	best.numberings[found.number].undo(&a.translated)
	return &a.translated, found.number == 1
}

// undo subtracts what the device added.
func (n *numbering) undo(seg *flows.Segment) {
	from := sender(seg)
	seg.Seq -= n.plus[from]
	if seg.Flags.Has(flows.ACK) {
		seg.Ack -= n.plus[1-from]
	}
	seg.Options.SACKLeft -= n.plus[1-from]
	seg.Options.SACKRight -= n.plus[1-from]
}

// foundRenumbered reports whether the segment is a copy, in other numbers, of one that its end has just sent. If so,
// both numberings are known from now on.
func (c *connection) foundRenumbered(seg *flows.Segment) bool {
	from, ack := sender(seg), seg.Flags.Has(flows.ACK)
	x, y := &c.sides[from], &c.sides[1-from]
	nxt, sent := c.tcp.Ends[from].SndNxt()
	una, peerSent := c.tcp.Ends[1-from].SndNxt()
	if !sent || near(seg.Seq, uint32(nxt)) && (!ack || !peerSent || near(seg.Ack, uint32(una))) {
		return false // as expected
	}
	for i := range x.recent {
		r := &x.recent[i]
		if r.at == 0 || r.flags != seg.Flags || r.len != seg.Len || !near(r.seq, uint32(nxt)) || !r.renumberedAs(seg) ||
			apart64(seg.Time, r.at) > x.patience(r, seg, y) {
			continue
		}
		was, is := &c.numberings[0], &c.numberings[1]
		if is.known[from] && is.plus[from] != seg.Seq-r.seq || ack && is.known[1-from] &&
			is.plus[1-from] != seg.Ack-r.ack {
			continue // it adds something else
		}
		was.known[from], is.known[from], is.plus[from] = true, true, seg.Seq-r.seq
		was.known[1-from] = ack || peerSent
		if ack {
			is.known[1-from], is.plus[1-from] = true, seg.Ack-r.ack
		}
		return true
	}
	return false
}

// renumberedAs reports whether the numbers of two segments differ only by what a device adds to the numbers of one end
// or of both.
func (r *fingerprint) renumberedAs(seg *flows.Segment) bool {
	bySeq, byAck := r.seq != seg.Seq, seg.Flags.Has(flows.ACK) && r.ack != seg.Ack
	return (bySeq || byAck) && !(bySeq && near(r.seq, seg.Seq)) && !(byAck && near(r.ack, seg.Ack))
}

// patience is how long after a packet another packet of the end may be its copy in other numbers, in ns; negative if it
// cannot be one. That needs more evidence than a duplicate does. An IP ID is evidence only if the end gives each packet
// a different one.
func (s *side) patience(r *fingerprint, seg *flows.Segment, peer *side) int64 {
	syn, sameID, same := seg.Flags.Has(flows.SYN), seg.IPID != 0 && r.ipid == seg.IPID, r.digest == seg.Digest
	switch {
	case syn && r.heard != peer.packets-peer.duplicates:
		return -1 // it was answered in between
	case syn && sameID: // the device may have changed its options
		return duplicateWithTS
	case sameID && same && s.givesIDs(seg.IPID):
		return duplicateWithID
	case sameID && same:
		return duplicateBare
	case same && seg.IPID == r.ipid && seg.Options.HasTimestamp && (syn || seg.Len > 0):
		return duplicateWithTS
	}
	return -1
}

// givesIDs reports whether the end recently sent a packet with another ID.
func (s *side) givesIDs(id uint16) bool {
	for i := range s.recent {
		if r := &s.recent[i]; r.at != 0 && r.ipid != id {
			return true
		}
	}
	return false
}

// fit is how well a segment fits the current numbers of a connection, in one of its numberings.
type fit struct {
	number  int // index of the numbering, -1 if it fits in none
	numbers int // how many could be compared
	apart   uint32
}

// fit returns the numbering in which the segment fits best.
func (c *connection) fit(seg *flows.Segment) fit {
	from, best := sender(seg), fit{number: -1, apart: nearby}
	for i := range c.numberings {
		n, f := &c.numberings[i], fit{number: i}
		if nxt, sent := c.tcp.Ends[from].SndNxt(); sent && n.known[from] {
			f.numbers, f.apart = 1, apart(seg.Seq-n.plus[from], uint32(nxt))
		}
		if nxt, sent := c.tcp.Ends[1-from].SndNxt(); sent && n.known[1-from] && seg.Flags.Has(flows.ACK) {
			f.numbers, f.apart = f.numbers+1, max(f.apart, apart(seg.Ack-n.plus[1-from], uint32(nxt)))
		}
		if f.numbers > 0 && f.apart < best.apart {
			best = f
		}
	}
	if best.number < 0 && c.numberings[1].known == [2]bool{true, true} {
		// Far from both, it may still be a copy of a segment that neither end can have sent.
		there := *seg
		c.numberings[1].undo(&there)
		if c.sides[from].copied(seg, func(r *fingerprint) bool {
			return r.seq == there.Seq &&
				r.ack == there.Ack
		}) != nil {
			best.number = 1
		}
	}
	return best
}

// learn finds what a numbering adds to the numbers of an end, from a segment in that numbering. It reports false if
// that remains unknown.
func (c *connection) learn(number int, seg *flows.Segment) bool {
	from := sender(seg)
	to, n, x := 1-from, &c.numberings[number], &c.sides[from]
	if nxt, sent := c.tcp.Ends[from].SndNxt(); sent && !n.known[from] {
		r := x.copied(seg, func(r *fingerprint) bool { return r.ack == seg.Ack-n.plus[to] })
		switch {
		case near(seg.Seq, uint32(nxt)):
		case r != nil:
			n.plus[from] = seg.Seq - r.seq
		case seg.Flags.Has(flows.SYN):
			n.plus[from] = seg.Seq + 1 - uint32(nxt)
		default:
			return false
		}
		n.known[from] = true
	}
	if nxt, sent := c.tcp.Ends[to].SndNxt(); sent && !n.known[to] && seg.Flags.Has(flows.ACK) {
		r := x.copied(seg, func(r *fingerprint) bool { return r.seq == seg.Seq-n.plus[from] })
		switch {
		case near(seg.Ack, uint32(nxt)):
		case r != nil:
			n.plus[to] = seg.Ack - r.ack
		default:
			n.plus[to] = seg.Ack - uint32(nxt) // like most segments, it acknowledges all that was sent
		}
		n.known[to] = true
	}
	return true
}

// copied returns the end's recent packet that a segment may repeat in other numbers, nil if there is none.
func (s *side) copied(seg *flows.Segment, fits func(*fingerprint) bool) *fingerprint {
	for i := range s.recent {
		if r := &s.recent[i]; r.at != 0 && r.flags == seg.Flags && r.len == seg.Len && r.ipid == seg.IPID &&
			apart64(seg.Time, r.at) <= duplicateWithID && fits(r) {
			return r
		}
	}
	return nil
}

// appendNumberings appends what a device on the path adds to the numbers of either side.
func (c *connection) appendNumberings(b []byte) []byte {
	if c.numberings == (numberings{}) {
		return b
	}
	b = append(b, ", on both sides of a device that adds"...)
	for i, side := range [...]int{c.opener, 1 - c.opener} {
		if i > 0 {
			b = append(b, " and"...)
		}
		was, is := &c.numberings[0], &c.numberings[1]
		b = strconv.AppendUint(append(b, ' '), uint64(is.plus[side]-was.plus[side]), 10)
		b = append(append(b, " to the "...), c.side(side).String()...)
	}
	return append(b, "'s numbers"...)
}

func apart64(t, u int64) int64 { return max(t-u, u-t) }
