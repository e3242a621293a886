package analyzer

import (
	"encoding/binary"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// Only a limited number of connections are awake. The others rest in the arena, in about an eighth of the bytes, until
// a segment or an alarm wakes them. There a connection loses only fingerprints that are too old to matter.

// awakeLimit is the most connections that are awake; they take 94 MiB.
const awakeLimit = 1 << 15

// awakeAmong returns the most connections that one of n trackers has awake. They take at most a sixteenth of MaxMemory,
// because the garbage collector must follow their pointers.
func (o *Options) awakeAmong(n int) int {
	limit := awakeLimit / n
	if o.MaxMemory > 0 {
		limit = min(limit, int(o.MaxMemory/16/uint64(unsafe.Sizeof(connection{}))))
	}
	return max(limit, 4*reserve)
}

// packed defines how a connection rests. It covers all fields except those that are written separately, and those that
// matter only while it is awake.
var packed = store.NewPacker[connection]()

// reserve is how many connections one segment can need at once: the incarnations of its 4-tuple, and a new one.
const reserve = 2 * maxIncarnations

// makeRoom puts connections to rest, so that those of the next segment can be awake. It invalidates pointers to
// connections.
func (a *Analyzer) makeRoom() {
	pool := &a.table.awake
	for tries := 2 * a.awakeLimit; pool.live() > a.awakeLimit-reserve && tries > 0; tries-- {
		if pool.hand++; int(pool.hand) > len(pool.list) {
			pool.hand = 1
		}
		c := pool.at(pool.hand)
		switch {
		case c.number == 0 || a.table.places.At(c.place).where != c.number: // unused, or not the newest incarnation
		case c.touched:
			c.touched = false
		default:
			a.rest(c)
		}
	}
}

// heading precedes the incarnations that rest at a place. It holds what must be known without waking them.
type heading struct {
	key      flows.Key
	deadline int64 // of the newest
	heard    int64 // of the newest
	spare    bool  // the newest is the first to be evicted
	count    int
	ids      [maxIncarnations]uint64
}

// isSpare is heading.spare, in the byte of the count.
const isSpare = 1 << 7

// append writes the heading, with times relative to origin.
func (h *heading) append(b []byte, origin int64) []byte {
	b = appendKey(b, &h.key)
	b = binary.AppendVarint(b, h.deadline-origin)
	b = binary.AppendVarint(b, h.heard-origin)
	spare := byte(0)
	if h.spare {
		spare = isSpare
	}
	b = append(b, byte(h.count)|spare)
	for _, id := range h.ids[:h.count] {
		b = binary.AppendUvarint(b, id)
	}
	return b
}

// read reads what append wrote, and returns the bytes after it.
func (h *heading) read(b []byte, origin int64) (rest []byte) {
	b = readKey(b, &h.key)
	deadline, size := binary.Varint(b)
	heard, more := binary.Varint(b[size:])
	b = b[size+more:]
	h.deadline, h.heard, h.count, h.spare = deadline+origin, heard+origin, int(b[0]&^isSpare), b[0]&isSpare != 0
	b = b[1:]
	for i := range h.count {
		h.ids[i], size = binary.Uvarint(b)
		b = b[size:]
	}
	return b
}

// rest packs the incarnations of a 4-tuple; head is the newest.
func (a *Analyzer) rest(head *connection) {
	h := heading{key: head.key, deadline: a.deadline(head), heard: head.heard, spare: head.spare()}
	for c := head; c != nil; c = c.older {
		h.ids[h.count] = c.id
		h.count++
	}
	b := h.append(a.packing[:0], a.origin)
	for c := head; c != nil; c = c.older {
		c.forgetFingerprints(a.clock)
		b = append(binary.AppendUvarint(b, uint64(a.encapsulations.enter(c.encap))), numberOf(c.role))
		b = packed.Write(b, c)
	}
	a.packing = b
	p := a.table.places.At(head.place)
	p.where, p.kind = a.table.arena.Put(b), kindResting
	for c := head; c != nil; {
		older := c.older
		a.table.awake.release(c)
		c = older
	}
}

// wake wakes all incarnations of a place at rest, and returns the newest.
func (a *Analyzer) wake(n uint32) (head *connection) {
	head = a.unpack(n, a.table.awake.take)
	for c := head; c != nil; c = c.older {
		a.encapsulations.leave(c.encap)
	}
	p := a.table.places.At(n)
	a.table.arena.Drop(p.where)
	p.where, p.kind = head.number, kindAwake
	return head
}

// unpack reads the incarnations of a place at rest into unused connections, and returns the newest.
func (a *Analyzer) unpack(n uint32, unused func() *connection) (head *connection) {
	p := a.table.places.At(n)
	var h heading
	a.packing = a.table.arena.Bytes(p.where, a.packing[:0])
	b := h.read(a.packing, a.origin)
	var newer *connection
	for _, id := range h.ids[:h.count] {
		c := unused()
		c.id, c.key, c.place, c.older, c.touched = id, h.key, n, nil, false
		if newer == nil {
			head = c
		} else {
			newer.older = c
		}
		newer = c
		encap, size := binary.Uvarint(b)
		c.encap, c.role = a.encapsulations.list[encap].layers, roles[b[size]]
		b = packed.Read(b[size+1:], c)
	}
	return head
}

// deadlineOfOne returns the deadline and the id of the record at a place, if there is only one and it is not awake.
func (a *Analyzer) deadlineOfOne(p *place) (at int64, id uint64, known bool) {
	switch p.kind {
	case kindAttempt:
		packet, heard := a.table.attempts.last(p.where)
		return heard + int64(a.options.EmbryonicLimit), packet, true
	case kindOrdinary:
		o := a.table.ordinary.At(p.where)
		packet, _ := a.table.attempts.last(o.asked)
		return o.deadline(&a.options), packet, true
	case kindResting:
		var h heading
		h.read(a.table.arena.Head(p.where), a.origin)
		return h.deadline, h.ids[0], h.count == 1
	}
	return 0, 0, false
}

// ids appends the ids of the records at a place, the newest first.
func (a *Analyzer) ids(list []uint64, n uint32) []uint64 {
	p := a.table.places.At(n)
	switch {
	case p.kind == kindFree:
	case p.kind == kindAwake:
		for c := a.table.awake.at(p.where); c != nil; c = c.older {
			list = append(list, c.id)
		}
	case p.kind == kindAttempt:
		packet, _ := a.table.attempts.last(p.where)
		list = append(list, packet)
	case p.kind == kindOrdinary:
		packet, _ := a.table.attempts.last(a.table.ordinary.At(p.where).asked)
		list = append(list, packet)
	default:
		var h heading
		h.read(a.table.arena.Head(p.where), a.origin)
		list = append(list, h.ids[:h.count]...)
	}
	return list
}

// roles numbers the kinds of evidence, so that few bits hold one.
var roles = [...]record.RoleEvidence{"", record.RoleSyn, record.RoleSynAck, record.RolePorts, record.RoleFirstPacket}

func numberOf(r record.RoleEvidence) uint8 {
	for i, role := range roles {
		if r == role {
			return uint8(i)
		}
	}
	panic("not a role: " + string(r))
}

// encapsulations numbers the encapsulations of connections at rest. There are few, and many connections share each.
type encapsulations struct {
	list    []encapsulation // [0] is none
	numbers map[*flows.Encapsulation]uint32
	free    []uint32
}

type encapsulation struct {
	layers *flows.Encapsulation
	users  uint32
}

// enter counts one more connection in an encapsulation, and returns its number. nil means no encapsulation.
func (s *encapsulations) enter(e *flows.Encapsulation) uint32 {
	if s.numbers == nil {
		s.list, s.numbers = make([]encapsulation, 1), map[*flows.Encapsulation]uint32{}
	}
	if e == nil {
		return 0
	}
	n, known := s.numbers[e]
	if !known {
		if last := len(s.free) - 1; last >= 0 {
			n, s.free = s.free[last], s.free[:last]
		} else {
			n = uint32(len(s.list))
			s.list = append(s.list, encapsulation{})
		}
		s.list[n].layers, s.numbers[e] = e, n
	}
	s.list[n].users++
	return n
}

// leave counts one connection less. nil means no encapsulation.
func (s *encapsulations) leave(e *flows.Encapsulation) {
	if e == nil {
		return
	}
	n := s.numbers[e]
	if s.list[n].users--; s.list[n].users == 0 {
		delete(s.numbers, e)
		s.list[n] = encapsulation{}
		s.free = append(s.free, n)
	}
}
