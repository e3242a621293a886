package analyzer

import (
	"math"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// schedule sees to it that a connection is looked at by its deadline. A deadline may move on without notice: it is
// asked for again when the old one comes.
func (a *Analyzer) schedule(c *connection) { a.wakeAt(c.place, c.id, a.deadline(c)) }

// wakeAt sees to it that the record at a place is looked at by a time. One alarm is enough for a place: an earlier one
// makes the later one void.
func (a *Analyzer) wakeAt(n uint32, id uint64, at int64) {
	if p := a.table.places.At(n); at < p.alarm {
		p.alarm = a.wheel.Set(store.Alarm{At: at, ID: id, Place: n})
	}
}

// advance moves the clock of the capture to that of a segment. It never goes back, though times of packets may.
func (a *Analyzer) advance(now int64, key *flows.Key) {
	switch {
	case !a.begun:
		a.clock, a.origin, a.begun = now, now, true
	case now-a.clock <= course.Far:
		if a.jumping {
			a.undoJump()
		}
		a.expire(now)
	case !a.jumping:
		a.jumping, a.jumpTo, a.jumpKey = true, now, *key
	default:
		a.jumping = false
		a.expire(min(a.jumpTo, now))
		a.expire(now)
	}
}

// Advance lets time pass without a segment: all that is due before now happens. The caller vouches for it, so that a
// jump is believed. It does nothing before the first segment, and nothing for a time that has passed.
func (a *Analyzer) Advance(now int64) {
	if !a.begun {
		return
	}
	if a.jumping {
		if now-a.clock <= course.Far {
			return // time has not come there yet; the next segment tells
		}
		a.jumping = false
		a.expire(min(a.jumpTo, now))
	}
	a.expire(now)
}

// now is the time of the segment at hand, by the clock that will be right if the jump is.
func (a *Analyzer) now() int64 {
	if a.jumping {
		return a.jumpTo
	}
	return a.clock
}

// undoJump discards a bogus far-future timestamp: who was heard then was heard now.
func (a *Analyzer) undoJump() {
	a.jumping = false
	n := a.table.find(&a.jumpKey, a.table.seeds.hash(&a.jumpKey))
	if n == 0 {
		return // it ended, or is another tracker's
	}
	switch p := a.table.places.At(n); {
	case p.kind == bare:
		e := a.table.attempts.at(p.where)
		a.table.attempts.drop(p.where)
		e.heard = a.clock
		p.where = a.table.attempts.put(&e)
		a.wakeAt(n, e.packet, e.deadline(&a.options))
	default:
		for c := a.newest(n); c != nil; c = c.older {
			c.heard = min(c.heard, a.clock)
			a.schedule(c)
		}
	}
}

// expire lets everything happen that is due before now.
func (a *Analyzer) expire(now int64) {
	if now <= a.clock {
		return
	}
	for {
		m, due := a.wheel.First(now)
		if w := a.overtaken.firstWaiting(now); w != nil && (!due || w.until <= m.At) {
			a.clock = max(a.clock, w.until)
			a.when = order{a.clock, turnOfWaiting, w.list[0].Packet}
			a.letGo(w)
			continue
		}
		if !due {
			a.clock = now
			return
		}
		a.clock = max(a.clock, m.At) // so it makes no difference by how many steps the time came here
		a.when = order{a.clock, m.At, m.ID}
		a.wheel.Pop()
		a.makeRoom()
		a.look(m)
	}
}

// look looks at a place because of an alarm.
func (a *Analyzer) look(m store.Alarm) {
	p := a.table.places.At(m.Place)
	if p.kind == free || p.alarm != m.At {
		return // it is void
	}
	p.alarm = never
	if p.kind == bare {
		if e := a.table.attempts.at(p.where); e.deadline(&a.options) <= m.At {
			a.finishAttempt(m.Place, e.deadline(&a.options), record.EndIdle)
		} else {
			a.wakeAt(m.Place, e.packet, e.deadline(&a.options))
		}
		return
	}
	if p.kind == orderly {
		if o := a.table.ordinary.At(p.where); o.deadline(&a.options) > m.At {
			a.wakeAt(m.Place, o.packet, o.deadline(&a.options))
			return
		}
		a.judgeWhole(m.Place)
	}
	if at, id, known := a.deadlineAtRest(p); known && at > m.At {
		a.wakeAt(m.Place, id, at)
		return
	}
	var due *connection // the oldest
	for c := a.newest(m.Place); c != nil; c = c.older {
		if a.deadline(c) <= m.At {
			due = c
		}
	}
	if due != nil {
		a.end(due, m.At)
	}
	if p.kind == free {
		return // that was all
	}
	for c := a.newest(m.Place); c != nil; c = c.older {
		a.schedule(c)
	}
}

// end ends what is due of a connection: its TIME_WAIT, or all of it.
func (a *Analyzer) end(c *connection, at int64) {
	expired := c.expireTimeWait(at, &a.options)
	switch {
	case expired && !c.over():
		a.recount(c)
		return
	case expired:
		a.remove(c)
		a.finish(c, at, record.EndTimeWaitExpired)
	default:
		a.remove(c)
		a.finish(c, at, c.endReason(record.EndIdle))
	}
}

// closingLimit ends the record of a connection whose both ends have sent a FIN, so long after its last packet: one that
// is not acknowledged is sent again every two minutes at least (TCP_RTO_MAX of Linux).
const closingLimit = int64(240e9)

// deadline is when nothing more is expected of the connection, by the capture's clock.
func (a *Analyzer) deadline(c *connection) int64 {
	waits, until := false, int64(math.MaxInt64)
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; e.Known() && e.State() == tcpstate.TimeWait {
			waits = true
			until = min(until, c.tcp.TimeWaits[i].Since+2*int64(a.options.MSL))
		}
	}
	switch {
	case waits:
		return until
	case c.over() || c.tcp.MaybeReset():
		// Late segments may come for as long as they can live.
		return c.heard + 2*int64(a.options.MSL)
	case c.embryonic() && !a.mayBeOpen(c):
		return c.heard + int64(a.options.EmbryonicLimit)
	case c.tcp.Ends[0].FinSent && c.tcp.Ends[1].FinSent:
		return c.heard + closingLimit
	}
	return c.heard + int64(a.options.IdleLimit)
}

// expireTimeWait ends the TIME_WAITs whose time has come.
func (c *connection) expireTimeWait(at int64, o *Options) (expired bool) {
	for i := range c.tcp.Ends {
		e := &c.tcp.Ends[i]
		if e.Known() && e.State() == tcpstate.TimeWait && c.tcp.TimeWaits[i].Since+2*int64(o.MSL) <= at {
			c.tcp.Expire(i, at)
			expired = true
		}
	}
	return expired
}
