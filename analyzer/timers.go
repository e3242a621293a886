package analyzer

import (
	"container/heap"
	"math"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// timers holds connections by the time at which they are looked at next. A connection's deadline may move on
// without notice; it is asked again when the old one comes.
type timers []*connection

// untimed is the place of a connection that no timer holds.
const untimed = -1

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return sooner(t[i].timer, t[i].id, t[j].timer, t[j].id) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push is for container/heap.
func (t *timers) Push(x any) {
	c := x.(*connection)
	c.place = len(*t)
	*t = append(*t, c)
}

// Pop is for container/heap.
func (t *timers) Pop() any {
	last := len(*t) - 1
	c := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	c.place = untimed
	return c
}

// first is the connection that is due first, nil if there is none.
func (t timers) first() *connection {
	if len(t) == 0 {
		return nil
	}
	return t[0]
}

// sooner is the order in which records end: by time, then by id.
func sooner(at int64, id uint64, otherAt int64, otherID uint64) bool {
	return at < otherAt || at == otherAt && id < otherID
}

// schedule sees to it that a connection is looked at by its deadline.
func (a *Analyzer) schedule(c *connection) {
	at := c.deadline(&a.options)
	switch {
	case c.place == untimed:
		c.timer = at
		heap.Push(&a.timers, c)
	case at < c.timer:
		c.timer = at
		heap.Fix(&a.timers, c.place)
	}
}

// forget takes a connection off the timers.
func (a *Analyzer) forget(c *connection) {
	if c.place != untimed {
		heap.Remove(&a.timers, c.place)
	}
}

// leap is a step ahead of the clock that one packet alone is not believed: a damaged time stamp would end every record.
const leap = int64(3600e9)

// advance moves the clock of the capture to that of a segment. It never goes back, though times of packets may.
func (a *Analyzer) advance(seg *flows.Segment) {
	now := seg.Time
	switch {
	case !a.begun:
		a.clock, a.begun = now, true
	case now-a.clock <= leap:
		if a.leaping {
			a.disbelieve()
		}
		a.expire(now)
	case !a.leaping:
		a.leaping, a.leapTo, a.leaper = true, now, seg.Key
	default:
		a.leaping = false
		a.expire(min(a.leapTo, now))
		a.expire(now)
	}
}

// Advance lets time pass without a segment: all that is due before now happens. The caller vouches for it, so that a leap
// is believed. It does nothing before the first segment, and nothing for a time that has passed.
func (a *Analyzer) Advance(now int64) {
	if !a.begun {
		return
	}
	if a.leaping {
		if now-a.clock <= leap {
			return // time has not come there yet; the next segment tells
		}
		a.leaping = false
		a.expire(min(a.leapTo, now))
	}
	a.expire(now)
}

// now is the time of the segment at hand, by the clock that will be right if the leap is.
func (a *Analyzer) now() int64 {
	if a.leaping {
		return a.leapTo
	}
	return a.clock
}

// disbelieve takes back a leap: who was heard then was heard now.
func (a *Analyzer) disbelieve() {
	a.leaping = false
	p, known := a.table[a.leaper]
	switch {
	case !known:
	case p&embryoPlace != 0:
		a.embryos.slot(uint32(p &^ embryoPlace)).heard = a.clock
	default:
		for c := a.places[p]; c != nil; c = c.older {
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
	a.clock = now
	for {
		c, e := a.timers.first(), a.embryos.oldest()
		if c != nil && e != nil {
			if sooner(e.deadline(&a.options), e.packet, c.timer, c.id) {
				c = nil
			} else {
				e = nil
			}
		}
		switch {
		case c != nil && c.timer < now:
			heap.Pop(&a.timers)
			a.due(c, c.timer)
		case e != nil && e.deadline(&a.options) < now:
			a.finishEmbryo(uint32(a.table[e.key]&^embryoPlace), e.deadline(&a.options), EndIdle)
		default:
			return
		}
	}
}

// due looks at a connection whose time has come.
func (a *Analyzer) due(c *connection, at int64) {
	if c.deadline(&a.options) <= at {
		expired := c.expireTimeWait(at, &a.options)
		switch {
		case expired && c.over():
			a.remove(c)
			a.finish(c, at, EndTimeWaitExpired)
			return
		case !expired:
			a.remove(c)
			a.finish(c, at, c.endReason(EndIdle))
			return
		}
		a.recount(c) // one of two TIME_WAITs is over
	}
	a.schedule(c)
}

// deadline is when nothing more is expected of the connection, by the capture's clock.
func (c *connection) deadline(o *Options) int64 {
	waits, until := false, int64(math.MaxInt64)
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; e.Known() && e.State() == tcpstate.TimeWait {
			waits = true
			until = min(until, c.tcp.TimeWaits[i].Since+2*int64(o.MSL))
		}
	}
	switch {
	case waits:
		return until
	case c.over():
		// Late segments may come for as long as they can live.
		return c.heard + 2*int64(o.MSL)
	case c.embryonic():
		return c.heard + int64(o.EmbryonicLimit)
	}
	return c.heard + int64(o.IdleLimit)
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
