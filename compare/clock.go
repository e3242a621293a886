package compare

import (
	"math"
	"slices"
	"sort"
)

// A tick is one segment that two captures have in common: when the left one has it, and how much later, by its own
// clock, the right one. Both are in seconds from a reference.
type tick struct {
	at, later float64
	toServer  bool // it went from the left point to the right one
}

// maxDrift is how much faster than another a clock can be. Crystals differ by 0.0001 at most; NTP turns a clock by
// 0.0005.
const maxDrift = 0.002

// A line is how far the right clock is ahead of the left one, if their rates never change: an offset and a drift.
type line struct {
	offset, drift float64 // at the reference; a second of the left clock
	// margin is how far both directions' fastest segments are from the line: half of the fastest round trip. Below 0 no
	// line is possible: segments would arrive before they were sent.
	margin float64
	// The offsets and drifts with which no segment arrives before it was sent; they are infinite where nothing bounds
	// them.
	lowest, highest  float64
	slowest, fastest float64
	forth, back      bool // there were segments in this direction
}

// fitLine finds the line in the middle between the fastest segments of both directions.
//
// A segment to the right is later by the offset and its delay, one to the left by the offset less its delay. So the
// offset lies below all of the former and above all of the latter, and a straight line that does so at all times is a
// possible clock. Of these the one with the widest margin on both sides is taken, as if the path were equally fast in
// both directions: that cannot be known.
func fitLine(ticks []tick) line {
	var forth, back []tick
	for _, t := range ticks {
		if t.toServer {
			forth = append(forth, t)
		} else {
			back = append(back, tick{at: t.at, later: -t.later})
		}
	}
	forth, back = lowerHull(forth), lowerHull(back)
	// The range of offsets at the reference, for a drift.
	below := func(drift float64) float64 { return lowest(forth, drift) }
	above := func(drift float64) float64 { return -lowest(back, -drift) }
	l := line{forth: len(forth) > 0, back: len(back) > 0}
	if !l.forth || !l.back {
		return l.oneWay(forth, back)
	}
	room := func(drift float64) float64 { return below(drift) - above(drift) } // concave

	best := peak(room)
	most := room(best)
	// Of drifts that fit almost equally well, the smallest is taken.
	const resolution = 2e-6
	enough := most - max(resolution, 0.05*most)
	if max(best, -best) > 0.9*maxDrift {
		enough = min(most, 0) // nothing bounds the drift: any that is possible may be true
	}
	l.drift = best
	if room(0) >= enough {
		l.drift = 0
	} else {
		l.drift = edge(room, best, 0, enough)
	}
	l.margin = room(l.drift) / 2
	l.offset = (below(l.drift) + above(l.drift)) / 2

	l.slowest, l.fastest = l.drift, l.drift
	l.lowest, l.highest = l.offset-max(l.margin, 0), l.offset+max(l.margin, 0)
	if most > 0 {
		l.slowest, l.fastest = edge(room, best, -maxDrift, 0), edge(room, best, maxDrift, 0)
		// The extremes lie where the range of drifts ends or where a hull has a corner; both functions are smooth
		// enough between steps this small.
		const steps = 256
		for i := range steps + 1 {
			drift := l.slowest + (l.fastest-l.slowest)*float64(i)/steps
			l.lowest, l.highest = min(l.lowest, above(drift)), max(l.highest, below(drift))
		}
	}
	return l
}

// oneWay is a line along the fastest segments of one direction: the delay is taken to be 0.
func (l line) oneWay(forth, back []tick) line {
	hull, sign := forth, 1.0
	if l.back {
		hull, sign = back, -1
	}
	l.lowest, l.highest = math.Inf(-1), math.Inf(1)
	l.slowest, l.fastest = -maxDrift, maxDrift
	if len(hull) == 0 {
		return l
	}
	// The side of the hull in the middle of the time has the most segments above it.
	middle := (hull[0].at + hull[len(hull)-1].at) / 2
	for i := 1; i < len(hull); i++ {
		if a, b := hull[i-1], hull[i]; a.at <= middle && middle <= b.at && b.at-a.at > 10 {
			l.drift = min(max((b.later-a.later)/(b.at-a.at), -maxDrift), maxDrift)
		}
	}
	l.offset = sign * lowest(hull, l.drift)
	l.drift *= sign
	if l.forth {
		l.highest = l.offset
	} else {
		l.lowest = l.offset
	}
	return l
}

