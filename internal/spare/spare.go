// Package spare bounds the number of values that goroutines pass on, and reuses them.
package spare

// A List holds reusable values. A goroutine takes one, uses it, and puts it back. It makes a new value
// only when all are in use, and at most as many as New allows, so a goroutine that is ahead waits for the others.
type List[T any] struct {
	made   chan T
	unmade chan struct{}
	value  func() T
}

// New returns a List of at most n values.
func New[T any](n int, value func() T) List[T] {
	l := List[T]{made: make(chan T, n), unmade: make(chan struct{}, n), value: value}
	for range n {
		l.unmade <- struct{}{}
	}
	return l
}

// Take waits for a value that is not in use.
func (l *List[T]) Take() T {
	select {
	case v := <-l.made:
		return v
	default:
	}
	select {
	case v := <-l.made:
		return v
	case <-l.unmade:
		return l.value()
	}
}

// Put takes a value back. It never waits, because there is room for all.
func (l *List[T]) Put(v T) { l.made <- v }

// Free is the number of values that are not in use, including those that are not made yet.
func (l *List[T]) Free() int { return len(l.made) + len(l.unmade) }
