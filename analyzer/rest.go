package analyzer

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// Only so many connections are awake. The others rest in the arena, in an eighth of the room or so, until a segment or
// an alarm wakes them. Nothing that a connection knows is lost by resting but fingerprints that are too old to matter.

// awakeLimit is how many connections are awake at most, 64 MiB of them.
const awakeLimit = 1 << 15

// aside is how many connections one segment can need at once: the incarnations of its 4-tuple, and a new one.
const aside = 2 * maxIncarnations

// makeRoom puts connections to rest so that those which the next segment needs can be awake. No pointer to a connection
// outlives it.
func (a *Analyzer) makeRoom() {
	pool := &a.table.awake
	for tries := 2 * a.awakeLimit; int(pool.Live()) > a.awakeLimit-aside && tries > 0; tries-- {
		if pool.hand++; pool.hand > pool.Made() {
			pool.hand = 1
		}
		c := pool.At(pool.hand)
		switch {
		case c.number == 0 || a.table.places.At(c.place).where != c.number: // unused, or not the newest incarnation
		case c.touched:
			c.touched = false
		default:
			a.rest(c)
		}
	}
}

// heading is what is written in front of the incarnations that rest at a place: what can be told without waking them.
type heading struct {
	key      flows.Key
	deadline int64 // of the newest
	count    int
	ids      [maxIncarnations]uint64
}

// append writes it for an analyzer whose capture begins at origin.
func (h *heading) append(b []byte, origin int64) []byte {
	b = appendKey(b, &h.key)
	b = binary.AppendVarint(b, h.deadline-origin)
	b = append(b, byte(h.count))
	for _, id := range h.ids[:h.count] {
		b = binary.AppendUvarint(b, id)
	}
	return b
}

// read is the reverse. It gives what follows.
func (h *heading) read(b []byte, origin int64) (rest []byte) {
	b = readKey(b, &h.key)
	deadline, size := binary.Varint(b)
	h.deadline, h.count = deadline+origin, int(b[size])
	b = b[size+1:]
	for i := range h.count {
		h.ids[i], size = binary.Uvarint(b)
		b = b[size:]
	}
	return b
}

// rest packs the incarnations of a 4-tuple, the newest of which is head.
func (a *Analyzer) rest(head *connection) {
	h := heading{key: head.key, deadline: a.deadline(head)}
	for c := head; c != nil; c = c.older {
		h.ids[h.count] = c.id
		h.count++
	}
	b := h.append(a.packing[:0], a.origin)
	for c := head; c != nil; c = c.older {
		c.forgetFingerprints(a.clock)
		a.coder.Write(b)
		a.encapsulations.pack(&a.coder, &c.encap)
		c.pack(&a.coder, a.origin)
		b = a.coder.Bytes()
	}
	a.packing = b
	p := a.table.places.At(head.place)
	p.where, p.kind = a.table.arena.Put(b), atRest
	for c := head; c != nil; {
		older := c.older
		a.table.awake.release(c)
		c = older
	}
}

// wake gives the newest incarnation of a place at rest, with all of them awake.
func (a *Analyzer) wake(n uint32) (head *connection) {
	head = a.unpack(n, a.table.awake.take)
	for c := head; c != nil; c = c.older {
		a.encapsulations.leave(c.encap)
	}
	p := a.table.places.At(n)
	a.table.arena.Drop(p.where)
	p.where, p.kind = head.number, awake
	return head
}

// unpack reads the incarnations of a place at rest into unused connections, and gives the newest.
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
		a.coder.Read(b)
		a.encapsulations.pack(&a.coder, &c.encap)
		c.pack(&a.coder, a.origin)
		b = a.coder.Rest()
	}
	return head
}

// deadlineAtRest is that of the only incarnation at a place, if it rests, and its id: it need not be woken to be asked.
func (a *Analyzer) deadlineAtRest(p *place) (at int64, id uint64, known bool) {
	if p.kind != atRest {
		return 0, 0, false
	}
	var h heading
	h.read(a.table.arena.Head(p.where), a.origin)
	return h.deadline, h.ids[0], h.count == 1
}

