package analyzer

import (
	"math"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// What is kept of a place beside its connections: the place, its part of the index, which is half
// empty at worst, and an alarm or two.
const placeBytes = uint64(unsafe.Sizeof(place{}) + 3*unsafe.Sizeof(bucket{}) + 2*unsafe.Sizeof(store.Alarm{}))

// footprint is how many bytes are taken by what is followed.
func (a *Analyzer) footprint() uint64 {
	return a.table.arena.Used + uint64(a.table.live)*placeBytes +
		a.table.attempts.used() +
		a.table.ordinary.Live()*uint64(unsafe.Sizeof(ordinary{})) +
		a.table.lines.Live()*uint64(unsafe.Sizeof(lines{})) +
		uint64(a.table.awake.live())*uint64(unsafe.Sizeof(connection{}))
}

// bound gives up records until the rest is within the limits.
func (a *Analyzer) bound() {
	o := &a.options
	if o.MaxConnections == 0 && o.MaxMemory == 0 {
		return
	}
	for o.MaxConnections > 0 && a.live.Connections+a.table.attempts.live() > o.MaxConnections ||
		o.MaxMemory > 0 && a.footprint() > o.MaxMemory {
		if !a.evict() {
			return
		}
	}
}

// evict gives up the record that is of least use: the oldest one that is closed already or that nobody has completed
// (RFC 4987 §3.4: recycling the oldest half-open TCB), as long as these are more than an eighth of all, for one that
// has just begun is of use too; then of the open ones one that has long been silent. It reports whether there was any.
func (a *Analyzer) evict() bool {
	idle := a.table.attempts.live()
	for _, count := range [...]*record.StateCount{&a.live.Client, &a.live.Server} {
		idle += count[tcpstate.SynSent] + count[tcpstate.SynRcvd] + count[tcpstate.TimeWait] + count[tcpstate.Closed]
	}
	enough := idle > (a.live.Connections+a.table.attempts.live())/8
	tries := 8 // open ones to choose from
	if enough {
		tries = 1 << 12 // those that are passed over are behind the others from then on
	}
	passed := a.spared[:0]
	var silent at
	heard := int64(never)
	for tries > 0 {
		m, isThere := a.wheel.Next()
		if !isThere {
			break
		}
		a.wheel.Pop()
		p := a.table.places.At(m.Place)
		if p.kind == free || p.alarm != m.At {
			continue // it is void
		}
		tries--
		a.makeRoom()
		if p.kind == bare {
			e := a.table.attempts.at(p.where)
			if enough {
				a.spared = passed
				a.giveBack(passed)
				a.evicted++
				a.finishAttempt(m.Place, a.clock, record.EndEvicted)
				return true
			}
			if e.heard < heard {
				silent, heard = at{e.packet, m.Place}, e.heard
			}
			passed = append(passed, m)
			continue
		}
		if p.kind == orderly {
			o := a.table.ordinary.At(p.where)
			if enough && (o.waits != 0 || o.embryonic()) {
				silent, heard, tries = at{o.packet, m.Place}, math.MinInt64, 0
			} else if o.heard < heard {
				silent, heard = at{o.packet, m.Place}, o.heard
			}
			passed = append(passed, m)
			continue
		}
		for c := a.newest(m.Place); c != nil; c = c.older {
			if enough && (c.over() || c.waits() || c.embryonic()) {
				silent, heard, tries = at{c.id, m.Place}, math.MinInt64, 0
			} else if c.heard < heard {
				silent, heard = at{c.id, m.Place}, c.heard
			}
		}
		passed = append(passed, m)
	}
	a.spared = passed
	a.giveBack(passed)
	if heard == never {
		return false
	}
	a.evicted++
	if a.table.places.At(silent.place).kind == bare {
		a.finishAttempt(silent.place, a.clock, record.EndEvicted)
		return true
	}
	c := a.newest(silent.place)
	for c.id != silent.id {
		c = c.older
	}
	a.remove(c)
	a.finish(c, a.clock, record.EndEvicted)
	return true
}

// giveBack sets alarms again, behind the others that are set already.
func (a *Analyzer) giveBack(passed []store.Alarm) {
	for _, m := range passed {
		p := a.table.places.At(m.Place)
		p.alarm = never
		if p.kind == bare {
			e := a.table.attempts.at(p.where)
			a.wakeAt(m.Place, m.ID, e.deadline(&a.options))
			continue
		}
		if p.kind == orderly {
			a.wakeAt(m.Place, m.ID, a.table.ordinary.At(p.where).deadline(&a.options))
			continue
		}
		a.makeRoom()
		for c := a.newest(m.Place); c != nil; c = c.older {
			a.schedule(c)
		}
	}
}
