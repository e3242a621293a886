package ledger

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The counts are those at each moment of the final step, in any order of the stays, and however they are divided among
// timelines that are merged.
func TestTimelineCounts(t *testing.T) {
	type stay struct{ from, until int64 }
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 60).Draw(t, "limit")
		scale := rapid.SampledFrom([]int64{1, 1e6, 1e9, 3600e9}).Draw(t, "scale")
		stays := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stay {
			from := rapid.Int64Range(-1000, 1000).Draw(t, "from") * scale
			return stay{from, from + rapid.Int64Range(0, 300).Draw(t, "length")*scale/7}
		}), 1, 40).Draw(t, "stays")
		step := rapid.SampledFrom([]int64{1e6, 3e5, 1e9, 7e9}).Draw(t, "step")
		parts := []*timeline{{step: step}, {step: step}}
		for _, s := range stays {
			parts[rapid.IntRange(0, 1).Draw(t, "part")].add(s.from, s.until, limit)
		}
		whole := parts[0]
		whole.merge(parts[1], limit)
		if len(whole.change) > limit {
			t.Fatalf("it keeps %d moments, more than %d", len(whole.change), limit)
		}
		again := timeline{step: step}
		for _, s := range slices.Backward(stays) {
			again.add(s.from, s.until, limit)
		}
		whole.settle(limit)
		again.settle(limit)
		if again.step != whole.step {
			t.Fatalf("its step is %d, and in another order %d", whole.step, again.step)
		}
		first, n := whole.first-3, len(whole.change)+6
		want := make([]uint64, n)
		for m := range want {
			for _, s := range stays {
				if at := (first + int64(m)) * whole.step; s.from <= at && at < s.until {
					want[m]++
				}
			}
		}
		if got := whole.counts(first, n); !slices.Equal(got, want) {
			t.Fatalf("step %d: %d, want %d", whole.step, got, want)
		}
		most, _ := whole.peak()
		if most != slices.Max(want) {
			t.Fatalf("its peak is %d, want %d", most, slices.Max(want))
		}
		if got := again.counts(first, n); !slices.Equal(got, want) {
			t.Fatalf("in another order: %d, want %d", got, want)
		}
	})
}

// Dropped entries are counted, and the heaviest stay.
func TestBounded(t *testing.T) {
	b := byValue(3)
	for round := range 10 {
		for key := range 9 {
			if key < 3 || round == 0 {
				*b.of(key) += 10
			}
			*b.of(100 + round*10 + key)++
		}
	}
	b.trim()
	if got := heaviest(&b); !slices.Equal(got, []entry[int, int]{{0, 100}, {1, 100}, {2, 100}}) {
		t.Errorf("the heaviest are %d", got)
	}
	if b.leftOut == 0 {
		t.Error("nothing was left out")
	}
}
