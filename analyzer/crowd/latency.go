package crowd

import (
	"math/bits"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency stores durations: exactly while there are few, then in a histogram with a precision of one part in 16.
type latency struct {
	exact     []int64
	histogram *histogram
}

const fewLatencies = 64

func (l *latency) add(d int64) {
	if l.histogram == nil && len(l.exact) < fewLatencies {
		l.exact = append(l.exact, max(0, d))
		return
	}
	if l.histogram == nil {
		l.histogram = &histogram{}
		for _, e := range l.exact {
			*l.histogram.of(e)++
		}
		l.exact = nil
	}
	*l.histogram.of(d)++
}

// remove removes a duration that was added.
func (l *latency) remove(d int64) {
	if l.histogram != nil {
		*l.histogram.of(d)--
	} else if i := slices.Index(l.exact, max(0, d)); i >= 0 {
		l.exact = slices.Delete(l.exact, i, i+1)
	}
}

// histogram has the counts of an hdrhistogram.Histogram, which computes its percentiles: buckets of 16 equal steps,
// each twice as long as the one before. (Its own RecordValue takes several times as long.)
type histogram [464]int64

// longestCounted is the histogram's range in microseconds: an hour.
const longestCounted = 3600e6

// of returns the count of a duration in nanoseconds, clamped to the range.
func (h *histogram) of(d int64) *int64 {
	v := uint64(min(max(d/1e3, 1), longestCounted))
	bucket := max(bits.Len64(v), 5) - 5
	return &h[bucket*16+int(v>>bucket)]
}

// Percentiles are durations in nanoseconds, with Known if there was any.
type Percentiles struct {
	P50, P90, P99, Max int64
	Known              bool
}

func (l *latency) percentiles() Percentiles {
	if l.histogram != nil {
		all := hdrhistogram.Import(&hdrhistogram.Snapshot{LowestTrackableValue: 1,
			HighestTrackableValue: longestCounted, SignificantFigures: 1, Counts: l.histogram[:]})
		if all.TotalCount() <= 0 {
			return Percentiles{}
		}
		at := func(q float64) int64 { return all.ValueAtQuantile(q) * 1e3 }
		return Percentiles{at(50), at(90), at(99), all.Max() * 1e3, true}
	}
	if len(l.exact) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(l.exact))
	at := func(q int) int64 { return sorted[(len(sorted)*q+99)/100-1] }
	return Percentiles{at(50), at(90), at(99), sorted[len(sorted)-1], true}
}
