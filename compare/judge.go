package compare

import (
	"slices"

	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// maxKept is how many journeys of a connection are kept to be judged; further ones are only counted. Fewer are kept of
// an attempt that no other point has seen yet.
const (
	maxKept  = 20_000
	maxAlone = 64
)

// over ends a journey: no point is expected to see the segment any more.
func (c *comparer) over(j *journey) {
	t := j.trail
	if j.seen < len(j.at) && c.rejoin(j) {
		return
	}
	c.remove(j)
	for i := range j.repeats {
		if o := j.repeats[i]; o.repair == nil && j.cameFurther(o) {
			o.repair = j
		}
	}
	if j.example {
		for i := range t.changes {
			if ch := &t.changes[i]; ch.first == j {
				ch.packets, ch.first = j.packets(), nil
			}
		}
	}
	c.keeper.keep(j)
	if c.eventful(j) {
		limit := maxKept
		if t.points == 1 {
			limit = maxAlone
		}
		if len(t.kept) < limit {
			t.kept = append(t.kept, j)
		} else {
			t.shed++
		}
	}
	c.finishIfOver(t)
}

// cameFurther reports whether a segment was seen at a point behind all those at which another one was.
func (j *journey) cameFurther(o *journey) bool {
	t, dir := j.trail, j.dir
	for place := len(j.at) - 1; place >= 0; place-- {
		p := t.pointAt(dir, place)
		if o.at[p].seen() {
			return false
		}
		if j.at[p].seen() {
			return true
		}
	}
	return false
}

// remove takes a journey out of the trail, the indexes and the queues.
func (c *comparer) remove(j *journey) {
	t := j.trail
	j.leave()
	for i := range c.indexes {
		c.indexes[i].remove(j)
	}
	if j.older != nil {
		j.older.newer = j.newer
	} else {
		t.oldest = j.newer
	}
	if j.newer != nil {
		j.newer.older = j.older
	} else {
		t.newest = j.older
	}
	j.older, j.newer = nil, nil
}

// rejoin joins a journey with another one of the same numbers, if different points saw them and they differ in one
// field only that devices may change, such as the IP identification. The delay and the TTL step between must be the
// usual ones.
func (c *comparer) rejoin(j *journey) bool {
	if j.copyOf != nil {
		return false
	}
	t := j.trail
	tries := 0
	same := c.indexes[byTrail].find(trailHash(t, j.dir, j.seq, j.space() > 0, j.ack))
	for o := same; o != nil && tries < maxTries; o = o.chain[byTrail] {
		tries++
		if o == j || o.copyOf != nil || o.trail != t || o.dir != j.dir || o.seq != j.seq || o.len != j.len ||
			o.flags != j.flags || o.ack != j.ack || !j.apart(o) {
			continue
		}
		p := j.nearestTo(o)
		q := o.nearest(p)
		a, b := &j.at[p], &o.at[q]
		differ, always := 0, c.always[p][q]
		if a.id != b.id {
			differ++
			if always.id {
				continue
			}
		}
		if a.window != b.window {
			differ++
			if always.window {
				continue
			}
		}
		if a.options&b.options&hasTimestamp != 0 && (a.tsVal != b.tsVal || a.tsEcr != b.tsEcr) {
			differ++
			if always.stamps {
				continue
			}
		}
		if differ > 1 || !c.usualTTL(j, p, a, q, b) || !c.punctual(j, q, b) {
			continue
		}
		c.remove(j)
		c.combine(o, j)
		return true
	}
	return false
}

// nearestTo returns the point that saw j and is nearest to one that saw o.
func (j *journey) nearestTo(o *journey) (point int) {
	least := len(j.at)
	for p := range j.at {
		if j.at[p].seen() {
			q := o.nearest(p)
			if d := max(p-q, q-p); d < least {
				point, least = p, d
			}
		}
	}
	return point
}

// combine adds the sightings of a journey to another one.
func (c *comparer) combine(into, j *journey) {
	had := make([]bool, len(into.at))
	for p := range into.at {
		had[p] = into.at[p].seen()
	}
	for p := range j.at {
		if j.at[p].seen() {
			into.at[p] = j.at[p]
			into.seen++
		}
	}
	into.late |= j.late
	into.parts |= j.parts
	into.repeats = append(into.repeats, j.repeats...)
	if into.repair == nil {
		into.repair = j.repair
	}
	c.sums.segments--
	for i := range c.stretches {
		if had[i] != had[i+1] && into.at[i].seen() && into.at[i+1].seen() {
			c.link(into, i)
		}
	}
	c.settle(into)
}

// packets are the numbers of a segment at every point, 0 for none.
func (j *journey) packets() []uint64 {
	numbers := make([]uint64, len(j.at))
	for p := range j.at {
		numbers[p] = j.at[p].packet
	}
	return numbers
}

// eventful reports whether something happened to a journey that no known gap explains.
func (c *comparer) eventful(j *journey) bool {
	t := j.trail
	eventful := j.late != 0 || j.overtaken != nil || j.copyOf != nil
	for p := range j.at {
		if j.at[p].seen() || j.copyOf != nil && j.copyOf[p].seen() {
			continue
		}
		if reason := c.blind(t, j, p); reason != "" {
			t.gap(j, p, reason)
			continue
		}
		// If a point shows nothing of a connection that talks, the reason lies in more than this segment.
		if t.legs[p] != nil || j.flags&(flows.SYN|flows.RST) != 0 && !c.talksBeside(t, p) {
			eventful = true
		}
	}
	return eventful
}

// expected returns when a segment should have reached a point.
func (c *comparer) expected(j *journey, point int) int64 {
	near := j.nearest(point)
	usual, _, _ := c.usualBetween(j, near, point)
	if j.trail.place(j.dir, near) < j.trail.place(j.dir, point) {
		return j.at[near].at + usual
	}
	return j.at[near].at - usual
}

// gap counts a segment that a point lacks.
func (t *trail) gap(j *journey, point int, reason result.BlindReason) {
	i := slices.IndexFunc(t.gaps, func(g gap) bool { return g.point == point && g.dir == j.dir && g.reason == reason })
	if i < 0 {
		near := j.nearest(point)
		t.gaps = append(t.gaps, gap{point: point, dir: j.dir, reason: reason, segment: j.at[near], at: near,
			packets: j.packets()})
		i = len(t.gaps) - 1
	}
	t.gaps[i].count++
}
