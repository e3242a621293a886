package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// way is a direction along the path.
type way uint8

const (
	toServer way = iota // from the first point towards the last
	toClient
)

// A stretch is what the samples show about the path between two points. The left point is nearer to the first.
type stretch struct {
	pairs int // segments in common
	clock clock
	ways  [2]usual
	// Fields that identify a segment and that the stretch leaves unchanged: in most segments, and in all of more than a
	// few.
	mostly, always kept
}

// usual describes what is usual of segments in one direction of a stretch. Times are in nanoseconds.
type usual struct {
	delays  int   // that were measured
	delay   int64 // half of the segments take no longer
	late    int64 // a segment that takes longer is late, not only unlucky
	jitter  int64 // a smaller difference means nothing
	longest int64
	ttl     int  // by how much the TTL is lower behind it
	ttlSeen bool // the above is known
}

// A pair is a segment in two captures.
type pair struct{ left, right *flows.Segment }

// pairs are the segments that two captures have in common, as far as their sketches show.
func pairs(a, b *survey) []pair {
	var all []pair
	for i := range hashes {
		var some []pair
		for hash, x := range a.sketches[i].byHash {
			y := b.sketches[i].byHash[hash]
			if y == nil || x.repeated || y.repeated || !alike(i, &x.segment, &y.segment) {
				continue
			}
			some = append(some, pair{&x.segment, &y.segment})
		}
		if i > 0 {
			some = shifted(some)
		}
		all = append(all, some...)
		if i == 0 && len(some) >= enoughPairs {
			break // numbers pass unchanged: other matches are by chance
		}
	}
	slices.SortFunc(all, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.left.Packet, y.left.Packet), cmp.Compare(x.right.Packet, y.right.Packet))
	})
	return all
}

// enoughPairs is how many segments with the same numbers suffice to compare captures.
const enoughPairs = 64

// alike makes sure that segments do not have the same hash by chance.
func alike(by int, x, y *flows.Segment) bool {
	if x.Flags&controlFlags != y.Flags&controlFlags || x.Len != y.Len {
		return false
	}
	switch by {
	case 0:
		return x.Seq == y.Seq && (x.Ack == y.Ack || !x.Flags.Has(flows.ACK))
	case 1:
		return x.Options.TSVal == y.Options.TSVal && x.Options.TSEcr == y.Options.TSEcr && x.IPID == y.IPID
	}
	return x.Key == y.Key && x.FromB == y.FromB && x.IPID == y.IPID
}

// shifted keeps those pairs whose connection has the same shift of numbers in most of its pairs.
func shifted(some []pair) []pair {
	type direction struct {
		key   flows.Key
		fromB bool
	}
	shifts := map[direction]map[uint32]int{}
	for _, p := range some {
		d := direction{p.left.Key, p.left.FromB}
		if shifts[d] == nil {
			shifts[d] = map[uint32]int{}
		}
		shifts[d][p.right.Seq-p.left.Seq]++
	}
	return slices.DeleteFunc(some, func(p pair) bool {
		of := shifts[direction{p.left.Key, p.left.FromB}]
		all := 0
		for _, n := range of {
			all += n
		}
		return of[p.right.Seq-p.left.Seq]*2 <= all
	})
}

// together keeps the pairs in which the right clock is about as far ahead of the left one as in most pairs. Both points
// see a segment within seconds; pairs with the same hash by chance lie anywhere. It returns that distance.
func together(all []pair) ([]pair, int64) {
	if len(all) == 0 {
		return nil, 0
	}
	ahead := make([]int64, len(all))
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i, p := range all {
		ahead[i] = p.right.Time - p.left.Time
		first, last = min(first, p.left.Time), max(last, p.left.Time)
	}
	slices.Sort(ahead)
	width := int64(5e9) + int64(maxDrift/2*float64(last-first))
	best, most := 0, 0
	for low, high := 0, 0; low < len(ahead); low++ {
		for high < len(ahead) && ahead[high]-ahead[low] <= width {
			high++
		}
		if high-low > most {
			best, most = low, high-low
		}
	}
	coarse := ahead[best+most/2]
	if most*2 < len(all) && most < enoughPairs {
		return nil, 0 // no agreement
	}
	low, high := ahead[best], ahead[best+most-1]
	return slices.DeleteFunc(all, func(p pair) bool {
		d := p.right.Time - p.left.Time
		return d < low || d > high
	}), coarse
}

