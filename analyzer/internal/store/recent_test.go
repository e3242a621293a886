package store_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/store"
)

func TestRecent(t *testing.T) {
	var none store.Recent
	if none.Has(1) || none.Size() != 0 {
		t.Error("the zero value remembers something")
	}
	r := store.NewRecent(1 << 20)
	if r.Size() != 1<<20 {
		t.Errorf("it takes %d bytes", r.Size())
	}
	random := rand.New(rand.NewPCG(1, 2))
	hashes := make([]uint64, 1<<20)
	for i := range hashes {
		hashes[i] = random.Uint64()
		r.Add(hashes[i])
		r.Add(hashes[i])
	}
	count := func(list []uint64) (n int) {
		for _, h := range list {
			if r.Has(h) {
				n++
			}
		}
		return n
	}
	const room = 1 << 18 // tags of 4 bytes
	if n := count(hashes[len(hashes)-room/4:]); n < room/4*99/100 {
		t.Errorf("%d of the latest %d are remembered", n, room/4)
	}
	if n := count(hashes); n != room {
		t.Errorf("%d are remembered, not %d", n, room)
	}
	for i := range hashes {
		hashes[i] = random.Uint64()
	}
	if n := count(hashes); n > 1 {
		t.Errorf("%d of %d others are mistaken for one of them", n, len(hashes))
	}
	if small := store.NewRecent(0); small.Size() != 1<<14 {
		t.Errorf("the smallest takes %d bytes", small.Size())
	}
}

// A Recent has the given size, but at least 16 KiB and at most 64 MiB.
func TestRecentSize(t *testing.T) {
	for may, want := range map[uint64]uint64{0: 16 << 10, 16 << 10: 16 << 10, 32 << 10: 32 << 10, 64 << 20: 64 << 20,
		128 << 20: 64 << 20} {
		r := store.NewRecent(may)
		if got := r.Size(); got != want {
			t.Errorf("of %d bytes it takes %d, want %d", may, got, want)
		}
	}
}
