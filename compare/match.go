package compare

import (
	"math"

	"github.com/tcplife/tcplife/flows"
)

// The functions of this file find the journey that a segment at a point belongs to.

// trailHash hashes what finds a trail's segments with the same numbers. The acknowledgement counts only if a segment
// takes no sequence space, because a retransmission may acknowledge more.
func trailHash(t *trail, dir int, seq uint32, space bool, ack uint32) uint64 {
	kind := uint64(dir)
	if space {
		kind, ack = kind|2, 0
	}
	return hash2(t.number<<2|kind, uint64(seq)<<32|uint64(ack))
}

// find returns the journey whose next sighting the segment is, nil if there is none. If several look the same, it
// prefers one on time to one that would be late or early, then one that was seen nearer to one that a point between has
// missed, then the one with the most usual delay, then the oldest.
func (c *comparer) find(t *trail, l *leg, dir int, s *sighting) *journey {
	seq := s.seq - l.shift[dir]
	ack := uint32(0)
	if s.has(flows.ACK) {
		ack = s.ack - l.shift[1-dir]
	}
	space := s.space() > 0
	var best *journey
	var least fit
	tries := 0
	same := c.indexes[byTrail].find(trailHash(t, dir, seq, space, ack))
	for j := same; j != nil && tries < maxTries; j = j.chain[byTrail] {
		tries++
		if j.trail != t || j.dir != dir || j.seq != seq || j.len != s.len {
			continue
		}
		if f, fits := c.fits(j, l, s); fits && (best == nil || !f.worse(least)) {
			best, least = j, f
		}
	}
	if best != nil && least.late && !least.sure {
		if other := c.copied(best, l, s); other != nil && s.at-other[l.point].at < least.unusual/2 {
			return nil // it is more likely a second copy of another one
		}
	}
	return best
}

// A fit measures how badly a segment fits a journey: less is better.
type fit struct {
	sure    bool // a stamp says that they are the same
	late    bool
	early   bool  // less than a quarter of the usual time after a second copy: the first one is more likely
	far     int   // points between it and the nearest sighting
	unusual int64 // by how much its delay is longer or shorter than usual
}

func (f fit) worse(than fit) bool {
	switch {
	case (f.late || f.early) != (than.late || than.early):
		return f.late || f.early
	case f.far != than.far:
		return f.far > than.far
	}
	return f.unusual > than.unusual
}

// maxTries bounds how many segments with the same numbers are compared.
const maxTries = 4096

// fits reports whether a segment at a leg's point can be the next sighting of a journey with
// the same numbers, and how well.
func (c *comparer) fits(j *journey, l *leg, s *sighting) (f fit, fits bool) {
	if j.at[l.point].seen() || j.flags != s.flags&controlFlags {
		return f, false
	}
	if s.has(flows.ACK) && j.ack != s.ack-l.shift[1-j.dir] {
		return f, false
	}
	near := j.nearest(l.point)
	a, k := &j.at[near], &c.keeps[near][l.point]
	whole := j.parts&(1<<near) == 0
	certain, stamped := false, false
	if k.id && whole && a.id|s.id != 0 {
		if a.id != s.id {
			return f, false
		}
		certain = true
	}
	if k.stamps && a.options&s.options&hasTimestamp != 0 {
		if a.tsVal != s.tsVal || a.tsEcr != s.tsEcr {
			return f, false
		}
		stamped = true
	}
	if k.window && whole && a.window != s.window {
		return f, false
	}
	delay, possible := c.transit(j, l.point, s)
	if !possible {
		return f, false
	}
	usual, late, jitter := c.usualBetween(j, near, l.point)
	if !certain && delay > late && !c.usualTTL(j, near, a, l.point, s) {
		return f, false
	}
	return fit{
		sure: certain || stamped, late: delay > late, early: j.copyOf != nil && delay < usual/4,
		far:     max(near-l.point, l.point-near),
		unusual: max(max(delay-usual, usual-delay)-jitter, 0),
	}, true
}

// nearest is the point nearest to another one at which the journey was seen.
func (j *journey) nearest(point int) int {
	for d := 1; ; d++ {
		if p := point - d; p >= 0 && j.at[p].seen() {
			return p
		}
		if p := point + d; p < len(j.at) && j.at[p].seen() {
			return p
		}
	}
}

