package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/store"
)

type point struct {
	x, y  uint32
	at    int64
	moved bool
}

func (p *point) code(k *store.Coder, base int64) {
	store.Near(k, 0, &p.x, &p.y)
	store.Near(k, base, &p.at)
	k.Bools(&p.moved)
}

func Example() {
	var k store.Coder
	const base = 1_700_000_000_000_000_000

	p := point{x: 70_000, y: 70_002, at: base + 20}
	k.Write(nil)
	p.code(&k, base)
	packed := k.Bytes()

	var q point
	k.Read(packed)
	q.code(&k, base)
	fmt.Println(len(packed), "bytes:", q)
	// Output: 9 bytes: {70000 70002 1700000000000000020 false}
}

// Numbers come back whatever they are, and are as long as what they are near lets them be.
func TestNumbers(t *testing.T) {
	var k store.Coder
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var wide, wideBack [store.Most]int64
		var narrow, narrowBack [store.Most]uint8
		var truth, truthBack [store.MostBools]bool
		for i := range store.Most {
			if r.IntN(3) > 0 {
				wide[i] = (r.Int64() - 1<<62) >> r.IntN(63)
				narrow[i] = uint8(r.Uint32())
			}
		}
		for i := range truth {
			truth[i] = r.IntN(2) > 0
		}
		near := r.Int64()
		code := func(wide *[store.Most]int64, narrow *[store.Most]uint8, truth *[store.MostBools]bool) {
			store.Near(&k, near, pointers(wide[:])...)
			k.Bools(pointers(truth[:])...)
			store.Small(&k, pointers(narrow[:])...)
			store.Near(&k, uint8(near), pointers(narrow[:])...)
			store.Small(&k, pointers(wide[:])...)
		}
		k.Write([]byte("front"))
		code(&wide, &narrow, &truth)
		packed := append(k.Bytes(), "back"...)
		packed = slices.Grow(packed, store.Slack)
		k.Read(packed[len("front"):])
		code(&wideBack, &narrowBack, &truthBack)
		if wide != wideBack || narrow != narrowBack || truth != truthBack || string(k.Rest()) != "back" {
			t.Fatalf(
				"seed %d: %v %v %v came back as %v %v %v, with %q behind",
				seed,
				wide,
				narrow,
				truth,
				wideBack,
				narrowBack,
				truthBack,
				k.Rest(),
			)
		}
	}
}

// Eighteen numbers and 55 truth values can be named at once. One more is refused, not cut off.
func TestNamedAtOnce(t *testing.T) {
	if store.Most != 18 || store.MostBools != 55 {
		t.Errorf("%d numbers and %d truth values", store.Most, store.MostBools)
	}
	var k store.Coder
	k.Write(nil)
	store.Near(&k, 0, pointers(numbersOf(18))...)
	k.Bools(pointers(make([]bool, 55))...)
	for name, tooMany := range map[string]func(){
		"numbers": func() { store.Near(&k, 0, pointers(numbersOf(19))...) },
		"truth":   func() { k.Bools(pointers(make([]bool, 56))...) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: one too many is written", name)
				}
			}()
			tooMany()
		}()
	}
}

// numbersOf are so many numbers that are far apart.
func numbersOf(n int) (list []int64) {
	for i := range n {
		list = append(list, int64(i+1)<<40)
	}
	return list
}

func pointers[T any](list []T) (to []*T) {
	for i := range list {
		to = append(to, &list[i])
	}
	return to
}
