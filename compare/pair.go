package compare

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// The functions of this file find the trail that a point's connection belongs to.

// numberHash hashes what stays the same behind NAT, as numbersHash does.
func numberHash(s *sighting) uint64 {
	ack := s.ack
	if !s.has(flows.ACK) {
		ack = s.tsVal
	}
	return hash2(uint64(s.seq)<<32|uint64(ack), uint64(s.flags&controlFlags)<<32|uint64(s.len))
}

// stampHash hashes what stays the same behind NAT that also shifts numbers, as stampsHash does.
func stampHash(s *sighting) (hash uint64, ok bool) {
	return hash2(uint64(s.tsVal)<<32|uint64(s.tsEcr), uint64(s.id)<<48|uint64(s.flags&controlFlags)<<32|uint64(s.len)),
		s.options&hasTimestamp != 0
}

// begin makes the leg of a connection that a point has not seen before, and finds its trail.
func (c *comparer) begin(point int, e *event) *leg {
	l := &leg{point: point, id: e.id, key: *e.key, first: e.at}
	l.key.Domain = 0 // it comes from ids that differ along a path
	c.legs[point][e.id] = l
	if !c.sameSockets(l, e) && !c.sameSegment(l, e) {
		c.found(l, e)
	}
	h := keyHash(&l.key)
	l.nextKey = c.byKey[h]
	c.byKey[h] = l
	return l
}

// found makes a new trail of a leg that belongs to none.
func (c *comparer) found(l *leg, e *event) {
	n := len(c.sources)
	c.trails++
	t := &trail{number: c.trails, legs: make([]*leg, n), passings: make([]passing, 2*(n-1)), first: e.at, last: e.at}
	// End 0 is the opener, if the first segment shows it.
	opens := e.has(flows.SYN) == !e.has(flows.ACK)
	if !e.has(flows.SYN) {
		from, to := l.key.APort, l.key.BPort
		if e.fromB {
			from, to = to, from
		}
		opens = from > to
	}
	l.swapped = opens == e.fromB
	t.opened = e.has(flows.SYN)
	c.join(t, l, byNothing)
}

// join adds a leg to a trail.
func (c *comparer) join(t *trail, l *leg, by pairedBy) {
	l.trail = t
	t.open++
	if first := t.legs[l.point]; first != nil {
		for first.also != nil {
			first = first.also
		}
		first.also = l
		return
	}
	t.legs[l.point] = l
	t.points++
	if by != byNothing {
		t.joined = max(t.joined, by)
	}
	if !t.sure {
		a, b := l.key.A, l.key.B
		if l.swapped {
			a, b = b, a
		}
		if sides := c.sideOf(l.point, a, b); sides != 0 {
			t.sure, t.reverse = true, sides < 0
		}
	}
	t.setTranslated()
	for _, o := range t.legs {
		if o != nil && o != l {
			c.passThrough(l, o)
			c.passThrough(o, l)
		}
	}
}

// passThrough remembers that a connection at one point was seen at another.
func (c *comparer) passThrough(at, seen *leg) {
	pair := [2]int{at.point, seen.point}
	m := c.through[pair]
	if m == nil {
		m = map[flows.Addr]bool{}
		c.through[pair] = m
	}
	if len(m) < maxHosts {
		m[at.key.A], m[at.key.B] = true, true
	}
}

// sameSockets looks for the trail among those with the same addresses and ports at other points, or at this one.
func (c *comparer) sameSockets(l *leg, e *event) bool {
	var trails []*trail
	swapped := map[*trail]bool{}
	for o := c.byKey[keyHash(&l.key)]; o != nil && len(trails) < maxAlike; o = o.nextKey {
		if o.key == l.key && !slices.Contains(trails, o.trail) {
			trails = append(trails, o.trail)
			swapped[o.trail] = o.swapped
		}
	}
	// The same numbers, in a segment that is on its way.
	for _, t := range trails {
		l.swapped = swapped[t]
		l.shift = t.shiftNear(l.point)
		if j := c.find(t, l, l.dir(e.fromB), &e.sighting); j != nil {
			c.join(t, l, byAddresses)
			return true
		}
	}
	// Other numbers, in a SYN that is on its way.
	for _, t := range trails {
		if t.legs[l.point] != nil {
			continue
		}
		l.swapped, l.shift = swapped[t], [2]uint32{}
		if j, by := c.renumbered(t, l, &e.sighting, l.dir(e.fromB)); j != nil {
			l.shiftBy(j, &e.sighting)
			c.join(t, l, by)
			return true
		}
	}
	// The numbers are near those of the trail, but no other point has seen this segment.
	var near *trail
	least := uint32(1 << 26)
	for _, t := range trails {
		l.swapped, l.shift = swapped[t], t.shiftNear(l.point)
		if d, some := t.distance(l, l.dir(e.fromB), &e.sighting); some && d < least {
			near, least = t, d
		}
	}
	if near == nil {
		l.shift = [2]uint32{}
		return false
	}
	l.swapped, l.shift = swapped[near], near.shiftNear(l.point)
	c.join(near, l, byAddresses)
	return true
}

