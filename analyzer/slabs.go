package analyzer

// slabs hold values by number, from 1 on; 0 is none. They stay where they are, however many there will be, and where T has
// no pointer there is nothing in them that the collector would have to follow.
type slabs[T any] struct {
	list [][]T
	made uint32 // the highest number handed out so far
	free []uint32
}

// perSlab is how many values are made room for at once.
const perSlab = 1 << 12

// at is the value of a number.
func (s *slabs[T]) at(n uint32) *T { return &s.list[(n-1)/perSlab][(n-1)%perSlab] }

// take gives the number of an unused value, which may hold anything.
func (s *slabs[T]) take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	if s.made%perSlab == 0 {
		s.list = append(s.list, make([]T, perSlab))
	}
	s.made++
	return s.made
}

// drop takes a number back.
func (s *slabs[T]) drop(n uint32) { s.free = append(s.free, n) }

// live is how many are in use.
func (s *slabs[T]) live() uint64 { return uint64(s.made) - uint64(len(s.free)) }
