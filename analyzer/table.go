package analyzer

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/tcplife/tcplife/analyzer/internal/lines"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/flows"
)

// table finds the place of a 4-tuple. A place holds incarnations, newest first, or an ordinary connection, or an
// attempt that has only one SYN so far. Incarnations rest in the arena, in few bytes, or are awake as connections. Only
// the awake ones, whose number is limited, have pointers that the garbage collector must follow.
type table struct {
	index   []bucket // the length is a power of two; open addressing, linear probing
	shift   uint     // 32 - log2 of len(index)
	seeds   seeds
	places  store.Slabs[place]
	live    int // places in use
	loading []uint32

	arena    store.Arena
	awake    pool
	attempts attempts
	ordinary store.Slabs[ordinary]
	chains   lines.Chains // of the ordinary connections
}

// bucket is one entry of the index.
type bucket struct {
	tag   uint32 // the key's hash; its upper bits say where the search begins
	place uint32 // 0 for none
}

// place says what is known of one 4-tuple, and where that lies.
type place struct {
	alarm int64  // when the place is looked at next, or never
	where uint32 // number of the newest awake incarnation, ordinary connection or attempt, or in the arena
	kind  kind
}

// kind says what a place holds.
type kind uint8

const (
	kindFree     kind = iota
	kindAttempt       // an attempt that has only one SYN so far
	kindOrdinary      // an ordinary connection
	kindAwake         // incarnations as connections
	kindResting       // incarnations packed in the arena
)

const (
	never      = 1<<63 - 1
	leastIndex = 1 << 10
	fewPlaces  = 1 << 8
)

func newTable() table {
	t := table{seeds: newSeeds()}
	t.resize(leastIndex)
	return t
}

// seeds are random, so that no sender can choose ports that collide. The output does not depend on them.
type seeds [4]uint64

func newSeeds() (s seeds) {
	for i := range s {
		s[i] = rand.Uint64()
	}
	return s
}

// hash mixes the key with the seeds, as wyhash does.
func (s *seeds) hash(k *flows.Key) uint32 {
	h := mix(half(k.A[:8])^s[0], half(k.A[8:])^s[1]) ^ mix(half(k.B[:8])^s[2], half(k.B[8:])^s[3])
	ports := uint64(k.APort)<<16 | uint64(k.BPort)
	if k.V6 {
		ports |= 1 << 32
	}
	h = mix(h^s[1], ports^s[2]) ^ k.Domain
	h = mix(h^s[3], s[0]|1)
	return uint32(h >> 32)
}

// same reports whether two keys are equal, word by word.
func same(k, l *flows.Key) bool {
	return half(k.A[8:]) == half(l.A[8:]) && half(k.B[8:]) == half(l.B[8:]) && k.APort == l.APort &&
		k.BPort == l.BPort && half(k.A[:8]) == half(l.A[:8]) && half(k.B[:8]) == half(l.B[:8]) && k.V6 == l.V6 &&
		k.Domain == l.Domain
}

