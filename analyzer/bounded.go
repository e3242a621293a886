package analyzer

import "slices"

// A bounded map keeps the heaviest of its entries: when there are twice as many as it may keep, the lighter half goes.
// What comes again after it has gone begins anew.
type bounded[K comparable, V any] struct {
	limit   int
	heavier func(k1 K, v1 *V, k2 K, v2 *V) int // negative if the first one is kept rather than the second; never 0
	drop    func(*V)                           // is told of each that goes; may be nil

	entries map[K]*V
	leftOut uint64 // how many went
}

// entry is that of a key, a new one if there is none.
func (b *bounded[K, V]) entry(key K) *V {
	v := b.entries[key]
	if v == nil {
		if len(b.entries) >= 2*b.limit {
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
	keys := b.sorted()
	for _, key := range keys[min(b.limit, len(keys)):] {
		if b.drop != nil {
			b.drop(b.entries[key])
		}
		delete(b.entries, key)
		b.leftOut++
	}
}

// sorted are the keys, those of the heaviest entries first.
func (b *bounded[K, V]) sorted() []K {
	type entry struct {
		key   K
		value *V // at hand, for to look up what is compared takes most of the time
	}
	entries := make([]entry, 0, len(b.entries))
	for key, value := range b.entries {
		entries = append(entries, entry{key, value})
	}
	slices.SortFunc(entries, func(x, y entry) int { return b.heavier(x.key, x.value, y.key, y.value) })
	keys := make([]K, len(entries))
	for i := range entries {
		keys[i] = entries[i].key
	}
	return keys
}
