package compare

import (
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A journey is one segment on its way along the path. If offload merged or split the segment, a journey is the smallest
// part of it that any point saw.
type journey struct {
	trail *trail
	dir   int
	flags flows.Flags // SYN, FIN, RST and ACK of it
	seq   uint32      // by the trail's numbers
	ack   uint32
	len   uint32
	at    []sighting // by point
	seen  int        // how many of these there are
	parts uint16     // at these points the sighting is of a larger segment

	idle      int64                // how long the connection was silent there before the first sighting
	late      uint16               // the stretches behind which it was late
	overtaken []uint32             // by stretch, how many later segments arrived earlier; nil for none
	copyOf    []sighting           // if it is a second copy: the sightings of the first one by then
	repeats   []*journey           // earlier ones with the same numbers that had not got through by then
	repeated  bool                 // another one repeats it
	repair    *journey             // the first repetition that got further
	example   bool                 // a change of the trail shows it
	verdicts  []result.VerdictKind // about it

	due          int64    // when it is judged
	older, newer *journey // of the trail
	before, next *journey // of the queue it waits in
	waits        *queue

	chained        [indexes]uint64   // hashes under which it is found
	chain, unchain [indexes]*journey // the next and the one before under the same hash
}

// The indexes by which journeys are found.
const (
	byTrail  = iota // trail, direction and number
	byNumber        // numbers and length, in trails that lack a point
	byStamp         // timestamps, IP identification and length, likewise
	indexes
)

// end returns the sequence number after the segment.
func (j *journey) end() uint32 { return j.seq + j.space() }

// space returns how much sequence space the segment takes.
func (j *journey) space() uint32 {
	n := j.len
	if j.flags.Has(flows.SYN) {
		n++
	}
	if j.flags.Has(flows.FIN) {
		n++
	}
	return n
}

// A queue holds journeys by the time at which they are due.
type queue struct {
	head, tail *journey
	length     int
}

func (q *queue) push(j *journey) {
	j.waits, j.before, j.next = q, q.tail, nil
	if q.tail != nil {
		q.tail.next = j
	} else {
		q.head = j
	}
	q.tail = j
	q.length++
}

func (j *journey) leave() {
	q := j.waits
	if q == nil {
		return
	}
	if j.before != nil {
		j.before.next = j.next
	} else {
		q.head = j.next
	}
	if j.next != nil {
		j.next.before = j.before
	} else {
		q.tail = j.before
	}
	q.length--
	j.waits, j.before, j.next = nil, nil, nil
}

// An index finds journeys by a hash. Those with the same hash are chained, the newest first.
type index struct {
	which int
	heads map[uint64]*journey
}

func (x *index) add(j *journey, hash uint64) {
	hash |= 1 // 0 is none
	head := x.heads[hash]
	j.chained[x.which], j.chain[x.which], j.unchain[x.which] = hash, head, nil
	if head != nil {
		head.unchain[x.which] = j
	}
	x.heads[hash] = j
}

// find returns the newest journey under a hash. chain has the older ones.
func (x *index) find(hash uint64) *journey { return x.heads[hash|1] }

func (x *index) remove(j *journey) {
	hash := j.chained[x.which]
	if hash == 0 {
		return
	}
	next, previous := j.chain[x.which], j.unchain[x.which]
	switch {
	case previous != nil:
		previous.chain[x.which] = next
	case next != nil:
		x.heads[hash] = next
	default:
		delete(x.heads, hash)
	}
	if next != nil {
		next.unchain[x.which] = previous
	}
	j.chained[x.which], j.chain[x.which], j.unchain[x.which] = 0, nil, nil
}

// crowded reports whether a chain is too long to distinguish its journeys.
func (x *index) crowded(hash uint64) bool {
	n := 0
	for j := x.find(hash); j != nil && n < maxAlike; j = j.chain[x.which] {
		n++
	}
	return n == maxAlike
}

// maxAlike is how many segments with the same numbers are compared to find the connection of one.
const maxAlike = 32
