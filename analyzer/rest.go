package analyzer

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/analyzer/compact"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Only so many connections are awake. The others rest in the arena, in a quarter of the room or less, until a segment or
// an alarm wakes them. Nothing that a connection knows is lost by resting but fingerprints that are too old to matter.

// awakeLimit is how many connections are awake at most, 64 MiB of them.
const awakeLimit = 1 << 15

// restLimit is how many are awake before those of which nothing more is expected rest at once: the others then find room in
// a processor's caches.
const restLimit = 1 << 9

// aside is how many connections one segment can need at once: the incarnations of its 4-tuple, and a new one.
const aside = 2 * maxIncarnations

// makeRoom puts connections to rest so that those which the next segment needs can be awake. No pointer to a connection
// outlives it.
func (a *Analyzer) makeRoom() {
	pool := &a.table.awake
	for tries := 2 * a.awakeLimit; pool.used() > a.awakeLimit-aside && tries > 0; tries-- {
		if pool.hand++; int(pool.hand) > len(pool.slabs)*poolSlab {
			pool.hand = 1
		}
		c := pool.at(pool.hand)
		switch {
		case c.number == 0 || a.table.places[c.place].where != c.number: // unused, or not the newest incarnation
		case c.touched:
			c.touched = false
		default:
			a.rest(c)
		}
	}
}

// restAtOnce puts a connection to rest when both its ends have closed.
func (a *Analyzer) restAtOnce(c *connection) {
	if a.table.awake.used() < min(restLimit, a.awakeLimit) || !c.ended() || a.table.places[c.place].where != c.number {
		return
	}
	a.rest(c)
}

// ended reports that each end is closed, or is but for TIME_WAIT.
func (c *connection) ended() bool {
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; !e.Known() || e.State() != tcpstate.Closed && e.State() != tcpstate.TimeWait {
			return false
		}
	}
	return true
}

// rest packs the incarnations of a 4-tuple, the newest of which is head.

func (a *Analyzer) rest(head *connection) {

	b := appendKey(a.packing[:0], &head.key)
	b = binary.LittleEndian.AppendUint64(b, uint64(head.start))
	b = append(b, 0)
	count := len(b) - 1
	for c := head; c != nil; c = c.older {
		b = binary.AppendUvarint(b, c.id)
		b[count]++
	}
	k := &a.coder
	k.Base = head.start
	for c := head; c != nil; c = c.older {
		c.forgetFingerprints(a.clock)
		k.Write(b)
		a.encapsulations.pack(k, &c.encap)
		c.pack(k)
		b = k.Bytes()
	}
	a.packing = b
	if len(a.packing) > maxString {
		return // longer than any is by far
	}
	p := &a.table.places[head.place]
	p.where, p.size = uint32(a.table.arena.put(a.packing)), uint32(len(a.packing))
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
	p := &a.table.places[n]
	a.table.arena.drop(block(p.where), int(p.size))
	p.where, p.size = head.number, 0
	return head
}

// unpack reads the incarnations of a place at rest into unused connections, and gives the newest.
func (a *Analyzer) unpack(n uint32, unused func() *connection) (head *connection) {
	b := a.table.arena.bytes(block(a.table.places[n].where))
	var key flows.Key
	b = readKey(b, &key)
	a.coder.Base = int64(binary.LittleEndian.Uint64(b))
	count := b[8]
	b = b[9:]
	var newer *connection
	for range count {
		c := unused()
		c.key, c.place, c.older, c.touched = key, n, nil, false
		var size int
		c.id, size = binary.Uvarint(b)
		b = b[size:]
		if newer == nil {
			head = c
		} else {
			newer.older = c
		}
		newer = c
	}
	for c := head; c != nil; c = c.older {
		a.coder.Read(b)
		a.encapsulations.pack(&a.coder, &c.encap)
		c.pack(&a.coder)
		b = a.coder.Rest()
	}
	return head
}

// ids appends the ids of the records at a place, the newest first.
func (a *Analyzer) ids(list []uint64, n uint32) []uint64 {
	p := &a.table.places[n]
	switch {
	case p.where == 0:
	case p.size == 0:
		for c := a.table.awake.at(p.where); c != nil; c = c.older {
			list = append(list, c.id)
		}
	case p.size == embryonic:
		list = append(list, a.table.embryos.at(p.where).packet)
	default:
		var key flows.Key
		b := readKey(a.table.arena.bytes(block(p.where)), &key)
		count := b[8]
		b = b[9:]
		for range count {
			id, size := binary.Uvarint(b)
			list, b = append(list, id), b[size:]
		}
	}
	return list
}

