package store

import (
	"slices"
	"unsafe"
)

// Slabs hold values by number, from 1 on; 0 means none. Only Squeeze moves values. If T has no pointers, the garbage
// collector has nothing to follow. The zero value is empty.
type Slabs[T any] struct {
	list []*[slabSize]T
	made uint32 // the highest number handed out so far
	free []uint32
}

// slabSize is how many values are allocated at once.
const slabSize = 1 << 10

// At returns the value with a number.
func (s *Slabs[T]) At(n uint32) *T {
	n--
	return &s.list[n/slabSize][n%slabSize]
}

// Take returns the number of an unused value. A value that was used before keeps its old content.
func (s *Slabs[T]) Take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	if int(s.made) == len(s.list)*slabSize {
		slab := new([slabSize]T)
		slab[0] = *new(T) // a page that is read before it is written would cost two page faults
		s.list = append(s.list, slab)
	}
	s.made++
	return s.made
}

// Drop frees a number.
func (s *Slabs[T]) Drop(n uint32) { s.free = append(s.free, n) }

// Made is the highest number that was ever in use.
func (s *Slabs[T]) Made() uint32 { return s.made }

// Live is the number of values in use.
func (s *Slabs[T]) Live() uint64 { return uint64(s.made) - uint64(len(s.free)) }

// Spare is the number of bytes of values that are not in use.
func (s *Slabs[T]) Spare() uint64 { return uint64(len(s.free)) * uint64(unsafe.Sizeof(*new(T))) }

// Squeeze moves values to lower unused numbers, and frees the memory after the last one. The function each must call
// move once with every number in use, so that move can change the number.
func (s *Slabs[T]) Squeeze(each func(move func(n *uint32))) {
	live := uint32(s.Live())
	slices.Sort(s.free)
	unused := s.free
	each(func(n *uint32) {
		if *n > live {
			*s.At(unused[0]) = *s.At(*n)
			*n, unused = unused[0], unused[1:]
		}
	})
	slabs := (live + slabSize - 1) / slabSize
	clear(s.list[slabs:])
	s.list, s.made, s.free = s.list[:slabs], live, nil
}
