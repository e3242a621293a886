package store

import "unsafe"

// Recent remembers the latest of many hashes, in 4 bytes for each. It mistakes about one of 250 million other hashes
// for a remembered one. The zero value remembers none.
type Recent struct{ sets []tagSet }

// tagSet has the tags of hashes with the same upper bits, the latest first; 0 means none.
type tagSet [8]uint32

const (
	leastSets = 1 << 9
	mostSets  = 1 << 21
)

// NewRecent returns a Recent of the given size in bytes, but at least 16 KiB and at most 64 MiB.
func NewRecent(bytes uint64) Recent {
	return Recent{make([]tagSet, min(max(bytes/uint64(unsafe.Sizeof(tagSet{})), leastSets), mostSets))}
}

// Add remembers a hash.
func (r *Recent) Add(hash uint64) {
	set, tag := r.at(hash)
	i := 0
	for i < len(set)-1 && set[i] != tag {
		i++
	}
	copy(set[1:i+1], set[:i])
	set[0] = tag
}

// Has reports whether a hash was added and is not forgotten yet.
func (r *Recent) Has(hash uint64) bool {
	if len(r.sets) == 0 {
		return false
	}
	set, tag := r.at(hash)
	for _, t := range set {
		if t == tag {
			return true
		}
	}
	return false
}

// at returns the set of a hash, and its tag.
func (r *Recent) at(hash uint64) (set *tagSet, tag uint32) {
	return &r.sets[hash>>32*uint64(len(r.sets))>>32], uint32(hash) | 1
}

// Size is the size in bytes.
func (r *Recent) Size() uint64 { return uint64(len(r.sets)) * uint64(unsafe.Sizeof(tagSet{})) }
