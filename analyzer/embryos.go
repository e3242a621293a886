package analyzer

import (
	"github.com/tcplife/tcplife/flows"
)

// embryos holds the attempts of which nothing but one SYN has been seen: that is all there is to remember of most of a
// SYN flood. Anything further makes a connection of it. They wait in the order of the clock. There is no pointer in it
// that the collector would have to follow.
type embryos struct {
	slabs [][]embryo
	used  uint32 // slots handed out so far
	free  []uint32
	queue []waiting // from next on; oldest first
	next  int
}

// slabSize is how many embryos are made room for at once.
const slabSize = 1 << 12

// embryo is one SYN: what a flows.Segment says of it, without pointers.
type embryo struct {
	key              flows.Key
	packet           uint64 // 0 for a free slot
	at               int64
	heard            int64 // the clock when it came
	options          flows.Options
	seq, ack         uint32
	len              uint32
	digest           uint32
	target           uint32 // of the floods
	window, ipid     uint16
	flags            flows.Flags
	ttl              uint8
	fromB, good, bad bool // sent by Key.B; the checksums
	cut              bool
}

// waiting is a place in the queue. The slot may have passed to another one since.
type waiting struct {
	packet uint64
	slot   uint32
}

// segment is the SYN as it came.
func (e *embryo) segment() flows.Segment {
	return flows.Segment{
		Packet: e.packet, Time: e.at, Key: e.key, FromB: e.fromB,
		Flags: e.flags, Seq: e.seq, Ack: e.ack, Window: e.window, Len: e.len, Options: e.options,
		TTL: e.ttl, IPID: e.ipid, Digest: e.digest, GoodChecksum: e.good, BadChecksum: e.bad, Cut: e.cut,
	}
}

// deadline is when the attempt is given up.
func (e *embryo) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

func (s *embryos) slot(n uint32) *embryo { return &s.slabs[n/slabSize][n%slabSize] }

// add keeps a SYN and gives its slot.
func (s *embryos) add(syn *flows.Segment, clock int64, target uint32) uint32 {
	var slot uint32
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		slot = s.used
		if s.used++; slot%slabSize == 0 {
			s.slabs = append(s.slabs, make([]embryo, slabSize))
		}
	}
	*s.slot(slot) = embryo{
		key: syn.Key, packet: syn.Packet, at: syn.Time, heard: clock, options: syn.Options,
		seq: syn.Seq, ack: syn.Ack, len: syn.Len, digest: syn.Digest, target: target,
		window: syn.Window, ipid: syn.IPID, flags: syn.Flags, ttl: syn.TTL,
		fromB: syn.FromB, good: syn.GoodChecksum, bad: syn.BadChecksum, cut: syn.Cut,
	}
	if s.next > slabSize && s.next > len(s.queue)/2 {
		s.queue = append(s.queue[:0], s.queue[s.next:]...)
		s.next = 0
	}
	s.queue = append(s.queue, waiting{syn.Packet, slot})
	return slot
}

// take gives an embryo up, to be something else.
func (s *embryos) take(slot uint32) embryo {
	e := *s.slot(slot)
	*s.slot(slot) = embryo{}
	s.free = append(s.free, slot)
	return e
}

// live is how many there are.
func (s *embryos) live() uint64 { return uint64(s.used) - uint64(len(s.free)) }

// oldest is the embryo that has waited longest, nil if there is none.
func (s *embryos) oldest() *embryo {
	for ; s.next < len(s.queue); s.next++ {
		w := s.queue[s.next]
		if e := s.slot(w.slot); e.packet == w.packet {
			return e
		}
	}
	return nil
}

// bareSyn reports a SYN that a record can begin with, and wait for an answer, as an embryo.
func bareSyn(seg *flows.Segment) bool { return opens(seg) && seg.Quote == nil && seg.Encap == nil }

// conceive begins the record of an attempt.
func (a *Analyzer) conceive(syn *flows.Segment) {
	a.live.Begun++
	opener := sender(syn)
	target := a.floods.target(&syn.Key, opener)
	a.floods.targets[target].attempt(&syn.Key, opener, syn.Time)
	a.table[syn.Key] = embryoPlace | place(a.embryos.add(syn, a.now(), target))
	if a.options.Trace != nil {
		a.options.Trace(syn.Packet, syn, 0)
	}
}

// hatch makes a connection of an embryo of the table.
func (a *Analyzer) hatch(slot uint32) *connection {
	e := a.embryos.take(slot)
	c := &connection{}
	a.grow(c, &e)
	a.put(c)
	a.schedule(c)
	return c
}

// grow makes the connection of an embryo.
func (a *Analyzer) grow(c *connection, e *embryo) {
	syn := e.segment()
	c.begin(&syn, nil)
	c.heard = e.heard
	c.segment(&syn)
	c.target, c.counted = e.target, true
}

// finishEmbryo emits the record of an attempt that nothing came of.
func (a *Analyzer) finishEmbryo(slot uint32, at int64, by EndedBy) {
	e := a.embryos.take(slot)
	delete(a.table, e.key)
	a.grow(&a.scratch, &e)
	a.finish(&a.scratch, at, by)
}
