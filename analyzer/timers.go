package analyzer

import (
	"math"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// schedule sets an alarm for a connection at its deadline. A later deadline needs no new alarm: it is computed again
// when the old alarm fires.
func (a *Analyzer) schedule(c *connection) {
	first := c.id
	for o := a.newest(c.place); o != nil; o = o.older {
		first = min(first, o.id)
	}
	a.wakeAt(c.place, first, a.deadline(c))
}

// wakeAt sets an alarm for the record at a place. A place needs only one alarm: an earlier one makes the later one
// void. Records that end at the same time end in the order of their ids, so no record at the place may have a lower id
// than the alarm.
func (a *Analyzer) wakeAt(n uint32, id uint64, at int64) {
	if p := a.table.places.At(n); at < p.alarm {
		p.alarm = a.wheel.Set(store.Alarm{At: at, ID: id, Place: n})
	}
}

// advance moves the clock of the capture to the time of a segment. The clock never goes back, though times of packets
// may.
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

// Advance moves the clock without a segment: all alarms before now fire. It trusts the caller, so any jump counts. It
// does nothing before the first segment, or for a time in the past.
func (a *Analyzer) Advance(now int64) {
	if !a.begun {
		return
	}
	if a.jumping {
		if now-a.clock <= course.Far {
			return // the jump is not confirmed yet; the next segment decides
		}
		a.jumping = false
		a.expire(min(a.jumpTo, now))
	}
	a.expire(now)
}

// now returns the time of the current segment, as if a pending clock jump were right.
func (a *Analyzer) now() int64 {
	if a.jumping {
		return a.jumpTo
	}
	return a.clock
}

// undoJump discards a bogus far-future timestamp: the segment with that timestamp came now.
func (a *Analyzer) undoJump() {
	a.jumping = false
	n := a.table.find(&a.jumpKey, a.table.seeds.hash(&a.jumpKey))
	if n == 0 {
		return // the connection ended, or belongs to another tracker
	}
	switch p := a.table.places.At(n); {
	case p.kind == kindAttempt:
		var e attempt
		a.table.attempts.read(p.where, &e)
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

// expire fires all alarms before now.
func (a *Analyzer) expire(now int64) {
	if now <= a.clock {
		return
	}
	for {
		m, due := a.wheel.First(now)
		if w := a.overtaken.firstWaiting(now); w != nil && (!due || w.until <= m.At) {
			a.clock = max(a.clock, w.until)
			a.when = order{a.clock, turnOfWaiting, w.list[0].Packet}
			a.release(w)
			continue
		}
		if !due {
			a.clock = now
			return
		}
		a.clock = max(a.clock, m.At) // so the result does not depend on how time advanced in steps
		a.when = order{a.clock, m.At, m.ID}
		a.wheel.Pop()
		a.makeRoom()
		a.fire(m)
	}
}

// fire handles an alarm.
func (a *Analyzer) fire(m store.Alarm) {
	p := a.table.places.At(m.Place)
	if p.kind == kindFree || p.alarm != m.At {
		return // the alarm is void
	}
	p.alarm = never
	switch at, id, known := a.deadlineOfOne(p); {
	case known && (at > m.At || id != m.ID):
		a.wakeAt(m.Place, id, max(at, m.At))
		return
	case p.kind == kindAttempt:
		a.finishAttempt(m.Place, at, record.EndIdle)
		return
	case p.kind == kindOrdinary:
		if a.endBriefly(m.Place, m.At, record.EndTimeWaitExpired) {
			return
		}
		a.judgeWhole(m.Place)
	}
	var due *connection // the first by id
	for c := a.newest(m.Place); c != nil; c = c.older {
		if a.deadline(c) <= m.At && (due == nil || c.id < due.id) {
			due = c
		}
	}
	if due != nil && due.id != m.ID {
		a.wakeAt(m.Place, due.id, m.At)
		return
	}
	if due != nil {
		a.end(due, m.At)
	}
	if p.kind == kindFree {
		return // that was the last record
	}
	for c := a.newest(m.Place); c != nil; c = c.older {
		a.schedule(c)
	}
}

// end ends the TIME_WAITs that are over, and the record if nothing is left to wait for.
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

// closingLimit ends the record of a connection with FINs from both ends this long after its last packet. An
// unacknowledged FIN is retransmitted at least every two minutes (TCP_RTO_MAX of Linux).
const closingLimit = int64(240e9)

// deadline returns when the connection ends if no more segments come, by the capture's clock.
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
		// Late segments may come for one MSL.
		return c.heard + 2*int64(a.options.MSL)
	case c.embryonic() && !a.mayBeOpen(c):
		return c.heard + int64(a.options.EmbryonicLimit)
	case c.tcp.Ends[0].FinSent && c.tcp.Ends[1].FinSent:
		return c.heard + closingLimit
	}
	return c.heard + int64(a.options.IdleLimit)
}

// expireTimeWait ends the TIME_WAITs that are over.
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
