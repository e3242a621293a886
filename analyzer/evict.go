package analyzer

import (
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// What is kept of a place beside its connections: the place, its part of the index, which is half
// empty at worst, and an alarm or two.
const placeBytes = uint64(unsafe.Sizeof(place{}) + 3*unsafe.Sizeof(bucket{}) + 2*unsafe.Sizeof(store.Alarm{}))

// footprint is how many bytes are taken by what is followed.
func (a *Analyzer) footprint() uint64 {
	return a.departed.tags.Size() + a.table.arena.Used + uint64(a.table.live)*placeBytes +
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
	for a.exceeds(o.MaxConnections, o.MaxMemory) {
		if !a.evict() {
			return
		}
		a.departed.short = true
	}
}

// Where room is short, a connection that was evicted does not come back by its next segment: that would cost another
// one its room, and there would be a record for each segment. Such segments are counted. A SYN begins a connection all
// the same, and when there is room again, so does any segment.

// departed is what is known of the connections that were evicted.
type departed struct {
	short bool     // of room, since something was evicted
	seeds [2]seeds // of their hashes
	tags  store.Recent
	after uint64 // segments that were not followed
}

// departedShare is the part of the memory for connections that is taken to remember which were evicted.
const departedShare = 8

// departs remembers that the connection of a key was evicted. Which others it makes forgotten must not depend on
// chance, nor be for anybody to choose. So the seeds are made of the capture.
func (a *Analyzer) departs(k *flows.Key) {
	d, o := &a.departed, &a.options
	if d.tags.Size() == 0 {
		d.tags = store.NewRecent(max(o.MaxMemory/departedShare, 32*o.MaxConnections))
		for i := range d.seeds {
			for j := range d.seeds[i] {
				d.seeds[i][j] = mix(uint64(a.origin)+uint64(i), half(k.A[8:])+half(k.B[8:])+uint64(j)<<32|1)
			}
		}
	}
	d.tags.Add(d.hash(k))
}

func (d *departed) hash(k *flows.Key) uint64 {
	return uint64(d.seeds[0].hash(k))<<32 | uint64(d.seeds[1].hash(k))
}

// hasDeparted reports whether a segment of a 4-tuple without records is not to be followed, and counts it then.
func (a *Analyzer) hasDeparted(seg *flows.Segment) bool {
	d := &a.departed
	if !d.short || opens(seg) || !a.roomIsShort() || !d.tags.Has(d.hash(&seg.Key)) {
		return false
	}
	d.after++
	return true
}

// roomIsShort reports that something was evicted, and less than an eighth of the room has become free since.
func (a *Analyzer) roomIsShort() bool {
	o := &a.options
	a.departed.short = a.exceeds(o.MaxConnections-(o.MaxConnections+7)/8, o.MaxMemory-o.MaxMemory/8)
	return a.departed.short
}

// exceeds reports whether more connections are followed, or more memory is taken for them. 0 is no limit.
func (a *Analyzer) exceeds(connections, memory uint64) bool {
	return connections > 0 && a.live.Connections+a.table.attempts.live() > connections ||
		memory > 0 && a.footprint() > memory
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
	tries := 4 // open ones to choose from
	if enough {
		tries = 1 << 12 // those that are passed over are behind the others from then on
	}
	passed := a.spared[:0]
	var chosen store.Alarm
	least := candidate{heard: never}
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
		passed = append(passed, m)
		c := a.candidate(m.Place, enough)
		if enough && c.spare {
			chosen, least = m, c
			break
		}
		if c.heard < least.heard {
			chosen, least = m, c
		}
	}
	a.spared = passed
	if least.heard == never {
		return false
	}
	for _, m := range passed {
		if m.Place != chosen.Place {
			a.giveBack(m)
		}
	}
	a.evicted++
	p := a.table.places.At(chosen.Place)
	if p.kind == bare {
		a.finishAttempt(chosen.Place, a.clock, record.EndEvicted)
		return true
	}
	a.makeRoom()
	c := a.newest(chosen.Place)
	for c.id != least.id {
		c = c.older
	}
	a.remove(c)
	key := c.key
	a.finish(c, a.clock, record.EndEvicted)
	if p.kind == free {
		a.departs(&key)
	} else {
		a.giveBack(chosen)
	}
	return true
}

// candidate is a record that may be given up.
type candidate struct {
	id    uint64
	heard int64
	spare bool // closed already, or not completed
}

// spare reports that it is closed already, or not completed.
func (c *connection) spare() bool { return c.over() || c.waits() || c.embryonic() }

// candidate gives the record of a place that is of least use: the newest spare one if these are wanted, else that which
// has been silent for longest. One that rests alone need not be woken for that.
func (a *Analyzer) candidate(n uint32, spare bool) candidate {
	switch p := a.table.places.At(n); p.kind {
	case bare:
		e := a.table.attempts.at(p.where)
		return candidate{e.packet, e.heard, true}
	case orderly:
		o := a.table.ordinary.At(p.where)
		return candidate{o.packet, o.heard, o.waits != 0 || o.embryonic()}
	case atRest:
		var h heading
		if h.read(a.table.arena.Head(p.where), a.origin); h.count == 1 {
			return candidate{h.ids[0], h.heard, h.spare}
		}
	}
	a.makeRoom()
	least := candidate{heard: never}
	for c := a.newest(n); c != nil; c = c.older {
		if spare && c.spare() {
			return candidate{c.id, c.heard, true}
		}
		if c.heard < least.heard {
			least = candidate{c.id, c.heard, c.spare()}
		}
	}
	return least
}

// giveBack sets the alarm of a place again, behind the others that are set already.
func (a *Analyzer) giveBack(m store.Alarm) {
	p := a.table.places.At(m.Place)
	p.alarm = never
	switch p.kind {
	case bare:
		e := a.table.attempts.at(p.where)
		a.wakeAt(m.Place, m.ID, e.deadline(&a.options))
		return
	case orderly:
		a.wakeAt(m.Place, m.ID, a.table.ordinary.At(p.where).deadline(&a.options))
		return
	}
	if at, id, known := a.deadlineAtRest(p); known {
		a.wakeAt(m.Place, id, at)
		return
	}
	a.makeRoom()
	for c := a.newest(m.Place); c != nil; c = c.older {
		a.schedule(c)
	}
}
