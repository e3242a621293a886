package analyzer

import (
	"github.com/tcplife/tcplife/flows"
)

// embryos holds the attempts of which nothing but one SYN has been seen: that is all there is to remember of most of a
// SYN flood. Anything further makes a connection of it. They wait in the order of the clock.
type embryos struct {
	slots []embryo
	free  []uint32
	queue []waiting // from next on; oldest first
	next  int
}

// embryo is one SYN.
type embryo struct {
	syn    flows.Segment
	heard  int64 // the clock when it came
	target *target
	live   bool
}

// waiting is a place in the queue. The slot may have passed to another one since.
type waiting struct {
	slot   uint32
	packet uint64
}

func (e *embryo) id() uint64 { return e.syn.Packet }

// deadline is when the attempt is given up.
func (e *embryo) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

// add keeps a SYN and gives its slot.
func (s *embryos) add(syn *flows.Segment, clock int64) uint32 {
	var slot uint32
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		slot = uint32(len(s.slots))
		s.slots = append(s.slots, embryo{})
	}
	s.slots[slot] = embryo{syn: *syn, heard: clock, live: true}
	if s.next > 1<<16 && s.next > len(s.queue)/2 {
		s.queue = append(s.queue[:0], s.queue[s.next:]...)
		s.next = 0
	}
	s.queue = append(s.queue, waiting{slot, syn.Packet})
	return slot
}

// take gives an embryo up, to be something else.
func (s *embryos) take(slot uint32) embryo {
	e := s.slots[slot]
	s.slots[slot] = embryo{}
	s.free = append(s.free, slot)
	return e
}

// oldest is the embryo that has waited longest, and whether there is one.
func (s *embryos) oldest() (*embryo, bool) {
	for ; s.next < len(s.queue); s.next++ {
		w := s.queue[s.next]
		if e := &s.slots[w.slot]; e.live && e.id() == w.packet {
			return e, true
		}
	}
	return &embryo{}, false
}

// opensOnly reports a SYN that a record can begin with, and wait for an answer.
func opensOnly(seg *flows.Segment) bool {
	return seg.Flags&(flows.SYN|flows.ACK|flows.FIN|flows.RST) == flows.SYN && seg.Quote == nil
}

// grow makes the connection of an embryo.
func (a *Analyzer) grow(c *connection, e *embryo) {
	c.begin(&e.syn, nil)
	c.heard = e.heard
	c.segment(&e.syn)
	c.target, c.counted = e.target, true
}

// finishEmbryo emits the record of an attempt that nothing came of.
func (a *Analyzer) finishEmbryo(e *embryo, at int64, by EndedBy) {
	slot := a.table[e.syn.Key].embryo
	delete(a.table, e.syn.Key)
	taken := a.embryos.take(slot)
	a.grow(&a.scratch, &taken)
	a.finish(&a.scratch, at, by)
}