func half(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func mix(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high ^ low
}

// find returns the place of a key with its hash, 0 if it has none.
func (t *table) find(k *flows.Key, tag uint32) uint32 {
	var packed [maxPackedKey]byte
	var packedKey []byte
	for i := tag >> t.shift; ; i = (i + 1) & uint32(len(t.index)-1) {
		b := t.index[i]
		if b.place == 0 {
			return 0
		}
		if b.tag != tag {
			continue
		}
		p := t.places.At(b.place)
		switch p.kind {
		case kindAwake:
			if same(&t.awake.at(p.where).key, k) {
				return b.place
			}
			continue
		case kindAttempt:
			if t.attempts.hasKey(p.where, k) {
				return b.place
			}
			continue
		case kindOrdinary:
			if t.attempts.hasKey(t.ordinary.At(p.where).asked, k) {
				return b.place
			}
			continue
		}
		if packedKey == nil {
			packedKey = appendKey(packed[:0], k)
		}
		if string(t.arena.Head(p.where)[:len(packedKey)]) == string(packedKey) {
			return b.place
		}
	}
}

// prefetch loads into the caches what find will read for the segments. One search waits for memory three times in a
// row. Here many searches wait together at each step.
func (t *table) prefetch(own []owned) {
	if t.live < fewPlaces {
		return // all places are in the caches
	}
	t.loading = t.loading[:0]
	for _, o := range own {
		if b := t.index[o.tag>>t.shift]; b.tag == o.tag {
			t.loading = append(t.loading, b.place)
		}
	}
	for k, n := range t.loading {
		t.loading[k] = t.load(n)
	}
}

// prefetchedSegments is how many segments one call of prefetch is for: what they need fits in the nearest cache.
const prefetchedSegments = 32

// load loads what a place holds into the caches. Its result has no meaning.
func (t *table) load(n uint32) uint32 {
	switch p := t.places.At(n); p.kind {
	case kindAwake:
		return t.awake.at(p.where).place
	case kindAttempt:
		return t.attempts.load(p.where)
	case kindOrdinary:
		o := t.ordinary.At(p.where)
		return t.attempts.load(o.asked) + t.chains.Before(o.LastBlock())
	case kindResting:
		return uint32(t.arena.Head(p.where)[0])
	}
	return 0
}

// prefetchedEnds is how many records one call of prefetchEnds is for. The caches hold that many.
const prefetchedEnds = 16

// prefetchEnds loads into the caches what records that end will be made of.
func (t *table) prefetchEnds(list []uint64) {
	t.loading = t.loading[:0]
	for _, o := range list {
		t.load(uint32(o))
		if p := t.places.At(uint32(o)); p.kind == kindOrdinary {
			t.loading = append(t.loading, t.ordinary.At(p.where).LastBlock())
		}
	}
	for left := len(t.loading); left > 0; {
		left = 0
		for i, n := range t.loading {
			if n != 0 {
				t.loading[i], left = t.chains.Before(n), left+1
			}
		}
	}
}

// loneSyns returns how many attempts have only one SYN so far.
func (t *table) loneSyns() uint64 { return t.attempts.live() - t.ordinary.Live() }

// add gives a place to a key that has none. The tag is its hash.
func (t *table) add(tag uint32) uint32 {
	if t.live++; t.live > len(t.index)/3*2 {
		t.resize(2 * len(t.index))
	}
	n := t.places.Take()
	*t.places.At(n) = place{alarm: never}
	t.insert(bucket{tag, n})
	return n
}

func (t *table) insert(b bucket) {
	i := b.tag >> t.shift
	for t.index[i].place != 0 {
		i = (i + 1) & uint32(len(t.index)-1)
	}
	t.index[i] = b
}

func (t *table) resize(n int) {
	old := t.index
	t.index, t.shift = make([]bucket, n), uint(32-bits.TrailingZeros(uint(n)))
	clear(t.index) // otherwise a page that is read before it is written causes two page faults
	for _, b := range old {
		if b.place != 0 {
			t.insert(b)
		}
	}
}

// remove frees the place of a key, and its entry in the index, if there is an index. Later entries move up, so that no
// search ends early (Knuth, The Art of Computer Programming, volume 3, algorithm 6.4 R).
func (t *table) remove(k *flows.Key, n uint32) {
	*t.places.At(n) = place{}
	t.live--
	if t.index == nil {
		return
	}
	t.places.Drop(n)
	mask := uint32(len(t.index) - 1)
	gap := t.seeds.hash(k) >> t.shift
	for t.index[gap].place != n {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; t.index[i].place != 0; i = (i + 1) & mask {
		if home := t.index[i].tag >> t.shift; (i-home)&mask >= (i-gap)&mask {
			t.index[gap] = t.index[i]
			gap = i
		}
	}
	t.index[gap] = bucket{}
}

// maxPackedKey is the most bytes that appendKey appends.
const maxPackedKey = 1 + 2*(16+2) + 8

// appendKey writes a key. Equal keys give equal bytes, and the bytes of a key are never a prefix of another's.
func appendKey(b []byte, k *flows.Key) []byte {
	kind, skip := byte(0), 12
	if k.V6 {
		kind, skip = 1, 0
	}
	if k.Domain != 0 {
		kind |= 2
	}
	b = append(b, kind)
	b = append(append(b, k.A[skip:]...), k.B[skip:]...)
	b = binary.BigEndian.AppendUint16(b, k.APort)
	b = binary.BigEndian.AppendUint16(b, k.BPort)
	if k.Domain != 0 {
		b = binary.LittleEndian.AppendUint64(b, k.Domain)
	}
	return b
}

// readKey reads the key at the beginning of b, and returns the bytes after it.
func readKey(b []byte, k *flows.Key) (rest []byte) {
	*k = flows.Key{V6: b[0]&1 != 0}
	domain := b[0]&2 != 0
	skip := 0
	if !k.V6 {
		skip = 12
		k.A[10], k.A[11], k.B[10], k.B[11] = 0xff, 0xff, 0xff, 0xff
	}
	b = b[1:]
	b = b[copy(k.A[skip:], b):]
	b = b[copy(k.B[skip:], b):]
	k.APort, k.BPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	if domain {
		k.Domain = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	return b
}

// pool holds the connections that are awake.
type pool struct {
	list []*connection // by number, from 1 on
	free []uint32
	hand uint32 // the last number that makeRoom looked at
}

// at returns the connection with a number.
func (p *pool) at(n uint32) *connection { return p.list[n-1] }

// live returns how many connections are in use.
func (p *pool) live() int { return len(p.list) - len(p.free) }

// take returns an unused connection. It is empty, but its lists may keep their capacity.
func (p *pool) take() *connection {
	if last := len(p.free) - 1; last >= 0 {
		c := p.at(p.free[last])
		c.number, p.free = p.free[last], p.free[:last]
		return c
	}
	c := &connection{number: uint32(len(p.list)) + 1}
	p.list = append(p.list, c)
	return c
}

// release makes a connection unused.
func (p *pool) release(c *connection) {
	p.free = append(p.free, c.number)
	c.number, c.older, c.encap = 0, nil, nil
}

// Memory of connections is kept for others of the same kind. If many turn into another kind, it is unused while these
// take new memory, and MaxMemory does not count it.

// spareShare is the fraction of MaxMemory, one in spareShare, that may be unused.
const spareShare = 8

// spare returns how many bytes of that memory are unused.
func (t *table) spare() uint64 {
	return t.attempts.slim.Spare() + t.attempts.wide.Spare() + t.ordinary.Spare() + t.chains.Spare() + t.arena.Spare()
}

// squeeze frees unused memory.
func (t *table) squeeze() {
	of := func(k kind) func(func(*place)) {
		return func(visit func(*place)) {
			for n := range t.places.Made() {
				if p := t.places.At(n + 1); p.kind == k {
					visit(p)
				}
			}
		}
	}
	where := func(k kind) func(func(*uint32)) {
		return func(move func(*uint32)) { of(k)(func(p *place) { move(&p.where) }) }
	}
	t.ordinary.Squeeze(where(kindOrdinary))
	t.attempts.squeeze(func(move func(*uint32)) {
		where(kindAttempt)(move)
		of(kindOrdinary)(func(p *place) { move(&t.ordinary.At(p.where).asked) })
	})
	t.chains.Squeeze(func(visit func(*lines.Chain)) {
		of(kindOrdinary)(func(p *place) { visit(&t.ordinary.At(p.where).Chain) })
	})
	t.arena.Squeeze(where(kindResting))
}
