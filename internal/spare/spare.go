// Package spare bounds what is under way between goroutines, and has it used again.
package spare

// A List holds values that go round: who needs one takes it, and who is done with it puts it back. There are as many
// as were made at first, so whoever is ahead waits for the others.
type List[T any] chan T

// New returns a List of n values.
func New[T any](n int, value func() T) List[T] {
	l := make(List[T], n)
	for range n {
		l <- value()
	}
	return l
}

// Take waits for a value that is not in use.
func (l List[T]) Take() T { return <-l }

// Put takes a value back. It never waits, for there is room for all.
func (l List[T]) Put(v T) { l <- v }