// shiftNear returns the shift of the leg nearest to a point.
func (t *trail) shiftNear(point int) [2]uint32 {
	for d := 0; d < len(t.legs); d++ {
		for _, p := range [2]int{point - d, point + d} {
			if p >= 0 && p < len(t.legs) && t.legs[p] != nil {
				return t.legs[p].shift
			}
		}
	}
	return [2]uint32{}
}

// shiftBy shifts a leg's numbers so that a segment gets the numbers of a journey.
func (l *leg) shiftBy(j *journey, s *sighting) {
	l.shift[j.dir] = s.seq - j.seq
	if s.has(flows.ACK) {
		l.shift[1-j.dir] = s.ack - j.ack
	}
}

// distance returns how far both numbers of a segment are from the known ones of a trail; some is false if they are no
// sign of the trail: a SYN with another number opens another connection.
func (t *trail) distance(l *leg, dir int, s *sighting) (d uint32, some bool) {
	seq := s.seq - l.shift[dir]
	switch {
	case s.has(flows.SYN) && t.isnKnown[dir]:
		return 0, seq == t.isn[dir]
	case s.has(flows.RST) && s.seq == 0:
		return 0, true
	}
	d, some = t.away(dir, seq)
	if s.has(flows.ACK) {
		if other, known := t.away(1-dir, s.ack-l.shift[1-dir]); known {
			d, some = max(d, other), true
		}
	}
	return d, some
}

// away returns how far a number is from the nearest known one of a direction.
func (t *trail) away(dir int, number uint32) (d uint32, known bool) {
	near := func(to uint32) {
		away := number - to
		if int32(away) < 0 {
			away = -away
		}
		if !known || away < d {
			d, known = away, true
		}
	}
	for _, o := range t.legs {
		if o != nil && o.passed[dir].begun {
			near(o.passed[dir].high)
		}
	}
	if known {
		return d, true
	}
	for _, o := range t.legs {
		if o != nil && o.ackedAt[dir] {
			near(o.acked[dir])
		}
	}
	return d, known
}

// renumbered returns a SYN on its way of which the segment is the next sighting, with another number. If a SYN has no
// stamp, it must look the same.
func (c *comparer) renumbered(t *trail, l *leg, s *sighting, dir int) (found *journey, by pairedBy) {
	if !s.has(flows.SYN) {
		return c.renumberedWithin(t, l, s, dir)
	}
	for j := t.newest; j != nil; j = j.older {
		if j.dir != dir || j.flags != s.flags&controlFlags || j.len != s.len || j.at[l.point].seen() {
			continue
		}
		near := j.nearest(l.point)
		a := &j.at[near]
		if _, possible := c.transit(j, l.point, s); !possible {
			continue
		}
		switch {
		case a.options&s.options&hasTimestamp != 0 && a.tsVal != s.tsVal, a.id != s.id && c.keeps[near][l.point].id:
		case a.options&s.options&hasTimestamp != 0, a.id == s.id && s.id != 0:
			return j, byStamps
		case a.options == s.options && a.window == s.window && a.wscale == s.wscale && a.mss == s.mss &&
			c.punctual(j, l.point, s):
			return j, byShape
		}
	}
	return nil, byNothing
}

