package store

// Slabs hold values by number, from 1 on; 0 is none. A value stays where it is, however many there are. Where T has no
// pointer, the garbage collector has nothing to follow in them. Make them with NewSlabs.
type Slabs[T any] struct {
	list [][]T
	bits uint8
	made uint32 // the highest number handed out so far
	free []uint32
}

// NewSlabs returns slabs that make room for 1<<bits values at once.
func NewSlabs[T any](bits uint8) Slabs[T] { return Slabs[T]{bits: bits} }

// At is the value of a number.
func (s *Slabs[T]) At(n uint32) *T {
	bits := s.bits & 31 // which the compiler would have to check otherwise
	return &s.list[(n-1)>>bits][(n-1)&(1<<bits-1)]
}

// Take gives the number of an unused value. A value that was dropped is as it was left.
func (s *Slabs[T]) Take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	if int(s.made)>>s.bits == len(s.list) {
		s.list = append(s.list, make([]T, 1<<s.bits))
	}
	s.made++
	return s.made
}

// Drop takes a number back.
func (s *Slabs[T]) Drop(n uint32) { s.free = append(s.free, n) }

// Made is the highest number that was ever in use.
func (s *Slabs[T]) Made() uint32 { return s.made }

// Live is how many values are in use.
func (s *Slabs[T]) Live() uint64 { return uint64(s.made) - uint64(len(s.free)) }