// ids appends the ids of the records at a place, the newest first.
func (a *Analyzer) ids(list []uint64, n uint32) []uint64 {
	p := a.table.places.At(n)
	switch {
	case p.kind == free:
	case p.kind == awake:
		for c := a.table.awake.At(p.where); c != nil; c = c.older {
			list = append(list, c.id)
		}
	case p.kind == bare:
		list = append(list, a.table.embryos.At(p.where).packet)
	case p.kind == orderly:
		list = append(list, a.table.ordinary.At(p.where).packet)
	default:
		var h heading
		h.read(a.table.arena.Head(p.where), a.origin)
		list = append(list, h.ids[:h.count]...)
	}
	return list
}

// pack writes what the connection is, or reads it; but for id, key and encap, which are written apart, and for what it is only
// while it is awake. Its times are near base.
func (c *connection) pack(k *store.Coder, base int64) {
	notes := len(c.notes)
	store.Small(k, &c.opener, &notes)
	i, j := 0, 1
	if c.opener == 1 {
		i, j = 1, 0
	}
	x, y := &c.sides[i], &c.sides[j]
	store.Near(k, base, &c.start, &c.end, &c.heard, &x.finAckedAt, &y.finAckedAt)
	c.tcp.Pack(k, i, c.start, c.end, c.id)
	k.Bools(&x.textKnown, &x.finAcked, &x.firstAckOfFin, &x.firstSyn.ecn, &x.firstSyn.options,
		&y.textKnown, &y.finAcked, &y.firstAckOfFin, &y.firstSyn.ecn, &y.firstSyn.options,
		&c.stands.counted, &c.waited[i], &c.waited[j])
	k.Bools(&x.firstSyn.fastOpen, &y.firstSyn.fastOpen,
		&c.stands.halfOpen, &c.reported, &c.synText, &c.challenged, &c.stale, &c.linuxReuse, &c.beforeWaits)
	store.Small(k, &x.packets, &y.packets, &x.bytes, &y.bytes, &x.ipBytes, &y.ipBytes, &x.openings, &y.openings, &x.synAcks, &y.synAcks, &x.wrongSynAcks, &y.wrongSynAcks, &x.fins, &y.fins)
	store.Small(k, &x.rsts, &x.duplicates, &x.retransmitted, &x.keepalives, &x.probes, &x.impossible,
		&y.rsts, &y.duplicates, &y.retransmitted, &y.keepalives, &y.probes, &y.impossible)
	store.Near(k, c.id, &x.openingPacket, &y.openingPacket, &x.synAckPacket, &y.synAckPacket, &x.finPacket, &y.finPacket)
	store.Near(k, c.id, &c.previous, &c.interrupted, &c.successor, &c.challengePacket)
	role := numberOf(c.role)
	store.Small(k, &role, (*uint8)(&c.phase), (*uint8)(&c.told), &c.stands.client, &c.stands.server,
		(*uint8)(&x.synAnswer), (*uint8)(&y.synAnswer), &x.recentNext, &y.recentNext)
	c.role = roles[role]
	c.packSide(k, i)
	c.packSide(k, j)
	c.zeek.Pack(k, i, base, [2]uint32{uint32(c.tcp.Ends[0].ISS), uint32(c.tcp.Ends[1].ISS)})
	c.tshark.Pack(k)
	c.offers.Pack(k)
	c.usage.Pack(k, c.end, c.id)
	c.timers.Pack(k, i, c.end, c.id)
	if n := &c.numberings; store.Some(k, n) {
		k.Bools(&n[0].known[i], &n[0].known[j], &n[1].known[i], &n[1].known[j])
		store.Near(k, 0, &n[0].plus[i], &n[0].plus[j], &n[1].plus[i], &n[1].plus[j])
	}
	if p := &c.first; store.Some(k, p) {
		store.Near(k, x.firstSeq, &p.Seq)
		store.Small(k, &p.Ack, &p.TSVal)
		store.Small(k, &p.Options)
		store.Small(k, &p.Window, &p.IPID, (*uint16)(&p.Flags))
		store.Small(k, &p.TTL)
		k.Bools(&p.FromB, &p.RSTWindow)
	}
	c.icmp.pack(k, c.id)
	distance.Pack(k, &x.distance, &y.distance, &c.resets, c.id)
	k.Text(&c.reason)
	store.Small(k, &c.finIdle)
	k.Bools(&c.finIdleKnown, &c.crossedFin, &c.old, &c.copied, &c.gaveUp)
	store.Small(k, &c.givenUp)
	c.notes = store.Resize(c.notes, notes)
	for i := range c.notes {
		c.notes[i].pack(k, c.id)
	}
}

