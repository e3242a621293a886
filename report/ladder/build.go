package ladder

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/text"
)

// builder collects the segments of one connection.
type builder struct {
	record  *record.Connection
	alike   uint64
	matters map[record.PacketNumber]bool // packets that the record names
	sides   [2]ladderNumbers             // client, server
	rungs   []Rung
	run     []Rung // the last ordinary segments, not yet folded
	folded  Rung   // the segments that were taken out of the run
	last    record.PacketNumber
	spare   int // extraordinary segments that may still be shown although the record does not name them
	others  int // segments of other connections of the same ports that may still be shown
}

// Of a run of ordinary segments, only the first and the last are shown. Of the extraordinary segments that the record
// does not name, only so many are shown.
const (
	runHead   = 3
	runTail   = 2
	runSpared = 2 // a fold of fewer would save nothing
	sparedMax = 20
	othersMax = 12
)

// ladderNumbers is what a side has sent so far.
type ladderNumbers struct {
	origin     Origin
	next       int64 // relative number after the highest
	known      bool
	synEnd     int64 // the number after the SYN and its text
	fin        int64 // relative number of the FIN
	finSent    bool
	acked      int64 // the highest SEG.ACK of the other side
	ackedKnown bool
	tsVal      uint32 // the highest timestamp
	tsKnown    bool
	copies     [4]ladderCopy // of its last packets
	copied     int
}

// ladderCopy identifies a packet, to recognise it when the capture holds it a second time.
type ladderCopy struct {
	at     int64
	packet uint64
	digest uint32
	seq    uint32
	ack    uint32
	ipid   uint16
}

func newBuilder(c Chosen) *builder {
	b := &builder{record: c.Connection, alike: c.Alike, matters: map[record.PacketNumber]bool{}, spare: sparedMax,
		others: othersMax}
	for i, e := range []*record.Endpoint{&b.record.Client, &b.record.Server} {
		if e.ISN.Known {
			b.sides[i].origin = Origin{Seq: e.ISN, ISN: true}
		}
		for _, s := range e.States {
			b.matters[s.Packet] = true
		}
		for _, w := range e.Withdrawn {
			b.matters[w.Packet], b.matters[w.ByPacket] = true, true
		}
		for _, t := range e.Timers {
			b.matters[record.PacketNumber(t.Packets[0])] = true
		}
	}
	for _, f := range b.record.Findings {
		for _, p := range f.Packets {
			b.matters[record.PacketNumber(p)] = true
		}
	}
	h := &b.record.Handshake
	for _, p := range []record.PacketNumber{h.SynPacket, h.SynAckPacket, h.AckPacket} {
		b.matters[p] = true
	}
	return b
}

// take adds the next segment of the connection, in the order of the capture.
func (b *builder) take(seg *flows.Segment, effect tcpstate.Effect) {
	r := b.rung(seg, effect)
	b.last = r.Packet
	const control = flows.SYN | flows.FIN | flows.RST
	ordinary := r.Kind == RungSegment && seg.Flags&control == 0 && effect == 0
	switch {
	case b.matters[r.Packet]:
		b.endRun()
		b.rungs = append(b.rungs, r)
	case ordinary || b.spare == 0:
		b.fold(r)
	default:
		b.spare--
		b.endRun()
		b.rungs = append(b.rungs, r)
	}
}

// prove corrects the remark on a segment: the latest one shows that it had arrived. A proof may cover several in a row.
func (b *builder) prove(p *tcpstate.Proof) {
	for _, rungs := range [...][]Rung{b.rungs, b.run} {
		for i := range rungs {
			r := &rungs[i]
			switch {
			case r.Kind != RungSegment || r.Of != 0 || r.effect&(tcpstate.Rejected|tcpstate.BadChecksum) == 0:
			case r.Packet == record.PacketNumber(p.Packet), r.Packet > record.PacketNumber(p.Packet) &&
				r.Segment.Len > 0 && r.Segment.Seq-uint32(p.Seq) < p.Len:
				r.effect, r.provenBy, r.badChecksum = p.Effect, b.last, false
			}
		}
	}
}

// takeOther adds a segment of another connection with the same ports: a SYN that meets this connection while it lasts,
// or the answer to such a SYN.
func (b *builder) takeOther(id uint64, seg *flows.Segment) {
	if b.others == 0 || seg.Time > int64(b.record.End) || seg.Quote != nil {
		return
	}
	b.others--
	b.endRun()
	r := b.describe(seg)
	r.Of = record.PacketNumber(id)
	r.Segment = segmentOf(seg)
	b.rungs = append(b.rungs, r)
}

// fold adds an ordinary segment to the run.
func (b *builder) fold(r Rung) {
	b.run = append(b.run, r)
	if len(b.run) <= runHead+runSpared+runTail {
		return
	}
	for len(b.run) > runHead+runTail {
		b.count(&b.run[runHead])
		b.run = append(b.run[:runHead], b.run[runHead+1:]...)
	}
}

