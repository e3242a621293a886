package ledger

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/tcplife/tcplife/analyzer/internal/store"
)

// A bounded map keeps its heaviest entries. When it has four times limit entries, it drops the lighter ones. A dropped
// key that is added again starts from zero.
type bounded[K comparable, V any] struct {
	limit   int
	weight  func(*V) weight
	compare func(_, _ *K) int // of equal weights the lesser key stays; 0 only if the keys are equal

	places  store.Index // indexes of entries, by a hash with a secret seed, so that no sender can make keys collide
	seed    maphash.Seed
	entries []entry[K, V]
	leftOut uint64 // dropped entries
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// weight is compared by its first number, then by its second.
type weight [2]uint64

// of returns the value of a key, and adds one if there is none. It is valid until the next call.
func (b *bounded[K, V]) of(key K) *V {
	if b.entries == nil {
		b.seed = maphash.MakeSeed()
	}
	hash := maphash.Comparable(b.seed, key)
	if n, known := b.places.Find(hash); known {
		return &b.entries[n].value
	}
	if len(b.entries) >= 4*b.limit {
		b.trim()
	}
	n := len(b.entries)
	b.places.Put(hash, uint32(n))
	if n == cap(b.entries) {
		b.entries = append(make([]entry[K, V], 0, max(2*n, 16)), b.entries...)
	}
	b.entries = b.entries[:n+1] // entries beyond the length are zero
	b.entries[n].key = key
	return &b.entries[n].value
}

// find returns the value of a key, nil if there is none.
func (b *bounded[K, V]) find(key K) *V {
	if b.entries == nil {
		return nil
	}
	if n, known := b.places.Find(maphash.Comparable(b.seed, key)); known {
		return &b.entries[n].value
	}
	return nil
}

// trim keeps at most limit entries.
func (b *bounded[K, V]) trim() {
	if len(b.entries) <= b.limit {
		return
	}
	all := b.weighed()
	b.part(all, b.limit)
	stay, leave := all[:b.limit], all[b.limit:]
	for _, w := range stay {
		if w.place < b.limit {
			continue
		}
		for leave[0].place >= b.limit {
			leave = leave[1:]
		}
		b.entries[leave[0].place] = b.entries[w.place]
		leave = leave[1:]
	}
	b.leftOut += uint64(len(b.entries) - b.limit)
	clear(b.entries[b.limit:])
	b.entries = b.entries[:b.limit]
	b.places.Clear()
	for n := range b.entries {
		b.places.Put(maphash.Comparable(b.seed, b.entries[n].key), uint32(n))
	}
}

// part moves the n heaviest entries to the front, in any order, by Hoare's quickselect.
func (b *bounded[K, V]) part(entries []weighed[K], n int) {
	for len(entries) > 1 && 0 < n && n < len(entries) {
		pivot := entries[len(entries)/2]
		i, j := 0, len(entries)-1
		for i <= j {
			for b.heavier(&entries[i], &pivot) < 0 {
				i++
			}
			for b.heavier(&pivot, &entries[j]) < 0 {
				j--
			}
			if i <= j {
				entries[i], entries[j] = entries[j], entries[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			entries = entries[:j+1]
		case n < i:
			return
		default:
			entries, n = entries[i:], n-i
		}
	}
}

// weighed is an entry's weight and key. Looking them up for each comparison would take most of the time.
type weighed[K comparable] struct {
	weight weight
	key    K
	place  int
}

func (b *bounded[K, V]) weighed() []weighed[K] {
	all := make([]weighed[K], len(b.entries))
	for n := range b.entries {
		e, w := &b.entries[n], &all[n]
		w.weight, w.key, w.place = b.weight(&e.value), e.key, n
	}
	return all
}

// heavier is negative if x is kept rather than y.
func (b *bounded[K, V]) heavier(x, y *weighed[K]) int {
	switch v, w := &x.weight, &y.weight; {
	case v[0] != w[0]:
		return cmp.Compare(w[0], v[0])
	case v[1] != w[1]:
		return cmp.Compare(w[1], v[1])
	}
	return b.compare(&x.key, &y.key)
}

// sorted returns the entries, heaviest first. They are valid until the next entry is added.
func (b *bounded[K, V]) sorted() []*entry[K, V] {
	all := b.weighed()
	order := make([]*weighed[K], len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortFunc(order, b.heavier)
	entries := make([]*entry[K, V], len(order))
	for i, w := range order {
		entries[i] = &b.entries[w.place]
	}
	return entries
}
