package main

// A wheel holds what connections do next, in order of time: those of one slot do it in the order in which they came.
type wheel struct {
	slots [wheelSlots][]conn
	now   int // the slot that turns up next
	held  int
}

const (
	wheelSlots = 1 << 14
	slot       = 100e3 // ns
)

// put lets c turn up after a time in nanoseconds, at the earliest in the next slot.
func (w *wheel) put(c conn, after int64) {
	s := &w.slots[(w.now+min(max(int(after/slot), 1), wheelSlots-1))%wheelSlots]
	*s = append(*s, c)
	w.held++
}

// turn passes on what is due in this slot, evenly spread over the slot, and moves to the next one. at is the slot's
// time.
func (w *wheel) turn(at int64, due func(at int64, c conn)) {
	s := &w.slots[w.now%wheelSlots]
	for i, c := range *s {
		due(at+int64(i)*slot/int64(len(*s)), c)
	}
	w.held -= len(*s)
	*s = (*s)[:0]
	w.now++
}
