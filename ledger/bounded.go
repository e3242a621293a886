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

	values  map[K]*V
	leftOut uint64 // dropped entries
}

// entry has its weight, because computing it for each comparison would take most of the time.
type entry[K comparable, V any] struct {
	key    K
	value  *V
	weight weight
}

// weight is compared by its first number, then by its second.
type weight [2]uint64

// of returns the value of a key, and adds one if there is none.
func (b *bounded[K, V]) of(key K) *V {
	v := b.values[key]
	if v != nil {
		return v
	}
	if len(b.values) >= 4*b.limit {
		b.trim()
	}
	if b.values == nil {
		b.values = map[K]*V{}
	}
	v = new(V)
	b.values[key] = v
	return v
}

// trim keeps at most limit entries.
func (b *bounded[K, V]) trim() {
	all := b.all()
	if len(all) <= b.limit {
		return
	}
	b.part(all, b.limit)
	for _, e := range all[b.limit:] {
		delete(b.values, e.key)
		b.leftOut++
	}
}

// part moves the n heaviest entries to the front, in any order, by Hoare's quickselect.
func (b *bounded[K, V]) part(entries []*entry[K, V], n int) {
	for len(entries) > 1 && 0 < n && n < len(entries) {
		pivot := entries[len(entries)/2]
		i, j := 0, len(entries)-1
		for i <= j {
			for b.heavier(entries[i], pivot) < 0 {
				i++
			}
			for b.heavier(pivot, entries[j]) < 0 {
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

// all returns the entries, in any order. Pointers to them are sorted, because they are long.
func (b *bounded[K, V]) all() []*entry[K, V] {
	entries, all := make([]entry[K, V], len(b.values)), make([]*entry[K, V], 0, len(b.values))
	for key, v := range b.values {
		e := &entries[len(all)]
		e.key, e.value, e.weight = key, v, b.weight(v)
		all = append(all, e)
	}
	return all
}

// heavier is negative if x is kept rather than y.
func (b *bounded[K, V]) heavier(x, y *entry[K, V]) int {
	switch v, w := &x.weight, &y.weight; {
	case v[0] != w[0]:
		return cmp.Compare(w[0], v[0])
	case v[1] != w[1]:
		return cmp.Compare(w[1], v[1])
	}
	return b.compare(&x.key, &y.key)
}

// sorted returns the entries, heaviest first.
func (b *bounded[K, V]) sorted() []*entry[K, V] {
	all := b.all()
	slices.SortFunc(all, b.heavier)
	return all
}
