package main

// A wheel has the connections in the order of their next packets. Those of one slot keep the order in which they were
// put.
type wheel struct {
	slots [wheelSlots][]conn
	now   int // the next slot
	held  int
}

const (
	wheelSlots = 1 << 14
	slot       = 100e3 // ns
)

// put adds c to the slot after a time in nanoseconds, at the earliest to the next slot.
func (w *wheel) put(c conn, after int64) {
	s := &w.slots[(w.now+min(max(int(after/slot), 1), wheelSlots-1))%wheelSlots]
	*s = append(*s, c)
	w.held++
}

// turn calls due for each connection of this slot, with times spread evenly over the slot, and moves to the next one.
// at is the slot's time.
func (w *wheel) turn(at int64, due func(at int64, c conn)) {
	s := &w.slots[w.now%wheelSlots]
	for i, c := range *s {
		due(at+int64(i)*slot/int64(len(*s)), c)
	}
	w.held -= len(*s)
	*s = (*s)[:0]
	w.now++
}