// transit returns how long a segment would have taken from the nearest point that saw its journey to a point that it
// reached. That is possible if it came to each point after the points before it, and before it was given up. A segment
// with the stamps of the journey may seem to come earlier, as far as the clocks are uncertain.
func (c *comparer) transit(j *journey, point int, s *sighting) (delay int64, possible bool) {
	t, slack := j.trail, c.slack
	near := j.nearest(point)
	a, k := &j.at[near], &c.keeps[near][point]
	if k.id && a.id == s.id && a.id != 0 ||
		k.stamps && a.options&s.options&hasTimestamp != 0 && a.tsVal == s.tsVal && a.tsEcr == s.tsEcr {
		slack += c.uncertain
	}
	for p := range j.at {
		if !j.at[p].seen() || p == point {
			continue
		}
		d := s.at - j.at[p].at
		if t.place(j.dir, p) > t.place(j.dir, point) {
			d = -d
		}
		if d < -slack || d > c.horizon {
			return 0, false
		}
		if p == near {
			delay = d
		}
	}
	return delay, true
}

// usualBetween returns how long a segment usually takes between two points in its direction, the time beyond which it
// is late, and the jitter, a difference that means nothing.
func (c *comparer) usualBetween(j *journey, a, b int) (usual, late, jitter int64) {
	w := j.trail.wayOf(j.dir)
	for k := min(a, b); k < max(a, b); k++ {
		u := &c.stretches[k].ways[w]
		usual += u.delay
		jitter += u.jitter
		if u.late == math.MaxInt64 || late == math.MaxInt64 {
			late = math.MaxInt64
		} else {
			late += u.late
		}
	}
	return usual, late, jitter
}

// usualTTL reports whether the TTLs of a segment at two points differ as those of others do;
// true if nothing is known of these.
func (c *comparer) usualTTL(j *journey, a int, x *sighting, b int, y *sighting) bool {
	w := j.trail.wayOf(j.dir)
	step := 0
	for k := min(a, b); k < max(a, b); k++ {
		u := &c.stretches[k].ways[w]
		if !u.ttlSeen {
			return true
		}
		step += u.ttl
	}
	lower := int(x.ttl) - int(y.ttl)
	if j.trail.place(j.dir, a) > j.trail.place(j.dir, b) {
		lower = -lower
	}
	return lower == step
}

// cover finds the journeys that together have the segment as their next sighting, or the one journey that the segment
// is a part of, because offload merges and splits segments. It reports whether it found any. What no journey covers
// begins a new one.
func (c *comparer) cover(t *trail, l *leg, dir int, s *sighting) bool {
	from := s.seq - l.shift[dir]
	until := from + s.len
	if s.has(flows.SYN) || !c.overlaps(t, l, dir, from, until) {
		return false
	}
	found := false
	for at := from; at != until; {
		j, next := c.piece(t, l, dir, s, at, until)
		if j == nil {
			end := until
			if next != nil {
				end = next.seq
			}
			if found || next != nil {
				c.departPart(t, l, dir, s, at, end)
			} else {
				return false
			}
			at = end
			continue
		}
		found = true
		if after(j.seq+j.len, until) {
			c.split(j, until)
		}
		if j.len != s.len {
			j.parts |= 1 << l.point
		}
		at = j.seq + j.len
		c.attach(j, l.point, s)
	}
	return found
}

// overlaps reports whether other points have seen any part of a range. Nobody has seen new data.
func (c *comparer) overlaps(t *trail, l *leg, dir int, from, until uint32) bool {
	for _, o := range t.legs {
		if o != nil && o != l {
			if p := &o.passed[dir]; p.begun && after(p.high, from) && after(until, p.low) {
				return true
			}
		}
	}
	return false
}

// piece returns a journey that fits the rest of a segment from at on, split so that it begins there. If there is none,
// it returns the next journey that begins before until.
func (c *comparer) piece(t *trail, l *leg, dir int, s *sighting, at, until uint32) (j, next *journey) {
	tries := 0
	for j := t.newest; j != nil && tries < maxTries; j = j.older {
		tries++
		if j.dir != dir || j.len == 0 || j.flags.Has(flows.SYN) || !after(j.seq+j.len, at) || !after(until, j.seq) ||
			!c.fitsPart(j, l, s) {
			continue
		}
		if j.seq == s.seq-l.shift[dir] && j.len == s.len {
			continue // no part: find has refused it
		}
		switch {
		case j.seq == at:
			return j, nil
		case after(at, j.seq):
			return c.split(j, at), nil
		case next == nil || after(next.seq, j.seq):
			next = j
		}
	}
	return nil, next
}

