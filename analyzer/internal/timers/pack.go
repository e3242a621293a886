package timers

import "github.com/tcplife/tcplife/analyzer/internal/store"

// Pack writes what is known, or reads it. Ends[opener] comes first. Times are near base, packets near first.
func (t *Timers) Pack(k *store.Coder, opener int, base int64, first uint64) {
	a, b := &t.ends[opener], &t.ends[1-opener]
	there := [2]bool{*a != nil, *b != nil}
	k.Bools(&there[0], &there[1], &t.shut[opener], &t.shut[1-opener])
	for n, p := range [...]**end{a, b} {
		switch {
		case !there[n]:
			*p = nil
			continue
		case k.Reading():
			*p = new(end)
		}
		(*p).pack(k, base, first)
	}
}

func (e *end) pack(k *store.Coder, base int64, first uint64) {
	n := len(e.runs)
	store.Small(k, &n)
	store.Small(k, &e.leftOut)
	store.Near(k, 0, &e.sacked, &e.recover, &e.hole)
	store.Near(k, base, &e.closedAt, &e.holeAt)
	store.Small(k, (*uint8)(&e.repairs))
	k.Bools(&e.hasSack)
	e.runs = store.Resize(e.runs, n)
	for i := range e.runs {
		r := &e.runs[i]
		intervals, packets := len(r.intervals), len(r.packets)
		store.Small(k, &intervals, &packets)
		store.Small(k, (*uint8)(&r.kind))
		store.Near(k, 0, &r.seq)
		store.Small(k, &r.firstAfter, &r.gap)
		store.Near(k, base, &r.at, &r.closed, &r.opened)
		store.Near(k, first, &r.packet)
		store.Small(k, &r.count, &r.streak)
		k.Bools(&r.answered, &r.lone)
		if k.Reading() {
			r.intervals, r.packets = make([]int64, intervals), make([]uint64, packets)
		}
		for j := range r.intervals {
			store.Small(k, &r.intervals[j])
		}
		near := first
		for j := range r.packets {
			store.Near(k, near, &r.packets[j])
			near = r.packets[j]
		}
	}
}