// packSide codes the numbers and times of an end.
func (c *connection) packSide(k *store.Coder, i int) {
	s, e := &c.sides[i], &c.tcp.Ends[i]
	next, _ := e.SndNxt()
	store.Near(k, uint32(e.ISS), &s.firstSeq, &s.textEnd)
	syn := c.start
	if i != c.opener {
		syn += c.tcp.ServerRTT
	}
	store.Near(k, syn, &s.openingAt, &s.synAckAt)
	s.path.Pack(k, uint32(next), c.end, c.id)
	s.sums.Pack(k, uint32(next))
	if r := &s.recent; store.Some(k, r) {
		peer, _ := c.tcp.Ends[1-i].SndNxt()
		store.Near(k, c.end, &r[0].at, &r[1].at, &r[2].at, &r[3].at)
		store.Small(k, &r[0].digest, &r[1].digest, &r[2].digest, &r[3].digest)
		store.Near(k, uint32(next), &r[0].seq, &r[1].seq, &r[2].seq, &r[3].seq)
		store.Near(k, uint32(peer), &r[0].ack, &r[1].ack, &r[2].ack, &r[3].ack)
		store.Near(k, 0, &r[0].ipid, &r[1].ipid, &r[2].ipid, &r[3].ipid)
		store.Near(k, 0, &r[0].ttl, &r[1].ttl, &r[2].ttl, &r[3].ttl)
		store.Small(k, &r[0].len, &r[1].len, &r[2].len, &r[3].len)
		store.Small(k, (*uint16)(&r[0].flags), (*uint16)(&r[1].flags), (*uint16)(&r[2].flags), (*uint16)(&r[3].flags))
		k.Bools(&r[0].other, &r[1].other, &r[2].other, &r[3].other)
		store.Near(k, 0, &r[0].heard, &r[1].heard, &r[2].heard, &r[3].heard)
	}
}

func (n *note) pack(k *store.Coder, first uint64) {
	packets := len(n.packets)
	store.Small(k, (*uint8)(&n.code))
	store.Small(k, &n.end)
	store.Small(k, &n.count)
	store.Small(k, &packets)
	if k.Reading() {
		n.packets = make([]uint64, packets) // the list that was there may belong to another connection, which took the note over
	}
	for i := range n.packets {
		store.Near(k, first, &n.packets[i])
		first = n.packets[i]
	}
}

// roles are the kinds of evidence by their number in few bits.
var roles = [...]record.RoleEvidence{"", record.RoleSyn, record.RoleSynAck, record.RolePorts, record.RoleFirstPacket}

func numberOf(r record.RoleEvidence) uint8 {
	for i, role := range roles {
		if r == role {
			return uint8(i)
		}
	}
	panic("not a role: " + string(r))
}

// encapsulations numbers those of the connections that rest. There are few of them, and many connections in each.
type encapsulations struct {
	list    []encapsulation // [0] is none
	numbers map[*flows.Encapsulation]uint32
	free    []uint32
}

type encapsulation struct {
	layers *flows.Encapsulation
	users  uint32
}

// pack writes the number of one that a connection goes to rest in, or reads which it is.
func (s *encapsulations) pack(k *store.Coder, p **flows.Encapsulation) {
	if s.numbers == nil {
		s.list, s.numbers = make([]encapsulation, 1), map[*flows.Encapsulation]uint32{}
	}
	var n uint32
	if !k.Reading() && *p != nil {
		n = s.enter(*p)
	}
	store.Small(k, &n)
	if k.Reading() {
		*p = s.list[n].layers
	}
}

// enter counts one more connection in it.
func (s *encapsulations) enter(e *flows.Encapsulation) uint32 {
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

// leave counts one less. nil is no encapsulation.
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