// fitsPart reports whether a segment can be a sighting of a journey with which it shares data. Their lengths may
// differ.
func (c *comparer) fitsPart(j *journey, l *leg, s *sighting) bool {
	if j.at[l.point].seen() || j.flags&^flows.FIN != s.flags&controlFlags&^flows.FIN {
		return false
	}
	near := j.nearest(l.point)
	a, k := &j.at[near], &c.keeps[near][l.point]
	if k.stamps && a.options&s.options&hasTimestamp != 0 && a.tsVal != s.tsVal {
		return false
	}
	_, possible := c.transit(j, l.point, s)
	return possible
}

// split cuts a journey in two and returns the second part.
func (c *comparer) split(j *journey, at uint32) *journey {
	rest := c.newJourney(j.trail, j.dir)
	rest.flags, rest.seq, rest.ack, rest.len = j.flags, at, j.ack, j.seq+j.len-at
	j.flags &^= flows.FIN
	j.len -= rest.len
	for p := range j.at {
		if j.at[p].seen() {
			rest.at[p] = j.at[p]
			j.parts |= 1 << p
		}
	}
	rest.parts, rest.seen, rest.late = j.parts, j.seen, j.late
	c.enter(rest, j)
	return rest
}

// newJourney returns a journey without a sighting.
func (c *comparer) newJourney(t *trail, dir int) *journey {
	return &journey{trail: t, dir: dir, at: make([]sighting, len(c.sources))}
}

// depart begins a journey with its first sighting.
func (c *comparer) depart(t *trail, l *leg, dir int, s *sighting) *journey {
	j := c.newJourney(t, dir)
	j.flags, j.seq, j.len = s.flags&controlFlags, s.seq-l.shift[dir], s.len
	if s.has(flows.ACK) {
		j.ack = s.ack - l.shift[1-dir]
	}
	j.at[l.point], j.seen = *s, 1
	j.copyOf = c.copied(j, l, s)
	c.enter(j, nil)
	return j
}

// unfinished returns the journeys of data that a segment repeats and that not all points have seen.
func (c *comparer) unfinished(j *journey) (list []*journey) {
	t := j.trail
	add := func(o *journey) {
		if o != j && o.dir == j.dir && o.seen < len(o.at) && o.space() > 0 && after(o.end(), j.seq) &&
			after(j.end(), o.seq) {
			list = append(list, o)
			o.repeated = true
		}
	}
	tries := 0
	for o := t.newest; o != nil && tries < maxTries; o = o.older {
		add(o)
		tries++
	}
	for i := len(t.kept) - 1; i >= 0 && tries < maxTries; i-- {
		add(t.kept[i])
		tries++
	}
	return list
}

// departPart begins a journey with a part of a segment. The other parts belong to journeys that other points have seen.
func (c *comparer) departPart(t *trail, l *leg, dir int, s *sighting, from, until uint32) {
	j := c.newJourney(t, dir)
	j.flags, j.seq, j.len = s.flags&controlFlags&^flows.FIN, from, until-from
	if until == s.seq-l.shift[dir]+s.len {
		j.flags |= s.flags & flows.FIN
	}
	if s.has(flows.ACK) {
		j.ack = s.ack - l.shift[1-dir]
	}
	j.at[l.point], j.seen, j.parts = *s, 1, 1<<l.point
	c.enter(j, nil)
}

// enter puts a journey into the indexes and queues; behind is the one before it in its trail, nil for the newest.
func (c *comparer) enter(j, behind *journey) {
	t := j.trail
	if behind == nil {
		behind = t.newest
	}
	if behind != nil {
		j.older, j.newer = behind, behind.newer
		behind.newer = j
	} else {
		t.oldest = j
	}
	if j.newer != nil {
		j.newer.older = j
	} else {
		t.newest = j
	}
	c.indexes[byTrail].add(j, trailHash(t, j.dir, j.seq, j.space() > 0, j.ack))
	if t.points < len(c.sources) {
		s := j.first()
		if h := numberHash(s); !c.indexes[byNumber].crowded(h) {
			c.indexes[byNumber].add(j, h)
		}
		if h, ok := stampHash(s); ok && !c.indexes[byStamp].crowded(h) {
			c.indexes[byStamp].add(j, h)
		}
	}
	c.sums.segments++
	c.settle(j)
}

