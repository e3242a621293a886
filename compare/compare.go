package compare

import (
	"context"
	"fmt"
	"math"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// Result describes the points and the path. The connections were emitted before it.
type Result struct {
	Points     []result.Point
	Path       []result.Stretch
	Comparison result.Comparison
	Ladder     *result.ComparedLadder // of Options.Ladder; nil if there is no such connection
	Captures   []capture.Stats        // by point
	Decoded    []flows.Stats
}

// Compare compares the captures of a path's points, in the order from the client's side to the server's. It calls emit
// with each connection that was seen at two points or more, or died before the second, once it has ended everywhere;
// the record is valid until emit returns. Sources have different names.
func Compare(ctx context.Context, sources []Source, o Options, emit func(*result.Compared) error) (*Result, error) {
	if n := len(sources); n < 2 || n > MaxPoints {
		return nil, fmt.Errorf("compare takes 2 to %d points, not %d", MaxPoints, n)
	}
	p, err := first(ctx, sources, &o)
	if err != nil {
		return nil, err
	}
	c := newComparer(p, emit)
	c.keeper.number = o.Ladder
	accounts, err := c.run(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{Ladder: c.keeper.ladder, Path: c.sums.records(c.moves), Comparison: c.sums.comparison}
	r.Comparison.Record, r.Comparison.Schema = "comparison", record.Schema
	r.Comparison.Points, r.Comparison.Segments = uint64(len(sources)), c.sums.segments
	for i := range sources {
		r.Points = append(r.Points, c.point(i, &accounts[i]))
		r.Captures = append(r.Captures, accounts[i].read)
		r.Decoded = append(r.Decoded, accounts[i].decoded)
	}
	return r, nil
}

// point is the record of a point.
func (c *comparer) point(i int, a *account) result.Point {
	v := c.surveys[i]
	r := result.Point{
		Record: "point", Schema: record.Schema, Name: c.sources[i].Name, Files: c.sources[i].Files,
		Packets: a.read.Packets, Segments: v.segments, First: record.Time(a.read.First), Last: record.Time(a.read.Last),
		Clock: c.clock(i), Connections: c.sums.points[i].connections, Alone: c.sums.points[i].alone,
		Blind: []result.Blind{},
	}
	for _, n := range a.decoded.Undecoded {
		r.Undecoded += n
	}
	if a.read.Drops != (capture.Drops{}) {
		n := v.dropped()
		r.Dropped = &n
	}
	for _, b := range c.blinds[i] {
		blind := result.Blind{Reason: b.reason, From: record.NoTime, Until: record.NoTime, Detail: b.detail}
		if b.ways != bothWays {
			blind.Way = result.ToServer
			if b.ways[toClient] {
				blind.Way = result.ToClient
			}
		}
		if b.from != alwaysFrom {
			blind.From = record.Time(b.from)
		}
		if b.until != alwaysUntil {
			blind.Until = record.Time(b.until)
		}
		r.Blind = append(r.Blind, blind)
	}
	return r
}

// dropped is how many packets the capture reports as dropped.
func (v *survey) dropped() uint64 { return v.read.Drops.Kernel + v.read.Drops.Interface }

// clock describes a point's clock.
func (p *path) clock(point int) result.Clock {
	if point == 0 {
		zero := record.NullableNumber{Known: true}
		return result.Clock{At: p.reference(0), Drift: zero, DriftError: zero, Evidence: result.ClockReference}
	}
	r := result.Clock{Evidence: result.ClockMeasured, At: p.reference(point), Segments: uint64(p.linked[point])}
	// The clocks on the way to the first point add up, and so do their errors.
	ahead, drift, drifts := p.ahead(point, int64(r.At)), 0.0, 0.0
	worst := 0.0
	for i := point; i > 0; i = p.parents[i] {
		c := p.clocks[i]
		if c == nil {
			r.Evidence = result.ClockAssumed
			worst = math.Inf(1)
			break
		}
		x := &c.pieces[0]
		if !x.forth || !x.back {
			r.Evidence = result.ClockOneWay
		}
		worst += max(x.highest-x.offset, x.offset-x.lowest)
		drift += x.drift
		drifts += max(x.fastest-x.drift, x.drift-x.slowest)
	}
	r.Offset, r.Error = record.Duration(ahead), record.NoDuration
	if !math.IsInf(worst, 0) {
		r.Error = record.Duration(math.Ceil(worst * 1e9))
	}
	if r.Evidence != result.ClockAssumed {
		r.Drift = record.NullableNumber{Value: round(drift * 1e6), Known: true}
		r.DriftError = record.NullableNumber{Value: round(drifts * 1e6), Known: true}
	}
	if given, fixed := p.options.Offsets[p.sources[point].Name]; fixed {
		r.Offset, r.Error, r.Evidence = record.Duration(given), 0, result.ClockGiven
	}
	return r
}

// round leaves a thousandth.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// reference is the moment, by the first point's clock, for which a point's offset is given: the
// first segment they have in common.
func (p *path) reference(point int) record.Time {
	if c := p.clocks[point]; c != nil {
		return record.Time(p.corrected(p.parents[point], c.reference))
	}
	if from, _, ok := p.span(0); ok {
		return record.Time(from)
	}
	return record.NoTime
}

// ahead returns how far a point's clock is ahead of the first point's, at a moment of the latter.
func (p *path) ahead(point int, at int64) int64 {
	if at == int64(record.NoTime) {
		return 0
	}
	return p.local(point, at) - at
}

// local turns a moment of the first point's clock into one of a point's own.
func (p *path) local(point int, at int64) int64 {
	if point == 0 {
		return at
	}
	at = p.local(p.parents[point], at)
	if c := p.clocks[point]; c != nil {
		at += c.ahead(at)
	}
	return at
}

// moved returns how much further behind the user's setting puts each clock than the measurement does. Delays to that
// point grow by as much.
func (p *path) moved() []int64 {
	moves := make([]int64, len(p.sources))
	for i := range moves {
		if given, fixed := p.options.Offsets[p.sources[i].Name]; fixed && i > 0 {
			moves[i] = p.ahead(i, int64(p.reference(i))) - given
		}
	}
	return moves
}