// renumberedWithin does so for a segment inside a connection.
func (c *comparer) renumberedWithin(t *trail, l *leg, s *sighting, dir int) (*journey, pairedBy) {
	hash, ok := stampHash(s)
	if !ok && s.id == 0 {
		return nil, byNothing
	}
	for j := t.newest; j != nil; j = j.older {
		if j.dir != dir || j.flags != s.flags&controlFlags || j.len != s.len || j.at[l.point].seen() ||
			j.flags.Has(flows.RST) {
			continue
		}
		a := j.first()
		if other, _ := stampHash(a); other != hash || a.id != s.id {
			continue
		}
		if _, possible := c.transit(j, l.point, s); possible {
			return j, byStamps
		}
	}
	return nil, byNothing
}

// punctual reports whether a segment would have taken no longer than usual.
func (c *comparer) punctual(j *journey, point int, s *sighting) bool {
	delay, possible := c.transit(j, point, s)
	_, late, _ := c.usualBetween(j, j.nearest(point), point)
	return possible && delay <= late
}

// sameSegment finds the trail by its segment. The addresses do not count.
func (c *comparer) sameSegment(l *leg, e *event) bool {
	j, by := c.translatedSegment(nil, l, &e.sighting)
	if j == nil {
		return false
	}
	l.swapped = (j.dir == 1) != e.fromB
	l.shiftBy(j, &e.sighting)
	c.join(j.trail, l, by)
	return true
}

// translatedSegment returns a journey of a trail that lacks the leg's point and of which the segment is a sighting: by
// its numbers, or by its stamps where numbers are shifted. If several are equally good, it returns none.
func (c *comparer) translatedSegment(t *trail, l *leg, s *sighting) (*journey, pairedBy) {
	numbers := numberHash(s)
	stamps, stamped := stampHash(s)
	for _, by := range [...]struct {
		index int
		hash  uint64
		ok    bool
		pairedBy
	}{{byNumber, numbers, true, byNumbers}, {byStamp, stamps, stamped, byStamps}} {
		if !by.ok {
			continue
		}
		var found *journey
		for j := c.indexes[by.index].find(by.hash); j != nil; j = j.chain[by.index] {
			if j.trail == t || j.trail.legs[l.point] != nil || !c.sameBehindNAT(j, l, s, by.pairedBy) {
				continue
			}
			if found != nil && found.trail != j.trail {
				found = nil
				break
			}
			found = j
		}
		if found != nil {
			return found, by.pairedBy
		}
	}
	return nil, byNothing
}

// sameBehindNAT reports whether a segment can be a sighting of a journey in another trail.
func (c *comparer) sameBehindNAT(j *journey, l *leg, s *sighting, by pairedBy) bool {
	if j.at[l.point].seen() || j.flags != s.flags&controlFlags || j.len != s.len {
		return false
	}
	near := j.nearest(l.point)
	a, k := &j.at[near], &c.keeps[near][l.point]
	if by == byNumbers && (a.seq != s.seq || s.has(flows.ACK) && a.ack != s.ack) {
		return false
	}
	if k.id && a.id != s.id || k.stamps && a.options&s.options&hasTimestamp != 0 && a.tsVal != s.tsVal ||
		k.window && a.window != s.window {
		return false
	}
	_, possible := c.transit(j, l.point, s)
	return possible
}

// reunite finds the trail of which the trail of a new journey is a part, and merges the two. They have no point in
// common.
func (c *comparer) reunite(j *journey, l *leg) {
	t, s := j.trail, &j.at[l.point]
	other, by := c.translatedSegment(t, l, s)
	if other == nil {
		return
	}
	for p, o := range other.trail.legs {
		if o != nil && t.legs[p] != nil {
			return
		}
	}
	into, from, x, y := t, other.trail, j, other
	if from.number < into.number {
		into, from, x, y = from, into, y, x
	}
	c.merge(into, from, x, y, by)
}

