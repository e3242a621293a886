package store

// Slabs hold values by number, from 1 on; 0 is none. They stay where they are, however many there will be, and where T has
// no pointer there is nothing in them that the collector would have to follow.
type Slabs[T any] struct {
	list [][]T
	Made uint32 // the highest number handed out so far
	free []uint32
}

// perSlab is how many values are made room for at once.
const perSlab = 1 << 12

// At is the value of a number.
func (s *Slabs[T]) At(n uint32) *T { return &s.list[(n-1)/perSlab][(n-1)%perSlab] }

// Take gives the number of an unused value, which may hold anything.
func (s *Slabs[T]) Take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	if s.Made%perSlab == 0 {
		s.list = append(s.list, make([]T, perSlab))
	}
	s.Made++
	return s.Made
}

// Drop takes a number back.
func (s *Slabs[T]) Drop(n uint32) { s.free = append(s.free, n) }

// Live is how many are in use.
func (s *Slabs[T]) Live() uint64 { return uint64(s.Made) - uint64(len(s.free)) }
