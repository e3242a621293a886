package rfcsim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
)

// Sim is a connection in progress: Ends[0], Ends[1] and the observer between them.
type Sim struct {
	Ends [2]*Endpoint

	// Before is the half of the path from a sender, by its index, to the observer; Behind the one from the observer to
	// the other end.
	Before, Behind [2]Path

	// Observe is called for each segment that passes the observer, before it arrives anywhere.
	Observe func(*Passing)
	// Arrived is called after a segment has arrived at the other end and was processed there.
	Arrived func(*Passing)
	// Trace is called for each event, with a text about it.
	Trace func(at int64, what string)

	time   int64
	events events
	order  uint64
}

// Path is one way of one half of the path.
type Path struct {
	Delay int64
	Fates []Fate // Fates[i] is that of the i-th segment; later ones have only the delay
	sent  int
}

// Fate has the delay of each copy of a segment beyond the path's own. A segment without a copy is lost.
type Fate []int64

// Fates draws n fates. Each segment is lost, duplicated or late with the given probabilities. A late segment or a
// second copy has up to extra nanoseconds of delay.
func Fates(r *rand.Rand, n int, loss, twice, late float64, extra int64) []Fate {
	fates := make([]Fate, n)
	for i := range fates {
		switch p := r.Float64(); {
		case p < loss:
		case p < loss+twice:
			fates[i] = Fate{0, r.Int64N(extra + 1)}
		case p < loss+twice+late:
			fates[i] = Fate{r.Int64N(extra + 1)}
		default:
			fates[i] = Fate{0}
		}
	}
	return fates
}

var ordinary = Fate{0}

// Passing is a segment at the observer.
type Passing struct {
	Segment
	From   int
	At     int64
	SentAt int64

	// On its arrival:
	ArrivedAt int64
	Late      bool // behind the observer it took longer than the path's delay
	Known     int  // entries in its sender's History when it was sent
}

// New makes two endpoints in CLOSED, with a path of no delay.
func New(a, b Options) *Sim {
	sim := &Sim{}
	sim.Ends = [2]*Endpoint{newEndpoint(a, sim), newEndpoint(b, sim)}
	return sim
}

// Do calls f with an end at a time: a call by its user.
func (sim *Sim) Do(at int64, end int, f func(*Endpoint)) {
	sim.at(at, func() { f(sim.Ends[end]) })
}

// Inject puts a segment on the path at the observer, as if from had sent it: an old duplicate or a forgery.
func (sim *Sim) Inject(at int64, from int, s Segment) {
	sim.at(at, func() { sim.pass(&Passing{Segment: s, From: from, SentAt: at}) })
}

// Run runs the simulation until a time.
func (sim *Sim) Run(until int64) {
	for len(sim.events) > 0 && sim.events[0].at <= until {
		e := heap.Pop(&sim.events).(*event)
		if e.cancelled {
			continue
		}
		sim.time = e.at
		e.f()
	}
	sim.time = max(sim.time, until)
}

// Quiet reports whether nothing is left to happen except ends of TIME_WAIT.
func (sim *Sim) Quiet() bool {
	for _, e := range sim.events {
		if !e.cancelled && !e.idle {
			return false
		}
	}
	return true
}

// Now is the present time.
func (sim *Sim) Now() int64 { return sim.time }

func (sim *Sim) transmit(e *Endpoint, s Segment) {
	p := &Passing{Segment: s, SentAt: sim.time, Known: len(e.History)}
	if e == sim.Ends[1] {
		p.From = 1
	}
	for _, extra := range sim.fate(&sim.Before[p.From], p, "before the observer") {
		copied := *p
		sim.after(sim.Before[p.From].Delay+extra, func() { sim.pass(&copied) })
	}
}

// pass takes a segment past the observer. Where there is no delay behind it, the segment arrives at once, before
// anything else happens.
func (sim *Sim) pass(p *Passing) {
	p.At = sim.time
	sim.trace("  %s", p)
	if sim.Observe != nil {
		sim.Observe(p)
	}
	for _, extra := range sim.fate(&sim.Behind[p.From], p, "behind the observer") {
		copied := *p
		copied.Late = extra > 0
		if d := sim.Behind[p.From].Delay + extra; d > 0 {
			sim.after(d, func() { sim.arrive(&copied) })
		} else {
			sim.arrive(&copied)
		}
	}
}

func (sim *Sim) arrive(p *Passing) {
	p.ArrivedAt = sim.time
	to := sim.Ends[1-p.From]
	before := len(to.History)
	to.arrives(p.Segment)
	if len(to.History) > before {
		sim.trace("    %d is %s", 1-p.From, to.State())
	}
	if sim.Arrived != nil {
		sim.Arrived(p)
	}
}

func (sim *Sim) fate(path *Path, p *Passing, where string) Fate {
	fate := ordinary
	if path.sent < len(path.Fates) {
		fate = path.Fates[path.sent]
	}
	path.sent++
	if len(fate) == 0 {
		sim.trace("  %s lost %s", p, where)
	}
	return fate
}

func (sim *Sim) trace(format string, args ...any) {
	if sim.Trace != nil {
		sim.Trace(sim.time, fmt.Sprintf(format, args...))
	}
}

// String is the segment with its direction, from end 0 on the left to end 1 on the right.
func (p *Passing) String() string {
	if p.From == 0 {
		return fmt.Sprintf("--> %s", p.Segment)
	}
	return fmt.Sprintf("<-- %s", p.Segment)
}

// event is a call in the future.
type event struct {
	at        int64
	order     uint64 // decides between events of the same time
	f         func()
	cancelled bool
	idle      bool // the end of TIME_WAIT
}

func (sim *Sim) after(d int64, f func()) *event { return sim.at(sim.time+d, f) }

func (sim *Sim) at(t int64, f func()) *event {
	sim.order++
	e := &event{at: t, order: sim.order, f: f}
	heap.Push(&sim.events, e)
	return e
}

type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
