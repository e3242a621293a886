package analyzer

import "slices"

// A bounded map keeps the heaviest of its entries: when there are four times as many as it may keep, the lighter ones go.
// What comes again after it has gone begins anew.
type bounded[K comparable, V any] struct {
	limit   int
	heavier func(k1 K, v1 *V, k2 K, v2 *V) int // negative if the first one is kept rather than the second; 0 only for one and the same
	drop    func(*V)                           // is told of each that goes; may be nil

	entries map[K]*V
	leftOut uint64 // how many went
}

// entry is that of a key, a new one if there is none.
func (b *bounded[K, V]) entry(key K) *V {
	v := b.entries[key]
	if v == nil {
		if len(b.entries) >= 4*b.limit {
			b.trim()
		}
		if b.entries == nil {
			b.entries = map[K]*V{}
		}
		v = new(V)
		b.entries[key] = v
	}
	return v
}

// trim leaves no more than limit entries.
func (b *bounded[K, V]) trim() {
	entries := b.all()
	b.part(entries, b.limit)
	for _, e := range entries[min(b.limit, len(entries)):] {
		if b.drop != nil {
			b.drop(e.value)
		}
		delete(b.entries, e.key)
		b.leftOut++
	}
}

// part brings the n heaviest to the front, in any order: Hoare's quickselect, for nobody needs the rest sorted.
func (b *bounded[K, V]) part(entries []weighed[K, V], n int) {
	for len(entries) > 1 && 0 < n && n < len(entries) {
		pivot := entries[len(entries)/2]
		i, j := 0, len(entries)-1
		for i <= j {
			for b.compare(entries[i], pivot) < 0 {
				i++
			}
			for b.compare(pivot, entries[j]) < 0 {
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

// weighed is an entry with its value at hand, for to look up what is compared takes most of the time.
type weighed[K comparable, V any] struct {
	key   K
	value *V
}

func (b *bounded[K, V]) compare(x, y weighed[K, V]) int {
	return b.heavier(x.key, x.value, y.key, y.value)
}

func (b *bounded[K, V]) all() []weighed[K, V] {
	entries := make([]weighed[K, V], 0, len(b.entries))
	for key, value := range b.entries {
		entries = append(entries, weighed[K, V]{key, value})
	}
	return entries
}

// sorted are the keys, those of the heaviest entries first.
func (b *bounded[K, V]) sorted() []K {
	entries := b.all()
	slices.SortFunc(entries, b.compare)
	keys := make([]K, len(entries))
	for i := range entries {
		keys[i] = entries[i].key
	}
	return keys
}