// hosts says on which side of a point each address is: above 0 towards the first point, below 0 towards the last.
type hosts map[flows.Addr]int

// ends returns the sender and the receiver of a segment.
func ends(s *flows.Segment) (from, to flows.Addr) {
	if s.FromB {
		return s.Key.B, s.Key.A
	}
	return s.Key.A, s.Key.B
}

// orient finds out on which side of the points the hosts are. A router decrements the TTL. Without a router, segments
// away from the left point arrive later at the right point than segments towards it, whatever the clocks' offset.
func orient(all []pair, left, right hosts) {
	const certain = 1000
	vote := func(p pair, n int) {
		for _, at := range []struct {
			hosts
			*flows.Segment
		}{{left, p.left}, {right, p.right}} {
			from, to := ends(at.Segment)
			at.hosts[from] += n
			at.hosts[to] -= n
		}
	}
	type connection struct {
		ahead [2][]int64 // by sender
		some  pair
	}
	connections := map[flows.Key]*connection{}
	var order []*connection
	for _, p := range all {
		switch l, r := p.left.TTL, p.right.TTL; {
		case l > r:
			vote(p, certain)
		case l < r:
			vote(p, -certain)
		}
		c := connections[p.left.Key]
		if c == nil {
			c = &connection{}
			connections[p.left.Key] = c
			order = append(order, c)
		}
		from := 0
		if p.left.FromB {
			from = 1
		} else {
			c.some = p
		}
		c.ahead[from] = append(c.ahead[from], p.right.Time-p.left.Time)
	}
	for _, c := range order {
		if len(c.ahead[0]) == 0 || len(c.ahead[1]) == 0 {
			continue
		}
		switch a, b := median(c.ahead[0]), median(c.ahead[1]); {
		case a > b:
			vote(c.some, 1)
		case a < b:
			vote(c.some, -1)
		}
	}
}

// wayOf returns the direction of a segment by the hosts' sides. If these are unknown, it takes the opener to be on the
// first point's side.
func wayOf(s *flows.Segment, side hosts) way {
	from, to := ends(s)
	return wayBetween(side[from]-side[to], openerSends(s))
}

func wayBetween(sides int, openerSends bool) way {
	if sides > 0 || sides == 0 && openerSends {
		return toServer
	}
	return toClient
}

// openerSends guesses, by one segment, whether its sender opened the connection.
func openerSends(s *flows.Segment) bool {
	if s.Flags.Has(flows.SYN) {
		return !s.Flags.Has(flows.ACK)
	}
	from, to := s.Key.APort, s.Key.BPort
	if s.FromB {
		from, to = to, from
	}
	return from > to
}

// common is what two captures have in common.
type common struct {
	pairs  []pair
	coarse int64 // how far the right one's clock is ahead, roughly
}

func newCommon(left, right *survey) common {
	all, coarse := together(pairs(left, right))
	return common{all, coarse}
}

