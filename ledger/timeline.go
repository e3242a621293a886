package ledger

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A timeline counts stays at the moments of a grid: the whole multiples of a step since 1970. A stay between two
// moments counts at neither. If there would be more moments than the limit, the step becomes longer, with the same
// counts as if it had always been that long. So after settle, the order in which stays were added does not matter.
type timeline struct {
	step             int64   // in nanoseconds
	first            int64   // the moment of change[0], in steps
	change           []int32 // the difference from the count at the moment before
	earliest, latest int64   // of all stays
	begun, ended     int64   // the moments at or after the beginning of the last stay, and after its end
}

// gridSteps are round steps, each a multiple of those before it. With the longest step, all times that an int64 can
// hold have 214 moments.
var gridSteps = [...]int64{
	1e6, 2e6, 10e6, 20e6, 100e6, 200e6, 1e9, 2e9, 10e9, 60e9, 300e9, 900e9, 3600e9, 6 * 3600e9,
	day, 10 * day, 100 * day, 1000 * day,
}

const day = 24 * 3600 * int64(1e9)

// longer returns the next longer step, which is a multiple of the given one.
func longer(step int64) int64 {
	if i, isOne := slices.BinarySearch(gridSteps[:], step); isOne && i+1 < len(gridSteps) {
		return gridSteps[i+1]
	}
	return 2 * step
}

// roundUp is the first moment at or after a time, in steps.
func roundUp(at, step int64) int64 {
	q := at / step
	if at%step > 0 {
		q++
	}
	return q
}

// roundDown is the last moment at or before a time, in steps.
func roundDown(at, step int64) int64 {
	q := at / step
	if at%step < 0 {
		q--
	}
	return q
}

// add counts a stay from a time until another, and keeps at most limit moments.
func (t *timeline) add(from, until int64, limit int) {
	if from >= until {
		return
	}
	t.reach(from, until)
	i := t.moment(from, &t.begun)
	if until <= i*t.step {
		return
	}
	j := t.moment(until, &t.ended)
	if i == j {
		return
	}
	low, high := i, j
	if len(t.change) > 0 {
		low, high = min(low, t.first), max(high, t.first+int64(len(t.change))-1)
	}
	if high-low >= int64(limit) {
		t.coarsen(longer(t.step))
		t.add(from, until, limit)
		return
	}
	t.widen(low, high)
	t.change[i-t.first]++
	t.change[j-t.first]--
}

// moment is the first moment at or after a time. It is often the last one, and a division takes as long as the rest.
func (t *timeline) moment(at int64, last *int64) int64 {
	if at <= (*last-1)*t.step || at > *last*t.step {
		*last = roundUp(at, t.step)
	}
	return *last
}

// reach extends the time between earliest and latest.
func (t *timeline) reach(from, until int64) {
	if t.earliest == t.latest {
		t.earliest, t.latest = from, until
	}
	t.earliest, t.latest = min(t.earliest, from), max(t.latest, until)
}

// settle chooses the shortest step with which all stays together have at most limit moments.
func (t *timeline) settle(limit int) {
	for roundUp(t.latest, t.step)-roundUp(t.earliest, t.step) >= int64(limit) {
		t.coarsen(longer(t.step))
	}
}

// widen makes room for the moments from low to high.
func (t *timeline) widen(low, high int64) {
	if len(t.change) == 0 {
		t.first = low
	}
	if low < t.first {
		t.change = slices.Insert(t.change, 0, make([]int32, t.first-low)...)
		t.first = low
	}
	if n := int(high - t.first + 1); n > len(t.change) {
		t.change = append(t.change, make([]int32, n-len(t.change))...)
	}
}

// coarsen lengthens the step to a multiple of it.
func (t *timeline) coarsen(step int64) {
	factor := step / t.step
	t.step, t.begun, t.ended = step, 0, 0
	if len(t.change) == 0 {
		return
	}
	first := roundUp(t.first, factor)
	n := 0
	for i, change := range t.change {
		at := int(roundUp(t.first+int64(i), factor) - first)
		t.change[i] = 0
		t.change[at] += change
		n = at + 1
	}
	t.first, t.change = first, t.change[:n]
}

// merge adds the stays of another timeline.
func (t *timeline) merge(o *timeline, limit int) {
	if o.earliest < o.latest {
		t.reach(o.earliest, o.latest)
	}
	if len(o.change) == 0 {
		return
	}
	other := timeline{step: o.step, first: o.first, change: slices.Clone(o.change)}
	for {
		for t.step < other.step {
			t.coarsen(longer(t.step))
		}
		for other.step < t.step {
			other.coarsen(longer(other.step))
		}
		low, high := other.first, other.first+int64(len(other.change))-1
		if len(t.change) > 0 {
			low, high = min(low, t.first), max(high, t.first+int64(len(t.change))-1)
		}
		if high-low < int64(limit) {
			t.widen(low, high)
			break
		}
		t.coarsen(longer(t.step))
	}
	for i, change := range other.change {
		t.change[other.first-t.first+int64(i)] += change
	}
}

// counts returns the counts at n moments, beginning with first.
func (t *timeline) counts(first int64, n int) []uint64 {
	counts := make([]uint64, n)
	now := int64(0)
	for i, change := range t.change {
		now += int64(change)
		at := t.first + int64(i) - first
		switch {
		case at < 0:
		case at < int64(n):
			counts[at] = uint64(now)
		}
	}
	// After the last change the count is 0.
	return counts
}

// peak returns the greatest count and the first moment that has it.
func (t *timeline) peak() (count uint64, at record.Time) {
	at = record.NoTime
	now := int64(0)
	for i, change := range t.change {
		if now += int64(change); uint64(now) > count {
			count, at = uint64(now), record.Time((t.first+int64(i))*t.step)
		}
	}
	return count, at
}