// pack writes what the connection is, or reads it; but for id, key and encap, which are written apart, and for what it is only
// while it is awake.
func (c *connection) pack(k *compact.Coder) {
	k.Uint64(&c.previous)
	c.tcp.Pack(k)
	for i := range c.sides {
		c.sides[i].pack(k)
	}
	k.Time(&c.start)
	k.Time(&c.end)
	k.Time(&c.heard)
	k.Int(&c.opener)
	role := c.role.number()
	k.Uint8(&role)
	c.role = roles[role]
	k.Bool(&c.challenged)
	k.Bool(&c.quotedHard)
	compact.Len(k, &c.notes)
	for i := range c.notes {
		c.notes[i].pack(k)
	}
	k.Bool(&c.synText)
	k.Bool(&c.stale)
	k.Uint64(&c.interrupted)
	k.Uint64(&c.successor)
	k.Bool(&c.linuxReuse)
	k.Bool(&c.beforeWaits)
	k.Uint64(&c.quotedPacket)
	k.Uint64(&c.challengePacket)
	k.Uint64(&c.resetPacket)
	k.Uint8((*uint8)(&c.phase))
	if p := &c.first; compact.Some(k, p) {
		k.Uint32(&p.Seq)
		k.Uint32(&p.Options)
		k.Uint16(&p.Window)
		k.Uint16(&p.IPID)
		k.Uint16((*uint16)(&p.Flags))
		k.Uint8(&p.TTL)
		k.Bool(&p.FromB)
		k.Bool(&p.RSTWindow)
	}
	k.Bool(&c.stands.counted)
	k.Bool(&c.stands.halfOpen)
	k.Uint8(&c.stands.client)
	k.Uint8(&c.stands.server)
	k.Bool(&c.reported)
	k.Bool(&c.waited[0])
	k.Bool(&c.waited[1])
	c.zeek.pack(k)
	k.Uint8((*uint8)(&c.tshark.bits))
	k.Uint8((*uint8)(&c.tshark.first))
	k.Bool(&c.tshark.begun)
}

func (s *side) pack(k *compact.Coder) {
	for _, n := range [...]*uint64{&s.packets, &s.duplicates, &s.retransmitted, &s.keepalives, &s.probes, &s.impossible, &s.bytes,
		&s.openings, &s.synAcks, &s.fins, &s.rsts, &s.openingPacket, &s.synAckPacket, &s.finPacket} {
		k.Uint64(n)
	}
	k.Uint32(&s.textEnd)
	k.Bool(&s.textKnown)
	k.Time(&s.openingAt)
	k.Time(&s.synAckAt)
	k.Uint8((*uint8)(&s.synAnswer))
	k.Time(&s.finAckedAt)
	k.Bool(&s.finAcked)
	k.Bool(&s.firstAckOfFin)
	k.Bool(&s.goodChecksums)
	k.Bool(&s.firstSyn.ecn)
	k.Bool(&s.firstSyn.fastOpen)
	k.Bool(&s.firstSyn.options)
	for i := range s.stamps {
		if stamp := &s.stamps[i]; compact.Some(k, stamp) {
			k.Time(&stamp.at)
			k.Uint32(&stamp.value)
			k.Bool(&stamp.known)
		}
	}
	k.Uint32(&s.firstSeq)
	for i := range s.recent {
		f := &s.recent[i]
		if !compact.Some(k, f) {
			continue
		}
		k.Time(&f.at)
		k.Uint32(&f.digest)
		k.Uint32(&f.seq)
		k.Uint32(&f.ack)
		k.Uint16(&f.ipid)
		k.Uint8(&f.ttl)
		k.Uint64(&f.heard)
	}
	k.Uint8(&s.recentNext)
}

func (n *note) pack(k *compact.Coder) {
	k.Uint8((*uint8)(&n.code))
	end := uint8(n.end)
	k.Uint8(&end)
	n.end = int8(end)
	k.Uint64(&n.count)
	if k.Reading() {
		n.packets = nil // the list that was there may belong to another connection, which took the note over
	}
	compact.Len(k, &n.packets)
	for i := range n.packets {
		k.Uint64(&n.packets[i])
	}
}

func (z *zeekLog) pack(k *compact.Coder) {
	for i := range z.ends {
		e := &z.ends[i]
		k.Uint8((*uint8)(&e.state))
		k.Uint8((*uint8)(&e.before))
		k.Uint8(&e.seen)
		k.Bool(&e.far)
		k.Bool(&e.fins)
		k.Bool(&e.deaf)
		for _, n := range [...]*uint32{&e.start, &e.last, &e.acked, &e.whole, &e.syn, &e.fin, &e.rst, &e.bad, &e.gaps, &e.again, &e.noSpace} {
			k.Uint32(n)
		}
		compact.Len(k, &e.ahead)
		for j := range e.ahead {
			k.Uint32(&e.ahead[j].from)
			k.Uint32(&e.ahead[j].to)
		}
	}
	k.Bool(&z.begun)
	k.Bool(&z.over)
	k.Uint8(&z.first)
	k.Time(&z.last)
	if k.Reading() {
		z.history = z.room[:0]
	}
	k.Text(&z.history)
}

// roles are the kinds of evidence by their number in few bits.
var roles = [...]RoleEvidence{"", RoleSyn, RoleSynAck, RolePorts, RoleFirstPacket}

func (r RoleEvidence) number() uint8 {
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
func (s *encapsulations) pack(k *compact.Coder, p **flows.Encapsulation) {
	if s.numbers == nil {
		s.list, s.numbers = make([]encapsulation, 1), map[*flows.Encapsulation]uint32{}
	}
	var n uint64
	if !k.Reading() && *p != nil {
		n = uint64(s.enter(*p))
	}
	k.Uint64(&n)
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
