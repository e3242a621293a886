package crowd

import (
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency holds durations: exactly while they are few, then by a histogram whose values are right to one part in 16.
type latency struct {
	few  []int64
	many *hdrhistogram.Histogram // of microseconds
}

const fewLatencies = 64

func (l *latency) add(d int64) {
	d = max(0, d)
	if l.many == nil && len(l.few) < fewLatencies {
		l.few = append(l.few, d)
		return
	}
	l.spill()
	l.record(d)
}

// remove takes out one that was added.
func (l *latency) remove(d int64) {
	d = max(0, d)
	if l.many != nil {
		_ = l.many.RecordValues(l.trackable(d), -1) // cannot fail in range
	} else if i := slices.Index(l.few, d); i >= 0 {
		l.few = slices.Delete(l.few, i, i+1)
	}
}

// spill puts what is held exactly into the histogram.
func (l *latency) spill() {
	if l.many == nil {
		l.many = hdrhistogram.New(1, 3600e6, 1)
	}
	for _, d := range l.few {
		l.record(d)
	}
	l.few = nil
}

func (l *latency) record(d int64) {
	_ = l.many.RecordValue(l.trackable(d)) // cannot fail in range
}

// trackable is a duration as the histogram counts it.
func (l *latency) trackable(d int64) int64 {
	return min(max(d/1e3, 1), l.many.HighestTrackableValue())
}

func (l *latency) merge(other *latency) {
	for _, d := range other.few {
		l.add(d)
	}
	if other.many != nil {
		l.spill()
		l.many.Merge(other.many)
	}
}

// Percentiles are durations in nanoseconds; Known is not set where there was none.
type Percentiles struct {
	P50, P90, P99, Max int64
	Known              bool
}

func (l *latency) percentiles() Percentiles {
	if l.many != nil {
		if l.many.TotalCount() <= 0 {
			return Percentiles{}
		}
		at := func(q float64) int64 { return l.many.ValueAtQuantile(q) * 1e3 }
		return Percentiles{at(50), at(90), at(99), l.many.Max() * 1e3, true}
	}
	if len(l.few) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(l.few))
	at := func(q int) int64 { return sorted[(len(sorted)*q+99)/100-1] }
	return Percentiles{at(50), at(90), at(99), sorted[len(sorted)-1], true}
}
