package ledger

import (
	"cmp"
	"testing"

	"pgregory.net/rapid"
)

// byValue returns a map that keeps the greatest values.
func byValue(limit int) bounded[int, int] {
	return bounded[int, int]{limit: limit, weight: func(v *int) weight { return weight{uint64(*v)} },
		compare: func(a, b *int) int { return cmp.Compare(*a, *b) }}
}

// A full map keeps the heaviest entries, in whatever order they were added.
func TestBoundedKeepsTheHeaviest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := byValue(rapid.IntRange(1, 20).Draw(t, "limit"))
		n := rapid.IntRange(1, 2*b.limit).Draw(t, "n")
		for key := range n {
			*b.of(key) = rapid.IntRange(0, 5).Draw(t, "weight")
		}
		want := b.sorted()[:min(n, b.limit)]
		b.trim()
		if got := len(b.values); got != len(want) {
			t.Fatalf("kept %d, should be %d", got, len(want))
		}
		for i, e := range b.sorted() {
			if *e != *want[i] {
				t.Fatalf("kept %v, should be %v", *e, *want[i])
			}
		}
		if b.leftOut != uint64(n-len(want)) {
			t.Fatalf("%d left out", b.leftOut)
		}
	})
}
