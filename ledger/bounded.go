package ledger

import (
	"cmp"
	"slices"
)

// A bounded map keeps its heaviest entries. When it has four times limit entries, it drops the lighter ones. A dropped
// key that is added again starts from zero.
type bounded[K comparable, V any] struct {
	limit   int
	weight  func(*V) weight
	compare func(_, _ *K) int // of equal weights the lesser key stays; 0 only if the keys are equal

	places  map[K]int // indexes of entries
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
	if v := b.find(key); v != nil {
		return v
	}
	if len(b.entries) >= 4*b.limit {
		b.trim()
	}
	if b.places == nil {
		b.places = map[K]int{}
	}
	n := len(b.entries)
	b.places[key] = n
	b.entries = append(b.entries, entry[K, V]{key: key})
	return &b.entries[n].value
}

// find returns the value of a key, or nil. It is valid until the next call of of.
func (b *bounded[K, V]) find(key K) *V {
	if n, known := b.places[key]; known {
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
	keep := make([]bool, len(all))
	for _, w := range all[:b.limit] {
		keep[w.place] = true
	}
	clear(b.places)
	n := 0
	for i := range b.entries {
		if keep[i] {
			b.entries[n] = b.entries[i]
			b.places[b.entries[n].key] = n
			n++
		}
	}
	b.leftOut += uint64(len(b.entries) - n)
	clear(b.entries[n:])
	b.entries = b.entries[:n]
}

// weighed is the weight and the key of an entry, because looking them up for each comparison would take most of the
// time.
type weighed[K comparable] struct {
	weight weight
	key    K
	place  int // in entries
}

func (b *bounded[K, V]) weighed() []weighed[K] {
	all := make([]weighed[K], len(b.entries))
	for n := range b.entries {
		e, w := &b.entries[n], &all[n]
		w.weight, w.key, w.place = b.weight(&e.value), e.key, n
	}
	return all
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

// sorted returns the entries, heaviest first. They are valid until the next call of of.
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
