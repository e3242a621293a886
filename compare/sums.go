package compare

import (
	"cmp"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// sums add up what happened on the path.
type sums struct {
	path     *path
	segments uint64
	ways     [][2]*oneWay // by stretch
	points   []struct{ connections, alone uint64 }

	comparison result.Comparison
}

// A oneWay is one direction of a stretch.
type oneWay struct {
	segments, syns uint64 // that passed
	delays         *hdrhistogram.Histogram
	min, max       int64
	counts         result.VerdictCounts
	changes        map[changeKey]*changeSum
}

type changeKey struct {
	field field
	step  int32
}

type changeSum struct {
	from, to result.Value
	segments uint64
}

func (s *sums) begin(p *path) {
	const hour, digits = 3600e9, 3
	s.path = p
	s.points = make([]struct{ connections, alone uint64 }, len(p.sources))
	for range p.stretches {
		var w [2]*oneWay
		for i := range w {
			w[i] = &oneWay{delays: hdrhistogram.New(1, hour, digits), changes: map[changeKey]*changeSum{}}
		}
		s.ways = append(s.ways, w)
	}
}

// passed counts a segment that passed a stretch.
func (s *sums) passed(stretch int, w way, delay int64, flags flows.Flags) {
	x := s.ways[stretch][w]
	if x.segments == 0 || delay < x.min {
		x.min = delay
	}
	if x.segments == 0 || delay > x.max {
		x.max = delay
	}
	x.segments++
	if flags.Has(flows.SYN) {
		x.syns++
	}
	x.delays.RecordValue(max(delay, 0))
}

func (w way) record() result.Way {
	if w == toServer {
		return result.ToServer
	}
	return result.ToClient
}

// verdict counts a verdict about n segments.
func (s *sums) verdict(stretch int, w way, kind result.VerdictKind, n uint64) {
	count(&s.ways[stretch][w].counts, kind, n)
	count(&s.comparison.Counts, kind, n)
}

func count(c *result.VerdictCounts, kind result.VerdictKind, n uint64) {
	switch kind {
	case result.Lost:
		c.Lost += n
	case result.Born:
		c.Born += n
	case result.Altered:
		c.Altered += n
	case result.Delayed:
		c.Delayed += n
	case result.Duplicated:
		c.Duplicated += n
	case result.Reordered:
		c.Reordered += n
	case result.NotCaptured:
		c.NotCaptured += n
	}
}

// changed counts segments that a stretch changed.
func (s *sums) changed(stretch int, w way, ch *change, from, to result.Value) {
	changes := s.ways[stretch][w].changes
	key := changeKey{ch.field, ch.step}
	if changes[key] == nil {
		changes[key] = &changeSum{from: from, to: to}
	}
	changes[key].segments += uint64(ch.count)
}

// usually is the share of changed segments from which on a change counts as one that the stretch always makes.
const usually = 0.9

func (f field) ofSyns() bool {
	return f == fieldMSS || f == fieldWScale || f == fieldSACKPermitted
}

// records returns the totals of each stretch and direction. Clock offsets that the user set shift the delays.
func (s *sums) records(moved []int64) []result.Stretch {
	var list []result.Stretch
	for i := range s.ways {
		for w := range s.ways[i] {
			list = append(list, s.record(i, way(w), moved[i+1]-moved[i]))
		}
	}
	return list
}

func (s *sums) record(stretch int, w way, moved int64) result.Stretch {
	x := s.ways[stretch][w]
	if w == toClient {
		moved = -moved
	}
	c := &x.counts
	r := result.Stretch{
		Record: "path", Schema: record.Schema, Between: []string{s.path.sources[stretch].Name,
			s.path.sources[stretch+1].Name},
		Way: w.record(), Segments: x.segments + c.Lost + c.NotCaptured, Passed: x.segments, Lost: c.Lost,
		NotCaptured: c.NotCaptured,
		Born:        c.Born, Altered: c.Altered, Delayed: c.Delayed, Duplicated: c.Duplicated, Reordered: c.Reordered,
		Delay: result.Delay{
			Min: record.NoDuration, P50: record.NoDuration, P99: record.NoDuration, Max: record.NoDuration,
			Late: record.NoDuration,
		},
		Always: []result.Change{},
	}
	if r.Passed+r.Lost > 0 {
		r.LostShare = record.NullableNumber{Value: float64(r.Lost) / float64(r.Passed+r.Lost), Known: true}
	}
	if x.segments > 0 {
		quantile := func(q float64) record.Duration {
			return record.Duration(min(max(x.delays.ValueAtQuantile(q), x.min), x.max) + moved)
		}
		r.Delay.Min, r.Delay.Max = record.Duration(x.min+moved), record.Duration(x.max+moved)
		r.Delay.P50, r.Delay.P99 = quantile(50), quantile(99)
		if u := &s.path.stretches[stretch].ways[w]; u.delays > 0 {
			r.Delay.Late = record.Duration(u.late + moved)
		}
	}
	for key, ch := range x.changes {
		of := x.segments
		if key.field.ofSyns() {
			of = x.syns
		}
		if float64(ch.segments) >= usually*float64(of) {
			r.Always = append(r.Always, result.Change{Field: fieldNames[key.field], From: ch.from, To: ch.to,
				Segments: ch.segments})
		}
	}
	order := func(f result.Field) int { return slices.Index(fieldNames[:], f) }
	slices.SortFunc(r.Always, func(a, b result.Change) int {
		return cmp.Or(cmp.Compare(order(a.Field), order(b.Field)), cmp.Compare(b.Segments, a.Segments))
	})
	return r
}