// count adds a rung to the fold.
func (b *builder) count(r *Rung) {
	f := b.folded.Fold
	if f == nil {
		f = &Fold{}
		b.folded = Rung{Kind: RungFold, At: r.At, Offset: r.Offset, Packet: r.Packet, Fold: f}
	}
	f.Last = r.Packet
	f.Duration = record.Duration(r.At - b.folded.At)
	counts := &f.Client
	if r.From == record.Server {
		counts = &f.Server
	}
	counts.Segments++
	if r.Segment != nil {
		counts.Bytes += uint64(r.Segment.Len)
	}
	switch {
	case r.duplicate:
		counts.Duplicates++
	case r.effect.Has(tcpstate.Rejected):
		counts.Rejected++
	case r.effect&(tcpstate.Retransmission|tcpstate.Keepalive|tcpstate.ZeroWindowProbe) != 0:
		counts.Retransmitted++
	}
}

// endRun turns the run into rungs.
func (b *builder) endRun() {
	if b.folded.Fold == nil {
		b.rungs = append(b.rungs, b.run...)
	} else {
		b.rungs = append(b.rungs, b.run[:runHead]...)
		b.rungs = append(b.rungs, b.folded)
		b.rungs = append(b.rungs, b.run[runHead:]...)
	}
	b.run, b.folded = b.run[:0], Rung{}
}

// describe returns the rung of a segment, without its numbers.
func (b *builder) describe(seg *flows.Segment) Rung {
	return Rung{
		Kind: RungSegment, At: record.Time(seg.Time), Offset: text.Between(b.record.Start, record.Time(seg.Time)),
		Packet: record.PacketNumber(seg.Packet), From: b.sender(seg), flags: seg.Flags,
	}
}

func segmentOf(seg *flows.Segment) *Segment {
	return &Segment{
		Flags: flagNames(seg.Flags), Seq: seg.Seq, Len: seg.Len, Window: seg.Window,
		Ack: record.Seq{Number: seg.Ack, Known: seg.Flags.Has(flows.ACK)},
	}
}

// rung returns the rung of a segment of the connection.
func (b *builder) rung(seg *flows.Segment, effect tcpstate.Effect) Rung {
	r := b.describe(seg)
	r.effect = effect
	x, y := &b.sides[0], &b.sides[1]
	if r.From == record.Server {
		x, y = y, x
	}
	if b.self() {
		y = x
	}
	if seg.Quote != nil {
		r.Kind = RungICMP
		q := seg.Quote
		r.ICMP = &ICMP{Type: q.Type, Code: q.Code, Meaning: q.Meaning(), From: q.From.String()}
		return r
	}
	foreign := effect.Has(tcpstate.Rejected)
	r.duplicate = effect.Has(tcpstate.Duplicate)
	r.duplicateOf = x.copyOf(seg, r.duplicate)
	r.badChecksum = effect.Has(tcpstate.BadChecksum)

	if o := &seg.Options; o.HasTimestamp {
		r.oldTimestamp = x.tsKnown && int32(o.TSVal-x.tsVal) < 0
		if !foreign && !r.oldTimestamp {
			x.tsVal, x.tsKnown = o.TSVal, true
		}
	}

	s := segmentOf(seg)
	r.Segment = s
	rst := seg.Flags.Has(flows.RST)
	other := foreign || rst || effect.Has(tcpstate.BadSynAck) // its numbers are not this connection's
	seq, seqKnown := x.relative(seg.Seq, !other)
	if rst && seg.Seq == 0 && seg.Flags.Has(flows.ACK) || effect.Has(tcpstate.BadSynAck) {
		seqKnown = false // its sender has no such connection (RFC 9293 §3.10.7.1), or numbers another one
	}
	if seqKnown {
		s.SeqRelative = &seq
		s.SeqCheck = b.checkSeq(&r, x, seq)
	}
	if s.Ack.Known {
		if ack, known := y.relative(seg.Ack, !other); known {
			s.AckRelative = &ack
			s.AckCheck = b.checkAck(&r, y, ack)
			s.AckOfFin = y.finSent && ack == y.fin+1
			r.oldAck = y.ackedKnown && ack < y.acked
			if !other && (!y.ackedKnown || ack > y.acked) {
				y.acked, y.ackedKnown = ack, true
			}
		}
	}
	if !foreign && seqKnown {
		r.original = b.originalOf(&r)
		r.fills = seg.Len > 0 && x.known && seq < x.next && effect == 0 && !seg.Flags.Has(flows.SYN)
		r.synText = r.fills && seq+int64(seg.Len) <= x.synEnd
		x.sent(seg, seq)
	}
	return r
}

// self reports whether this is a connection from a socket to itself.
func (b *builder) self() bool {
	c, s := &b.record.Client, &b.record.Server
	return c.IP == s.IP && c.Port == s.Port
}

func (b *builder) sender(seg *flows.Segment) record.Side {
	from := seg.Key.AddrPortA()
	if seg.FromB {
		from = seg.Key.AddrPortB()
	}
	if from == netip.AddrPortFrom(b.record.Client.IP, b.record.Client.Port) {
		return record.Client
	}
	return record.Server
}