// lowerHull is the lower convex hull of the ticks, in order of time.
func lowerHull(ticks []tick) []tick {
	slices.SortFunc(ticks, func(a, b tick) int {
		switch {
		case a.at != b.at:
			return sign(a.at - b.at)
		}
		return sign(a.later - b.later)
	})
	hull := ticks[:0:0]
	for _, t := range ticks {
		if n := len(hull); n > 0 && hull[n-1].at == t.at {
			continue // above the one before
		}
		for n := len(hull); n >= 2; n-- {
			a, b := hull[n-2], hull[n-1]
			if (b.later-a.later)*(t.at-b.at) < (t.later-b.later)*(b.at-a.at) {
				break
			}
			hull = hull[:n-1]
		}
		hull = append(hull, t)
	}
	return hull
}

func sign(x float64) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

// lowest is the greatest offset with which a line of the drift stays below the hull.
func lowest(hull []tick, drift float64) float64 {
	least := math.Inf(1)
	for _, t := range hull {
		least = min(least, t.later-drift*t.at)
	}
	return least
}

// peak is where a concave function of a drift is highest.
func peak(f func(float64) float64) float64 {
	low, high := -maxDrift, maxDrift
	for range 200 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if f(a) < f(b) {
			low = a
		} else {
			high = b
		}
	}
	return (low + high) / 2
}

// edge returns the drift nearest to toward, from inside on, at which f is still at least level.
func edge(f func(float64) float64, inside, toward, level float64) float64 {
	if f(toward) >= level {
		return toward
	}
	for range 100 {
		middle := (inside + toward) / 2
		if f(middle) >= level {
			inside = middle
		} else {
			toward = middle
		}
	}
	return inside
}

// A clock says over time how far a point's clock is ahead of another point's: lines, each valid from a moment on. A
// good clock has one line.
type clock struct {
	reference int64 // ns, by the other clock
	coarse    int64 // ns, how far the clock is ahead, roughly; the lines add the rest
	pieces    []piece
}

type piece struct {
	from, until float64 // seconds from the reference, by the other clock
	line
}

// minPiece is how many segments a piece must have. Fewer do not show that a clock was set or turned.
const minPiece = 32

// tolerance is how much earlier than sent a segment may seem to arrive: not all captures are stamped at the same depth
// of the kernel.
const tolerance = 20e-6

// newClock fits a clock to at least one tick. If no line fits, because a clock was set or NTP turned it, newClock
// halves the time.
func newClock(reference, coarse int64, ticks []tick) clock {
	slices.SortStableFunc(ticks, func(a, b tick) int { return sign(a.at - b.at) })
	c := clock{reference: reference, coarse: coarse}
	c.split(ticks, 0)
	return c
}

func (c *clock) split(ticks []tick, depth int) {
	l := fitLine(ticks)
	if l.margin > -tolerance || len(ticks) < 2*minPiece || depth == 12 {
		c.pieces = append(c.pieces, piece{ticks[0].at, ticks[len(ticks)-1].at, l})
		return
	}
	middle := len(ticks) / 2
	c.split(ticks[:middle], depth+1)
	c.split(ticks[middle:], depth+1)
}

// at is the piece that is valid at a moment.
func (c *clock) at(x float64) *piece {
	i := sort.Search(len(c.pieces), func(i int) bool { return c.pieces[i].from > x })
	return &c.pieces[max(i-1, 0)]
}

// ahead returns how far the clock is ahead at a moment of the other clock, in nanoseconds.
func (c *clock) ahead(t int64) int64 {
	x := float64(t-c.reference) / 1e9
	p := c.at(x)
	return c.coarse + int64(math.Round((p.offset+p.drift*x)*1e9))
}

// back turns the clock's time into the other one's.
func (c *clock) back(t int64) int64 {
	t -= c.coarse
	y := float64(t-c.reference) / 1e9
	p := c.at(y)
	if len(c.pieces) > 1 {
		p = c.at(y - p.offset - p.drift*y)
	}
	return t - int64(math.Round((p.offset+p.drift*y)/(1+p.drift)*1e9)) // y = x + offset + drift·x
}