// merge makes one trail of two. The journey x of the one and y of the other are the same.
func (c *comparer) merge(into, from *trail, x, y *journey, by pairedBy) {
	turned := x.dir != y.dir
	var shift [2]uint32 // from the numbers of the one to those of the other, by the directions of into
	shift[x.dir] = y.seq - x.seq
	if x.flags.Has(flows.ACK) {
		shift[1-x.dir] = y.ack - x.ack
	}
	turn := func(dir int) int {
		if turned {
			return 1 - dir
		}
		return dir
	}
	for dir := range 2 {
		if from.isnKnown[dir] && !into.isnKnown[turn(dir)] {
			into.isn[turn(dir)], into.isnKnown[turn(dir)] = from.isn[dir]-shift[turn(dir)], true
		}
		into.talks[turn(dir)] = into.talks[turn(dir)] || from.talks[dir]
	}
	into.opened = into.opened || from.opened
	for _, k := range from.kept {
		k.trail, k.dir = into, turn(k.dir)
		k.seq -= shift[k.dir]
		k.ack -= shift[1-k.dir]
		into.kept = append(into.kept, k)
	}
	into.shed += from.shed
	for _, g := range from.gaps {
		g.dir = turn(g.dir)
		into.gaps = append(into.gaps, g)
	}
	for _, r := range from.reports {
		r.dir = turn(r.dir)
		r.seq -= shift[r.dir]
		into.reports = append(into.reports, r)
	}
	into.first, into.last = min(into.first, from.first), max(into.last, from.last)
	open := into.open + from.open
	for _, l := range from.legs {
		if l == nil {
			continue
		}
		also := l.also
		l.also = nil
		c.adopt(into, l, shift, turned)
		for ; also != nil; also = also.also {
			also.trail = into
			if l.also == nil {
				l.also = also
			}
		}
	}
	into.joined, into.open = max(into.joined, by), open
	for dir := range 2 {
		for k := range len(c.stretches) {
			to, p := into.passing(k, turn(dir)), from.passing(k, dir)
			to.segments, to.up, to.down = to.segments+p.segments, max(to.up, p.up), max(to.down, p.down)
		}
	}
	for i := range from.changes {
		ch := from.changes[i]
		ch.dir = turn(ch.dir)
		into.changes = append(into.changes, ch)
	}
	for j := from.oldest; j != nil; {
		next := j.newer
		c.remove(j)
		j.trail, j.dir = into, turn(j.dir)
		j.seq -= shift[j.dir]
		j.ack -= shift[1-j.dir]
		c.resettle(j)
		j = next
	}
}

// resettle puts a journey from another trail into its own, or adds it to the journey there of which it is a part.
func (c *comparer) resettle(j *journey) {
	for p := range j.at {
		if !j.at[p].seen() {
			continue
		}
		s := j.at[p]
		k := c.find(j.trail, j.trail.legs[p], j.dir, &s)
		if k == nil || !k.apart(j) {
			continue
		}
		c.combine(k, j)
		return
	}
	c.sums.segments--
	c.enter(j, nil)
}

// apart reports whether two journeys were seen at different points.
func (j *journey) apart(k *journey) bool {
	for p := range j.at {
		if j.at[p].seen() && k.at[p].seen() {
			return false
		}
	}
	return true
}

// adopt moves a leg to another trail.
func (c *comparer) adopt(t *trail, l *leg, shift [2]uint32, turned bool) {
	if turned {
		l.swapped = !l.swapped
		l.shift[0], l.shift[1] = l.shift[1], l.shift[0]
		l.isn[0], l.isn[1] = l.isn[1], l.isn[0]
		l.isnSeen[0], l.isnSeen[1] = l.isnSeen[1], l.isnSeen[0]
		l.segments[0], l.segments[1] = l.segments[1], l.segments[0]
		l.kinds[0], l.kinds[1] = l.kinds[1], l.kinds[0]
		l.passed[0], l.passed[1] = l.passed[1], l.passed[0]
		l.talk[0], l.talk[1] = l.talk[1], l.talk[0]
		l.ttl[0], l.ttl[1] = l.ttl[1], l.ttl[0]
		l.acked[0], l.acked[1] = l.acked[1], l.acked[0]
		l.ackedAt[0], l.ackedAt[1] = l.ackedAt[1], l.ackedAt[0]
	}
	for dir := range 2 {
		l.shift[dir] += shift[dir]
		l.passed[dir].shift(-shift[dir])
		l.acked[dir] -= shift[dir]
	}
	c.join(t, l, byNothing)
}

// shift adds n to all numbers.
func (s *space) shift(n uint32) {
	s.low, s.high = s.low+n, s.high+n
	for i := range s.holes {
		s.holes[i].from += n
		s.holes[i].until += n
	}
}

// sortedLegs returns legs in the order of their ids.
func sortedLegs(legs map[uint64]*leg) []*leg {
	return slices.SortedFunc(maps.Values(legs), func(a, b *leg) int { return cmp.Compare(a.id, b.id) })
}
