package crowd

import (
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency stores durations: exactly while there are few, then in a histogram whose values are right to one part in 16.
type latency struct {
	few  []int64
	many *hdrhistogram.Histogram // of microseconds
	gone *hdrhistogram.Histogram // of those in many that were taken out; nil without any
}

const fewLatencies = 64

func (l *latency) add(d int64) {
	d = max(0, d)
	if l.many == nil && len(l.few) < fewLatencies {
		l.few = append(l.few, d)
		return
	}
	l.spill()
	count(l.many, d)
}

// remove removes a duration that was added.
func (l *latency) remove(d int64) {
	d = max(0, d)
	if l.many != nil {
		if l.gone == nil {
			l.gone = newHistogram()
		}
		count(l.gone, d)
	} else if i := slices.Index(l.few, d); i >= 0 {
		l.few = slices.Delete(l.few, i, i+1)
	}
}

// spill moves the exact durations into the histogram.
func (l *latency) spill() {
	if l.many == nil {
		l.many = newHistogram()
	}
	for _, d := range l.few {
		count(l.many, d)
	}
	l.few = nil
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 3600e6, 1) }

// count counts a duration in nanoseconds, brought into the histogram's range.
func count(h *hdrhistogram.Histogram, d int64) {
	_ = h.RecordValue(min(max(d/1e3, 1), h.HighestTrackableValue())) // cannot fail in range
}

// left is the histogram of the durations that were not removed.
func (l *latency) left() *hdrhistogram.Histogram {
	if l.gone == nil {
		return l.many
	}
	left := l.many.Export()
	for i, n := range l.gone.Export().Counts {
		left.Counts[i] -= n
	}
	return hdrhistogram.Import(left)
}

// Percentiles are durations in nanoseconds; Known is not set where there was none.
type Percentiles struct {
	P50, P90, P99, Max int64
	Known              bool
}

func (l *latency) percentiles() Percentiles {
	if l.many != nil {
		left := l.left()
		if left.TotalCount() <= 0 {
			return Percentiles{}
		}
		at := func(q float64) int64 { return left.ValueAtQuantile(q) * 1e3 }
		return Percentiles{at(50), at(90), at(99), left.Max() * 1e3, true}
	}
	if len(l.few) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(l.few))
	at := func(q int) int64 { return sorted[(len(sorted)*q+99)/100-1] }
	return Percentiles{at(50), at(90), at(99), sorted[len(sorted)-1], true}
}
