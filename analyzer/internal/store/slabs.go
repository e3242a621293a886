package store

// Slabs hold values by number, from 1 on; 0 means none. A value never moves, however many there are. If T has no
// pointers, the garbage collector has nothing to follow in them. The zero value is empty.
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
		s.list = append(s.list, new([slabSize]T))
	}
	s.made++
	return s.made
}

// Drop frees a number.
func (s *Slabs[T]) Drop(n uint32) { s.free = append(s.free, n) }

// Made is the highest number that was ever in use.
func (s *Slabs[T]) Made() uint32 { return s.made }

// Live is how many values are in use.
func (s *Slabs[T]) Live() uint64 { return uint64(s.made) - uint64(len(s.free)) }
