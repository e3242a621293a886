package store

// Wheel holds alarms and returns them by time, then by id. Its costs do not depend on the number of alarms. It has no
// pointers for the garbage collector to follow. The zero value is empty.
//
// It is a ring of buckets, which are lists of blocks (Varghese and Lauck, Hashed and Hierarchical Timing Wheels, SOSP
// 1987). A bucket is sorted only when its time comes.
type Wheel struct {
	near    []Alarm // a heap of the alarms before the horizon
	horizon int64   // ns, the beginning of the first bucket in the ring
	now     int64   // ns, the time to which the horizon moves
	later   []Alarm // alarms that are still too far from the horizon
	soonest int64   // the earliest time in later
	ring    [ringSize]uint32
	waiting int // alarms in the ring
	blocks  Slabs[alarmBlock]
	begun   bool
}

// Alarm says when a connection must be checked.
type Alarm struct {
	At    int64
	ID    uint64 // of the record that it is for
	Place uint32 // of the connection in the table
}

func (x *Alarm) before(y *Alarm) bool { return x.At < y.At || x.At == y.At && x.ID < y.ID }

const (
	bucketBits = 27 // a bucket is 134 ms
	ringSize   = 1 << 11
	// turn is how far ahead an alarm can be set: 275 s, more than most time limits.
	turn = (ringSize - 1) << bucketBits
)

// alarmBlock holds alarms of one bucket, each in 12 bytes.
type alarmBlock struct {
	ids    uint64 // the upper half of its ids
	alarms [126]laidAlarm
	n      uint32
	next   uint32 // 0 for none
}

// laidAlarm is an alarm in a bucket.
type laidAlarm struct {
	after, id, place uint32 // after: ns since the beginning of the bucket; id: the lower half
}

// Set adds an alarm, and returns the time for which it is set: at most a turn ahead. If that is too early, the caller
// sets it again then.
func (w *Wheel) Set(m Alarm) int64 {
	if !w.begun {
		w.begun = true
		w.horizon = m.At >> bucketBits << bucketBits
		w.now = w.horizon
	}
	if m.At < w.horizon {
		w.near = append(w.near, m)
		w.up(len(w.near) - 1)
		return m.At
	}
	// Unsigned differences are correct even if they exceed an int64.
	if from := max(w.horizon, w.now); m.At > from {
		m.At = from + int64(min(uint64(m.At)-uint64(from), turn))
	}
	if uint64(m.At)-uint64(w.horizon) > turn {
		if len(w.later) == 0 || m.At < w.soonest {
			w.soonest = m.At
		}
		w.later = append(w.later, m)
		return m.At
	}
	bucket := &w.ring[m.At>>bucketBits&(ringSize-1)]
	ids := m.ID >> 32
	if *bucket == 0 || int(w.blocks.At(*bucket).n) == len(alarmBlock{}.alarms) || w.blocks.At(*bucket).ids != ids {
		*bucket = w.take(*bucket)
	}
	block := w.blocks.At(*bucket)
	block.ids = ids
	block.alarms[block.n] = laidAlarm{uint32(m.At & (1<<bucketBits - 1)), uint32(m.ID), m.Place}
	block.n++
	w.waiting++
	return m.At
}

// take returns an empty block, and puts it in front of the list that begins with next.
func (w *Wheel) take(next uint32) uint32 {
	n := w.blocks.Take()
	block := w.blocks.At(n)
	block.n, block.next = 0, next
	return n
}

// First returns the first alarm, if it is due before now.
func (w *Wheel) First(now int64) (m Alarm, due bool) {
	w.now = max(w.now, now>>bucketBits<<bucketBits)
	for len(w.near) == 0 && w.horizon < now {
		if w.waiting > 0 {
			w.step()
			continue
		}
		w.horizon = w.now
		if len(w.later) == 0 {
			break
		}
		w.setLater()
	}
	if len(w.near) == 0 || w.near[0].At >= now {
		return Alarm{}, false
	}
	return w.near[0], true
}

// setLater sets the alarms in later again.
func (w *Wheel) setLater() {
	later := w.later
	w.later = nil
	for _, m := range later {
		w.Set(m)
	}
}

// step moves the alarms of one bucket to near, and the horizon behind it.
func (w *Wheel) step() {
	bucket := &w.ring[w.horizon>>bucketBits&(ringSize-1)]
	for b := *bucket; b != 0; {
		block := w.blocks.At(b)
		for _, l := range block.alarms[:block.n] {
			w.near = append(w.near, Alarm{w.horizon + int64(l.after), block.ids<<32 | uint64(l.id), l.place})
		}
		w.waiting -= int(block.n)
		w.blocks.Drop(b)
		b = block.next
	}
	*bucket = 0
	for i := len(w.near)/2 - 1; i >= 0; i-- {
		w.down(i)
	}
	w.horizon += 1 << bucketBits
	// Setting them half a turn early saves doing so at each step.
	if len(w.later) > 0 && uint64(w.soonest)-uint64(w.horizon) <= turn/2 {
		w.setLater()
	}
}

// Pop removes the alarm that First returned.
func (w *Wheel) Pop() {
	last := len(w.near) - 1
	w.near[0] = w.near[last]
	w.near = w.near[:last]
	w.down(0)
	if last == 0 && cap(w.near) > 1<<16 {
		w.near = nil // do not keep the memory of one large bucket forever
	}
}

// Next returns the first alarm of all, however far ahead.
func (w *Wheel) Next() (m Alarm, isThere bool) {
	for len(w.near) == 0 {
		switch {
		case w.waiting > 0:
			w.step()
		case len(w.later) > 0:
			w.horizon = max(w.horizon, w.now)
			w.setLater()
		default:
			return Alarm{}, false
		}
	}
	return w.near[0], true
}

func (w *Wheel) up(i int) {
	for h := w.near; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (w *Wheel) down(i int) {
	for h := w.near; ; {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
