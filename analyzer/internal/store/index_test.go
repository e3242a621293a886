package store

import (
	"math/rand/v2"
	"testing"
)

// An Index behaves like a map, also for hashes that share a slot.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9293))
	var x Index
	want := map[uint64]uint32{}
	for range 200_000 {
		hash := uint64(r.IntN(600)) * [...]uint64{1, 1 << 20, 1<<63 + 5}[r.IntN(3)]
		switch {
		case r.IntN(5000) == 0:
			x.Clear()
			clear(want)
		case r.IntN(3) == 0:
			x.Drop(hash)
			delete(want, hash)
		default:
			n := r.Uint32N(1 << 31)
			x.Put(hash, n)
			want[hash] = n
		}
		hash = uint64(r.IntN(600))
		n, known := x.Find(hash)
		if m, is := want[hash]; known != is || known && n != m {
			t.Fatalf("hash %d has %d (%v), want %d (%v)", hash, n, known, m, is)
		}
	}
	if x.used != len(want) {
		t.Errorf("%d are used, want %d", x.used, len(want))
	}
}
