package compare

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
)

// A path is what the first reading found out about the points and the stretches between them.
type path struct {
	sources []Source
	options *Options
	surveys []*survey
	sides   []hosts

	// clocks[i] is point i's clock against that of point parents[i], with which it has segments in common; nil for the
	// first point, and where there is no such point.
	clocks  []*clock
	parents []int
	linked  []int // how many segments in common
	groups  []int // by point: points of the same group have segments in common, at least by way of others
	// stretches[i] lies between points i and i+1. It is empty where the two have nothing in common.
	stretches []stretch
	// keeps[i][j] is what no device changes in segments between points i and j.
	blinds [][]blind
	// horizon is how long a segment is waited for.
	horizon int64
}

// first does the first reading of all captures.
func first(ctx context.Context, sources []Source, o *Options) (*path, error) {
	n := len(sources)
	p := &path{
		sources: sources, options: o, surveys: make([]*survey, n), sides: make([]hosts, n),
		clocks: make([]*clock, n), parents: make([]int, n), linked: make([]int, n), groups: make([]int, n),
		stretches: make([]stretch, n-1),
	}
	for i := range p.sides {
		p.sides[i] = hosts{}
	}
	if err := p.survey(ctx); err != nil {
		return nil, err
	}
	found := make(map[[2]int]common)
	for i := 1; i < n; i++ {
		for j := i - 1; j >= 0; j-- {
			c := newCommon(p.surveys[j], p.surveys[i])
			if len(c.pairs) == 0 {
				continue
			}
			found[[2]int{j, i}] = c
			orient(c.pairs, p.sides[j], p.sides[i])
			break
		}
	}
	for i := 1; i < n; i++ {
		p.parents[i], p.groups[i] = i-1, i
		for j := i - 1; j >= 0; j-- {
			c, some := found[[2]int{j, i}]
			if !some {
				continue
			}
			s := newStretch(c, p.sides[j])
			p.clocks[i], p.parents[i], p.linked[i] = &s.clock, j, s.pairs
			p.groups[i] = p.groups[j]
			p.stretches[i-1] = *s
			break
		}
	}
	for i := range p.stretches {
		if s := &p.stretches[i]; s.pairs == 0 {
			s.ways = [2]usual{{late: math.MaxInt64}, {late: math.MaxInt64}}
			s.mostly = kept{true, true, true}
		}
	}
	p.setHorizon()
	p.blinds = p.findBlind()
	return p, nil
}

// survey reads as many captures at once as there are processors.
func (p *path) survey(ctx context.Context) error {
	errs := make([]error, len(p.sources))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range p.sources {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			defer fault.Catch(new(uint64), func(f *fault.Error) { errs[i] = f })
			p.surveys[i], errs[i] = p.sources[i].survey(ctx, p.options)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// setHorizon sets how long to wait for a segment: twice the longest time seen and half a second more, at least 2 s and
// at most 30 s.
func (p *path) setHorizon() {
	longest := int64(0)
	for i := range p.stretches {
		s := &p.stretches[i]
		longest += max(s.ways[0].longest, s.ways[1].longest)
	}
	p.horizon = min(max(2*longest+int64(500*time.Millisecond), int64(2*time.Second)), int64(30*time.Second))
}

// corrected turns the time of a point into that of the first point's clock.
func (p *path) corrected(point int, t int64) int64 {
	for point > 0 {
		if c := p.clocks[point]; c != nil {
			t = c.back(t)
		}
		point = p.parents[point]
	}
	return t
}

// span returns the time that a point's capture covers, by the first point's clock: from its first packet to its end, if
// the file tells it, or to its last packet. ok is false without a packet.
func (p *path) span(point int) (from, until int64, ok bool) {
	read := &p.surveys[point].read
	if read.First == capture.NoTime {
		return 0, 0, false
	}
	return p.corrected(point, read.First), p.corrected(point, max(read.Last, read.Until)), true
}

// usualDelay is how long a segment usually takes from one point to another in its direction.
func (p *path) usualDelay(from, to int) int64 {
	sum := int64(0)
	for ; from < to; from++ {
		sum += p.stretches[from].ways[toServer].delay
	}
	for ; from > to; from-- {
		sum += p.stretches[from-1].ways[toClient].delay
	}
	return sum
}

// sideOf says on which side of a point the sender of a segment is: above 0 towards the first point, below 0 towards the
// last one, 0 if that is unknown.
func (p *path) sideOf(point int, from, to flows.Addr) int {
	return p.sides[point][from] - p.sides[point][to]
}