// settle puts a journey into the queue it belongs to.
func (c *comparer) settle(j *journey) {
	q, due := &c.waiting, c.now+c.horizon
	if j.seen == len(c.sources) {
		q, due = &c.done, c.now+copyWindow
	}
	if j.waits == q {
		return
	}
	j.leave()
	j.due = due
	q.push(j)
}

// first returns the journey's sighting at the first point that saw it.
func (j *journey) first() *sighting {
	for p := range j.at {
		if j.at[p].seen() {
			return &j.at[p]
		}
	}
	panic("compare: a journey without a sighting")
}

// copied returns the sightings of another journey, if the first sighting of a new journey is a second copy of one of
// them, else nil.
func (c *comparer) copied(j *journey, l *leg, s *sighting) []sighting {
	tries := 0
	same := c.indexes[byTrail].find(trailHash(j.trail, j.dir, j.seq, j.space() > 0, j.ack))
	for o := same; o != nil && tries < maxTries; o = o.chain[byTrail] {
		tries++
		a := &o.at[l.point]
		if o.trail != j.trail || o.dir != j.dir || o.seq != j.seq || o.len != j.len || o.flags != j.flags ||
			o.ack != j.ack || !a.seen() {
			continue
		}
		if a.id != s.id || a.window != s.window || a.tsVal != s.tsVal || a.tsEcr != s.tsEcr || a.options != s.options {
			continue
		}
		if s.id == 0 && s.options&hasTimestamp == 0 && s.space() == 0 && s.at-a.at > int64(duplicateBare) {
			continue // duplicate acknowledgements are legal (RFC 5681 §3.2)
		}
		return append([]sighting(nil), o.at...)
	}
	return nil
}

// duplicateBare is how soon after another one a bare acknowledgement without any stamp is a copy and no repetition, as
// in the analyzer.
const duplicateBare = 2e6 // ns

// attach adds a sighting to a journey.
func (c *comparer) attach(j *journey, point int, s *sighting) {
	j.at[point] = *s
	j.seen++
	if point > 0 && j.at[point-1].seen() {
		c.link(j, point-1)
	}
	if point < len(j.at)-1 && j.at[point+1].seen() {
		c.link(j, point)
	}
	c.settle(j)
}

// link records what became of a segment that passed a stretch.
func (c *comparer) link(j *journey, stretch int) {
	t := j.trail
	a, b, behind := &j.at[stretch], &j.at[stretch+1], t.legs[stretch+1]
	w := t.wayOf(j.dir)
	if w == toClient {
		a, b, behind = b, a, t.legs[stretch]
	}
	behind.ttl[j.dir] = ttl{b.ttl, true}
	p := t.passing(stretch, j.dir)
	p.segments++
	delay := b.at - a.at
	late := delay > c.stretches[stretch].ways[w].late
	if late {
		j.late |= 1 << stretch
	}
	c.sums.passed(stretch, w, delay, a.flags)
	if j.parts>>stretch&3 != 0 {
		return // the order and the fields of parts are those of the whole
	}
	if j.copyOf == nil {
		if a.packet > p.up && b.packet > p.down {
			p.up, p.down = a.packet, b.packet
		} else {
			c.overtake(j, stretch, a.packet, b.packet)
			p.up, p.down = max(p.up, a.packet), max(p.down, b.packet)
		}
	}
	differences(a, b, func(f field, from, to uint32) { t.change(j, stretch, f, from, to, a) })
	if n := t.nat[stretch]; n != 0 {
		t.changeSockets(j, stretch, n, a)
	}
}

// overtake notes which segments passed which on a stretch.
func (c *comparer) overtake(j *journey, stretch int, up, down uint64) {
	t := j.trail
	for o := t.newest; o != nil; o = o.older {
		a, b := &o.at[stretch], &o.at[stretch+1]
		if o == j || o.dir != j.dir || !a.seen() || !b.seen() || o.copyOf != nil || o.parts>>stretch&3 != 0 {
			continue
		}
		if t.wayOf(j.dir) == toClient {
			a, b = b, a
		}
		switch {
		case a.packet > up && b.packet < down:
			j.overtakenOn(stretch)
		case a.packet < up && b.packet > down:
			o.overtakenOn(stretch)
		}
	}
}

func (j *journey) overtakenOn(stretch int) {
	if j.overtaken == nil {
		j.overtaken = make([]uint32, len(j.at)-1)
	}
	j.overtaken[stretch]++
}
