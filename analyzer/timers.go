package analyzer

import (
	"container/heap"
	"math"
	"slices"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// timers holds connections by the time at which they are looked at next. A connection's deadline may move on
// without notice; it is asked again when the old one comes.
type timers []*timer

type timer struct {
	at   int64
	conn *connection
}

// gone is the timer of a connection that has left the table, none that of one that was never scheduled.
const (
	gone = math.MinInt64
	none = math.MaxInt64
)

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].conn.id < t[j].conn.id
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is for container/heap.
func (t *timers) Push(x any) { *t = append(*t, x.(*timer)) }

// Pop is for container/heap.
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	return x
}

// schedule sees to it that a connection is looked at by its deadline.
func (a *Analyzer) schedule(c *connection) {
	if c.timer == gone {
		return
	}
	if at := c.deadline(&a.options); at < c.timer {
		c.timer = at
		heap.Push(&a.timers, &timer{at, c})
	}
}

// advance moves the clock of the capture. It never goes back, though times of packets may.
func (a *Analyzer) advance(now int64) {
	if !a.begun {
		a.clock, a.begun = now, true
	}
	if now <= a.clock {
		return
	}
	a.clock = now
	for len(a.timers) > 0 && a.timers[0].at < now {
		t := heap.Pop(&a.timers).(*timer)
		c := t.conn
		if c.timer != t.at {
			continue // gone, or looked at earlier
		}
		c.timer = none
		a.due(c, t.at)
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
	}
	a.schedule(c)
}

// deadline is when nothing more is expected of the connection.
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
		return c.end + 2*int64(o.MSL)
	case c.embryonic():
		return c.end + int64(o.EmbryonicLimit)
	}
	return c.end + int64(o.IdleLimit)
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

func sortByID(cs []*connection) {
	slices.SortFunc(cs, func(x, y *connection) int {
		if x.id < y.id {
			return -1
		}
		return 1
	})
}
