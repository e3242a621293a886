package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A squeeze changes no string, and frees the unused room.
func TestSqueeze(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9293))
	var a Arena
	numbers, want, squeezed := []uint32{}, []string{}, 0
	for i := range 20_000 {
		if k := r.IntN(len(want) + 1); i/2500%2 == 1 && k < len(want) {
			a.Drop(numbers[k])
			numbers, want = slices.Delete(numbers, k, k+1), slices.Delete(want, k, k+1)
		} else {
			s := strings.Repeat(fmt.Sprintf("%d,", i), r.IntN(150))
			numbers, want = append(numbers, a.Put([]byte(s))), append(want, s)
		}
		if a.Spare() < 150_000 {
			continue
		}
		squeezed++
		used := a.Used
		a.Squeeze(func(move func(*uint32)) {
			for _, k := range r.Perm(len(numbers)) {
				move(&numbers[k])
			}
		})
		room := slabSize * (uint64(len(a.heads.list))*headSize + uint64(len(a.links.list))*linkSize)
		if a.Used != used || a.Spare() != 0 || room > used+slabSize*(headSize+linkSize) {
			t.Fatalf("%d bytes are used, %d were; %d are unused, all take %d", a.Used, used, a.Spare(), room)
		}
		for k, n := range numbers {
			if got := string(a.Bytes(n, nil)); got != want[k] {
				t.Fatalf("%q has become %q", want[k], got)
			}
		}
	}
	if squeezed < 5 {
		t.Errorf("squeezed %d times", squeezed)
	}
}
