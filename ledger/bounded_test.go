package ledger

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// byValue returns a map that keeps the greatest values.
func byValue(limit int) bounded[int, int] {
	return bounded[int, int]{limit: limit, weight: func(v *int) weight { return weight{uint64(*v)} },
		compare: func(a, b *int) int { return cmp.Compare(*a, *b) }}
}

// heaviest returns the entries, heaviest first.
func heaviest(b *bounded[int, int]) (list []entry[int, int]) {
	for _, e := range b.sorted() {
		list = append(list, *e)
	}
	return list
}

// A full map keeps the heaviest entries, in whatever order they were added.
func TestBoundedKeepsTheHeaviest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := byValue(rapid.IntRange(1, 20).Draw(t, "limit"))
		n := rapid.IntRange(1, 2*b.limit).Draw(t, "n")
		for key := range n {
			*b.of(key) = rapid.IntRange(0, 5).Draw(t, "weight")
		}
		want := heaviest(&b)[:min(n, b.limit)]
		b.trim()
		if got := heaviest(&b); !slices.Equal(got, want) {
			t.Fatalf("kept %v, should be %v", got, want)
		}
		for _, e := range want {
			if got := b.find(e.key); got == nil || *got != e.value {
				t.Fatalf("%d is not found any more", e.key)
			}
		}
		if b.leftOut != uint64(n-len(want)) {
			t.Fatalf("%d left out", b.leftOut)
		}
	})
}
