package crowd

import (
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency stores durations: exactly while there are few, then in a histogram with a precision of one part in 16.
type latency struct {
	exact     []int64
	histogram *hdrhistogram.Histogram // of microseconds
	removed   *hdrhistogram.Histogram // durations in histogram that were removed; nil without any
}

const fewLatencies = 64

func (l *latency) add(d int64) {
	d = max(0, d)
	if l.histogram == nil && len(l.exact) < fewLatencies {
		l.exact = append(l.exact, d)
		return
	}
	l.spill()
	count(l.histogram, d)
}

// remove removes a duration that was added.
func (l *latency) remove(d int64) {
	d = max(0, d)
	if l.histogram != nil {
		if l.removed == nil {
			l.removed = newHistogram()
		}
		count(l.removed, d)
	} else if i := slices.Index(l.exact, d); i >= 0 {
		l.exact = slices.Delete(l.exact, i, i+1)
	}
}

// spill moves the exact durations into the histogram.
func (l *latency) spill() {
	if l.histogram == nil {
		l.histogram = newHistogram()
	}
	for _, d := range l.exact {
		count(l.histogram, d)
	}
	l.exact = nil
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 3600e6, 1) }

// count counts a duration in nanoseconds, clamped to the histogram's range.
func count(h *hdrhistogram.Histogram, d int64) {
	_ = h.RecordValue(min(max(d/1e3, 1), h.HighestTrackableValue())) // fails only out of range
}

// left is the histogram of the durations that were not removed.
func (l *latency) left() *hdrhistogram.Histogram {
	if l.removed == nil {
		return l.histogram
	}
	left := l.histogram.Export()
	for i, n := range l.removed.Export().Counts {
		left.Counts[i] -= n
	}
	return hdrhistogram.Import(left)
}

// Percentiles are durations in nanoseconds, with Known if there was any.
type Percentiles struct {
	P50, P90, P99, Max int64
	Known              bool
}

func (l *latency) percentiles() Percentiles {
	if l.histogram != nil {
		left := l.left()
		if left.TotalCount() <= 0 {
			return Percentiles{}
		}
		at := func(q float64) int64 { return left.ValueAtQuantile(q) * 1e3 }
		return Percentiles{at(50), at(90), at(99), left.Max() * 1e3, true}
	}
	if len(l.exact) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(l.exact))
	at := func(q int) int64 { return sorted[(len(sorted)*q+99)/100-1] }
	return Percentiles{at(50), at(90), at(99), sorted[len(sorted)-1], true}
}