// newStretch compares two captures that have something in common.
func newStretch(c common, left hosts) *stretch {
	all, coarse := c.pairs, c.coarse
	s := &stretch{pairs: len(all)}
	reference := all[0].left.Time
	for _, p := range all {
		reference = min(reference, p.left.Time)
	}
	s.findKept(all)
	ticks := make([]tick, 0, len(all))
	ways := make([]way, len(all))
	openers := map[flows.Key]bool{} // whether Key.B opened, by the first segment
	for i, p := range all {
		fromB, known := openers[p.left.Key]
		if !known {
			fromB = p.left.FromB == openerSends(p.left)
			openers[p.left.Key] = fromB
		}
		from, to := ends(p.left)
		ways[i] = wayBetween(left[from]-left[to], p.left.FromB == fromB)
		if !s.mistaken(p) {
			ticks = append(ticks, tick{
				at:       float64(p.left.Time-reference) / 1e9,
				later:    float64(p.right.Time-p.left.Time-coarse) / 1e9,
				toServer: ways[i] == toServer,
			})
		}
	}
	s.clock = newClock(reference, coarse, ticks)
	var delays [2][]int64
	steps := [2]map[int]int{{}, {}}
	for i, p := range all {
		if s.mistaken(p) {
			continue
		}
		d := p.right.Time - p.left.Time - s.clock.ahead(p.left.Time)
		step := int(p.left.TTL) - int(p.right.TTL)
		if ways[i] == toClient {
			d, step = -d, -step
		}
		delays[ways[i]] = append(delays[ways[i]], d)
		steps[ways[i]][step]++
	}
	for w := range s.ways {
		s.ways[w] = newUsual(delays[w], s.clock.error())
		s.ways[w].ttl, s.ways[w].ttlSeen = mostly(steps[w], len(delays[w]))
	}
	return s
}

// findKept finds the fields that are unchanged in most pairs.
func (s *stretch) findKept(all []pair) {
	var ids, stamps, windows struct{ same, all int }
	for _, p := range all {
		l, r := p.left, p.right
		if l.IPID != 0 || r.IPID != 0 {
			ids.all++
			if l.IPID == r.IPID {
				ids.same++
			}
		}
		if l.Options.HasTimestamp && r.Options.HasTimestamp {
			stamps.all++
			if l.Options.TSVal == r.Options.TSVal && l.Options.TSEcr == r.Options.TSEcr {
				stamps.same++
			}
		}
		windows.all++
		if l.Window == r.Window {
			windows.same++
		}
	}
	// A field that no pair has cannot be compared.
	s.mostly = kept{ids.same*2 >= ids.all, stamps.same*2 >= stamps.all, windows.same*2 >= windows.all}
	const few = 16
	s.always = kept{ids.same == ids.all && ids.all > few, stamps.same == stamps.all && stamps.all > few,
		windows.same == windows.all && windows.all > few}
}

// mistaken reports a pair of two segments: one is a retransmission of the other, and each point missed one of them.
func (s *stretch) mistaken(p pair) bool {
	l, r := p.left, p.right
	return s.mostly.id && l.IPID != r.IPID ||
		s.mostly.stamps && l.Options.HasTimestamp && r.Options.HasTimestamp && (l.Options.TSVal != r.Options.TSVal ||
			l.Options.TSEcr != r.Options.TSEcr)
}

// A busy general-purpose host sometimes holds a packet for some milliseconds.
const (
	hiccup       = 3e6 // ns
	jitterFactor = 10
)

// newUsual measures what is usual. A segment counts as late if its delay exceeds the median by more than the clocks'
// error and the usual jitter (ten times the median deviation) explain. Unless there is hardly any jitter, a host's
// short pause must not explain it either.
func newUsual(delays []int64, clockError int64) usual {
	if len(delays) == 0 {
		return usual{late: math.MaxInt64}
	}
	slices.Sort(delays)
	u := usual{delays: len(delays), delay: delays[(len(delays)-1)/2], longest: delays[len(delays)-1]}
	deviations := make([]int64, len(delays))
	for i, d := range delays {
		deviations[i] = max(d-u.delay, u.delay-d)
	}
	jitter := median(deviations)
	u.jitter = 2 * deviations[len(deviations)*9/10]
	u.late = u.delay + max(clockError, jitterFactor*jitter, min(hiccup, 1000*jitter))
	return u
}

func median(values []int64) int64 {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// mostly is the key of more than half of all.
func mostly(counts map[int]int, all int) (key int, known bool) {
	for k, n := range counts {
		if n*2 > all {
			return k, true
		}
	}
	return 0, false
}

// error returns how far the clock can be wrong in the middle of its time, in nanoseconds.
func (c *clock) error() int64 {
	least := math.Inf(1)
	for i := range c.pieces {
		least = min(least, max(c.pieces[i].margin, 0))
	}
	return int64(math.Ceil(least * 1e9))
}
