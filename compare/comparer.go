package compare

import (
	"context"
	"time"

	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A comparer is the second reading of all captures.
type comparer struct {
	*path
	legs    []map[uint64]*leg // by point, by the analyzer's id
	byKey   map[uint64]*leg   // by the hash of their keys: those whose trail has not ended
	indexes [indexes]index
	waiting queue // journeys that some point has not seen yet
	done    queue // journeys that every point has seen, kept for a while to recognise a second copy
	now     int64
	trails  uint64
	keeps   [][]kept // by two points, what most segments keep
	always  [][]kept // by two points, what all keep, if there are more than a few
	// slack is how much earlier a segment may seem to be at a point than at the one before; uncertain is how much more
	// than that it may be if the segment is known for the same.
	slack, uncertain int64

	singles []bool  // points whose capture does not hold everything twice
	moves   []int64 // by point: path.moved
	// by two points: the hosts of the connections that both see, by the addresses at the first
	through  map[[2]int]map[flows.Addr]bool
	halves   [][2][]half // by stretch: connections that end before it, and that begin behind it
	keeper   keeper
	sums     sums
	compared result.Compared // the unfinished record
	emit     func(*result.Compared) error
	failed   error // of emit
}

// kept says which fields of a segment are the same at two points.
type kept struct{ id, stamps, window bool }

// holdsTwice reports a capture that holds nearly every segment twice, like one of all interfaces of a router, although
// it was sent once, as another point's capture shows. Of a few segments all must be there twice, because a path may
// double some.
func (p *path) holdsTwice(point int) bool {
	share := func(i int) float64 { return float64(p.surveys[i].doubled) / float64(max(p.surveys[i].segments, 1)) }
	const nearlyHalf, several = 0.4, 32
	if share(point) < nearlyHalf || p.surveys[point].doubled < several && share(point) < 0.5 {
		return false
	}
	for i := range p.surveys {
		if share(i) < share(point)/2 && p.surveys[i].segments > 0 {
			return true
		}
	}
	return false
}

func (k kept) and(o kept) kept {
	return kept{k.id && o.id, k.stamps && o.stamps, k.window && o.window}
}

// copyWindow is how long a complete journey is kept, so that a second copy of its segment is recognised. maxDone is how
// many of these are kept at most.
const (
	copyWindow = int64(time.Second)
	maxDone    = 1 << 18
)

func newComparer(p *path, emit func(*result.Compared) error) *comparer {
	n := len(p.sources)
	c := &comparer{path: p, byKey: map[uint64]*leg{}, emit: emit, singles: make([]bool, n),
		slack: 2 * int64(tolerance*1e9),
		moves: p.moved(), halves: make([][2][]half, n-1), through: map[[2]int]map[flows.Addr]bool{}}
	for i := range c.indexes {
		c.indexes[i] = index{i, map[uint64]*journey{}}
	}
	for i := range n {
		c.legs = append(c.legs, map[uint64]*leg{})
		c.singles[i] = !p.holdsTwice(i)
		mostly, always := make([]kept, n), make([]kept, n)
		for j := range n {
			mostly[j], always[j] = kept{true, true, true}, kept{true, true, true}
			for k := min(i, j); k < max(i, j); k++ {
				mostly[j] = mostly[j].and(p.stretches[k].mostly)
				always[j] = always[j].and(p.stretches[k].always)
			}
		}
		c.keeps, c.always = append(c.keeps, mostly), append(c.always, always)
	}
	for i := range p.stretches {
		widest := 0.0
		for k := range p.stretches[i].clock.pieces {
			margin := p.stretches[i].clock.pieces[k].margin
			c.slack = max(c.slack, int64(-2e9*margin))
			widest = max(widest, margin)
		}
		c.uncertain += int64(1e9 * widest)
	}
	c.sums.begin(p)
	return c
}

// run reads all captures side by side.
func (c *comparer) run(ctx context.Context) ([]account, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	feeds := make([]*feed, len(c.sources))
	for i := range c.sources {
		feeds[i] = c.sources[i].startFeed(ctx, c.options, func(t int64) int64 { return c.corrected(i, t) })
	}
	var err error
	for err == nil {
		next, point := (*event)(nil), 0
		for i, f := range feeds {
			if e := f.head(); e != nil && (next == nil || e.order < next.order) {
				next, point = e, i
			}
		}
		if next == nil {
			break
		}
		c.advance(next.order)
		c.take(point, next)
		feeds[point].next++
		err = c.failed
	}
	cancel()
	accounts := make([]account, len(feeds))
	for i, f := range feeds {
		f.drain()
		if err == nil {
			err = f.err
		}
		accounts[i] = f.account
	}
	if err != nil {
		return nil, err
	}
	c.close()
	if c.failed == nil {
		c.failed = c.tellTwo()
	}
	return accounts, c.failed
}

// advance judges the journeys that are due.
func (c *comparer) advance(now int64) {
	c.now = max(c.now, now)
	for c.done.head != nil && (c.done.head.due <= c.now || c.done.length > maxDone) {
		c.over(c.done.head)
	}
	for c.waiting.head != nil && c.waiting.head.due <= c.now {
		c.over(c.waiting.head)
	}
}

// take takes in an event of a point.
func (c *comparer) take(point int, e *event) {
	l := c.legs[point][e.id]
	switch {
	case e.end != nil:
		if l != nil {
			c.ended(l, e.end)
		}
	case e.icmp != nil:
		if l != nil {
			l.trail.reports = append(l.trail.reports, report{point, e.packet, e.at, l.dir(e.fromB),
				e.seq - l.shift[l.dir(e.fromB)], e.icmp})
		}
	default:
		if e.twice && !c.singles[point] {
			return
		}
		if l == nil {
			if e.key == nil {
				return
			}
			l = c.begin(point, e)
		}
		c.arrive(l, l.dir(e.fromB), &e.sighting)
	}
}

// close ends all connections and journeys that are left.
func (c *comparer) close() {
	c.advance(alwaysUntil)
	for point := range c.legs {
		for _, l := range sortedLegs(c.legs[point]) {
			if l.trail.open > 0 {
				l.trail.open = 0
				c.finish(l.trail)
			}
		}
	}
}

// ended notes that a point's analyzer has ended a connection.
func (c *comparer) ended(l *leg, end *legEnd) {
	l.end = end
	l.trail.open--
	c.finishIfOver(l.trail)
}

func (c *comparer) finishIfOver(t *trail) {
	if t.open == 0 && t.oldest == nil {
		c.finish(t)
	}
}

// arrive takes in a segment of a leg.
func (c *comparer) arrive(l *leg, dir int, s *sighting) {
	t := l.trail
	idle := s.at - l.last
	if l.packets == 0 {
		idle = 0
	}
	l.packets++
	l.segments[dir]++
	l.kinds[dir][whatIs(s.flags, s.len)]++
	// Connections that were under way, or captured in one direction only, do not count.
	l.leaky = l.leaky || s.unsent && (l.isnSeen[0] || l.isnSeen[1]) && l.segments[1-dir] > 0
	l.last = s.at
	t.first, t.last = min(t.first, s.at), max(t.last, s.at)
	syn, rst, ack := s.has(flows.SYN), s.has(flows.RST), s.has(flows.ACK)
	if syn && !rst {
		c.noteNumber(l, dir, s)
	}
	if ack && !l.ackedAt[1-dir] && l.segments[1-dir] == 0 {
		c.noteOther(t, l, dir, s)
	}
	seq := s.seq - l.shift[dir]
	again := s.space() > 0 && l.passed[dir].begun && after(l.passed[dir].high, seq)
	if !rst {
		l.passed[dir].see(seq, seq+s.space())
		if ack {
			l.acknowledge(1-dir, s.ack-l.shift[1-dir])
		}
		if !syn {
			t.talks[dir] = true
			l.talk[dir].at(s.at)
		}
	}
	if j := c.find(t, l, dir, s); j != nil {
		c.attach(j, l.point, s)
		return
	}
	if s.len > 0 && c.cover(t, l, dir, s) {
		return
	}
	j := c.depart(t, l, dir, s)
	j.idle = idle
	if again {
		j.repeats = c.unfinished(j)
	}
	if t.points < len(c.sources) {
		c.reunite(j, l)
	}
}

// acknowledge notes an acknowledgement of what end dir sends.
func (l *leg) acknowledge(dir int, ack uint32) {
	const absurd = 1 << 28
	switch p := &l.passed[dir]; {
	case l.ackedAt[dir] && !after(ack, l.acked[dir]):
	case p.begun && after(ack, p.high+absurd):
	default:
		l.acked[dir], l.ackedAt[dir] = ack, true
	}
}

// noteOther finds the shift of the numbers of a side that the leg's capture lacks, from the leg's first
// acknowledgement. The capture may hold one direction only. Then a segment with the same number and stamps is on its
// way.
func (c *comparer) noteOther(t *trail, l *leg, dir int, s *sighting) {
	hash, _ := stampHash(s)
	for j := t.newest; j != nil; j = j.older {
		if j.dir != dir || j.flags != s.flags&controlFlags || j.seq != s.seq-l.shift[dir] || j.len != s.len ||
			j.at[l.point].seen() {
			continue
		}
		if j.ack == s.ack-l.shift[1-dir] {
			return
		}
		a := j.first()
		if other, _ := stampHash(a); other != hash || a.id == 0 && a.options&hasTimestamp == 0 {
			continue
		}
		if _, possible := c.transit(j, l.point, s); possible {
			l.shift[1-dir] = s.ack - j.ack
			return
		}
	}
}

// noteNumber notes the ISN that a SYN shows, and by how much it is shifted against the trail's.
func (c *comparer) noteNumber(l *leg, dir int, s *sighting) {
	t := l.trail
	if l.isnSeen[dir] {
		return
	}
	l.isn[dir], l.isnSeen[dir] = s.seq, true
	if !t.isnKnown[dir] {
		t.isn[dir], t.isnKnown[dir] = s.seq-l.shift[dir], true
		return
	}
	if s.seq-l.shift[dir] == t.isn[dir] {
		return
	}
	// A SYN-ACK with another ISN (SYN cookies make a new one each time) is no shift.
	for j := t.newest; j != nil; j = j.older {
		if j.dir == dir && j.flags.Has(flows.SYN) && j.seq == s.seq-l.shift[dir] {
			return
		}
	}
	l.shift[dir] = s.seq - t.isn[dir]
}