// relative returns a sequence number of the side, counted from its origin. If the ISN is unknown, the side's first
// number becomes the origin.
func (n *ladderNumbers) relative(seq uint32, define bool) (int64, bool) {
	if !n.origin.Seq.Known {
		if !define {
			return 0, false
		}
		n.origin.Seq = record.Seq{Number: seq, Known: true}
	}
	return n.next + int64(int32(seq-n.origin.Seq.Number-uint32(n.next))), true
}

// sent records what the segment carries.
func (n *ladderNumbers) sent(seg *flows.Segment, seq int64) {
	if seg.Flags.Has(flows.RST) {
		return
	}
	end := seq + int64(seg.Len)
	if seg.Flags.Has(flows.SYN) {
		end++
		n.synEnd = max(n.synEnd, end)
	}
	if seg.Flags.Has(flows.FIN) {
		n.fin, n.finSent = end, true
		end++
	}
	if !n.known || end > n.next {
		n.next, n.known = end, true
	}
}

// checkSeq compares SEG.SEQ with the expected number.
func (b *builder) checkSeq(r *Rung, x *ladderNumbers, seq int64) Check {
	switch {
	case r.flags.Has(flows.RST):
		switch {
		case r.effect.Has(tcpstate.ResetAccepted):
			return CheckGood
		case r.effect.Has(tcpstate.ResetDoubted), r.effect.Has(tcpstate.Rejected) && !r.duplicate && x.known:
			return CheckBad
		}
	case r.duplicate || !x.known || r.flags.Has(flows.SYN) || r.effect.Has(tcpstate.Keepalive) ||
		r.effect.Has(tcpstate.ZeroWindowProbe):
	case seq == x.next:
		return CheckGood
	case seq > x.next, r.effect.Has(tcpstate.Rejected):
		return CheckBad
	}
	return CheckNone
}

// checkAck checks SND.UNA =< SEG.ACK =< SND.NXT of y, as far as the capture shows these.
func (b *builder) checkAck(r *Rung, y *ladderNumbers, ack int64) Check {
	switch {
	case r.duplicate || !y.known:
		return CheckNone
	case r.flags.Has(flows.RST) && ack != y.next && r.effect.Has(tcpstate.ResetAccepted):
		return CheckNone // after SYN-SENT it is ignored (RFC 9293 §3.10.7.4, second step)
	case r.effect.Has(tcpstate.BadSynAck), ack > y.next:
		return CheckBad
	case r.flags.Has(flows.SYN) && ack > y.synEnd, y.origin.ISN && ack < 1:
		return CheckBad
	case y.ackedKnown && ack < y.acked:
		return CheckNone
	}
	return CheckGood
}

// copyOf returns the packet of which seg is a duplicate in the capture, or 0. The two differ only in link layer and
// TTL, and come shortly after each other.
func (n *ladderNumbers) copyOf(seg *flows.Segment, duplicate bool) uint64 {
	const near = 100e6 // ns
	if duplicate {
		for _, c := range n.copies {
			if c.packet != 0 && c.digest == seg.Digest && c.seq == seg.Seq && c.ack == seg.Ack && c.ipid == seg.IPID &&
				seg.Time-c.at <= near && c.at-seg.Time <= near {
				return c.packet
			}
		}
	}
	n.copies[n.copied%len(n.copies)] = ladderCopy{seg.Time, seg.Packet, seg.Digest, seg.Seq, seg.Ack, seg.IPID}
	n.copied++
	return 0
}

// originalOf returns the packet that a retransmission repeats, or 0 if the ladder does not show it.
func (b *builder) originalOf(r *Rung) record.PacketNumber {
	if !r.effect.Has(tcpstate.Retransmission) {
		return 0
	}
	for _, list := range [][]Rung{b.run, b.rungs} {
		for i := len(list) - 1; i >= 0; i-- {
			if o := &list[i]; o.Segment != nil && o.Of == 0 && o.From == r.From &&
				o.effect&(tcpstate.Rejected|tcpstate.Retransmission|tcpstate.Keepalive) == 0 && r.repeats(o) {
				return o.Packet
			}
		}
	}
	return 0
}

// repeats reports whether a retransmission is that of o: it has its SYN or its FIN, or begins with its text.
func (r *Rung) repeats(o *Rung) bool {
	const control = flows.SYN | flows.FIN
	switch {
	case r.flags&control != o.flags&control:
		return false
	case r.flags&control != 0:
		return true
	}
	return r.Segment.Seq == o.Segment.Seq && o.Segment.Len > 0
}

// flagNames lists the control bits in the order of the RFC's figures: FIN,ACK.
func flagNames(f flows.Flags) []string {
	names := []string{}
	for _, bit := range []struct {
		flag flows.Flags
		name string
	}{{flows.SYN, "SYN"}, {flows.FIN, "FIN"}, {flows.RST, "RST"}, {flows.PSH, "PSH"}, {flows.URG, "URG"},
		{flows.ECE, "ECE"}, {flows.CWR, "CWR"}, {flows.AE, "AE"}, {flows.ACK, "ACK"}} {
		if f.Has(bit.flag) {
			names = append(names, bit.name)
		}
	}
	return names
}
