package analyzer

import (
	"cmp"
	"testing"

	"pgregory.net/rapid"
)

// What a full map keeps are the heaviest, in whatever order they came.
func TestBoundedKeepsTheHeaviest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bounded[int, int]{limit: rapid.IntRange(1, 20).Draw(t, "limit"), heavier: func(k int, v *int, l int, w *int) int {
			return cmp.Or(cmp.Compare(*w, *v), cmp.Compare(k, l))
		}}
		n := rapid.IntRange(1, 2*b.limit).Draw(t, "n")
		for key := range n {
			*b.entry(key) = rapid.IntRange(0, 5).Draw(t, "weight")
		}
		want := b.sorted()[:min(n, b.limit)]
		b.trim()
		if got := b.sorted(); len(got) != len(want) {
			t.Fatalf("%d kept, should be %d", len(got), len(want))
		}
		for i, key := range b.sorted() {
			if key != want[i] {
				t.Fatalf("kept %v, should be %v", b.sorted(), want)
			}
		}
		if b.leftOut != uint64(n-len(want)) {
			t.Fatalf("%d left out", b.leftOut)
		}
	})
}
