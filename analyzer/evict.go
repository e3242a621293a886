package analyzer

import (
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// placeBytes is what a place takes besides its connections: the place, at most three buckets of the index, and one or
// two alarms.
const placeBytes = uint64(unsafe.Sizeof(place{}) + 3*unsafe.Sizeof(bucket{}) + 2*unsafe.Sizeof(store.Alarm{}))

// footprint returns how many bytes the followed connections take.
func (a *Analyzer) footprint() uint64 {
	return a.evictions.tags.Size() + a.table.arena.Used + uint64(a.table.live)*placeBytes +
		a.table.attempts.used() +
		a.table.ordinary.Live()*uint64(unsafe.Sizeof(ordinary{})) +
		a.table.chains.Used() +
		uint64(a.table.awake.live())*uint64(unsafe.Sizeof(connection{}))
}

// With roomForMany bytes of MaxMemory left, it need not be checked for the next manySegments.
const (
	roomForMany  = 4 << 20
	manySegments = 64
)

// bound evicts records until the rest is within the limits.
func (a *Analyzer) bound() {
	o := &a.options
	if a.evictions.unchecked > 0 {
		a.evictions.unchecked--
		return
	}
	if o.MaxConnections == 0 && (o.MaxMemory == 0 || a.footprint()+roomForMany < o.MaxMemory) {
		a.evictions.unchecked = manySegments
	}
	for a.exceeds(o.MaxConnections, o.MaxMemory) && a.evict() {
		a.evictions.short = true
	}
	if o.MaxMemory > 0 && a.table.spare() > o.MaxMemory/spareShare {
		a.table.squeeze()
	}
}

// While room is short, segments of an evicted connection are only counted. Otherwise each of them would begin a new
// record, and evict another connection. A SYN still begins a connection, and so does any segment once there is room
// again.

// evictions remembers which connections were evicted.
type evictions struct {
	unchecked int      // segments that may come before the limits are checked
	short     bool     // room has been short since the last eviction
	seeds     [2]seeds // of their hashes
	tags      store.Recent
	skipped   uint64 // segments that were not followed
}

// evictionsShare is the fraction of MaxMemory, one in evictionsShare, that remembers the evicted connections.
const evictionsShare = 8

// rememberEvicted remembers that the connection of a key was evicted, and may forget others for it. Which ones must not
// depend on chance, and no sender may choose them. So the seeds come from the capture.
func (a *Analyzer) rememberEvicted(k *flows.Key) {
	d, o := &a.evictions, &a.options
	if d.tags.Size() == 0 {
		d.tags = store.NewRecent(max(o.MaxMemory/evictionsShare, 32*o.MaxConnections))
		for i := range d.seeds {
			for j := range d.seeds[i] {
				d.seeds[i][j] = mix(uint64(a.origin)+uint64(i), half(k.A[8:])+half(k.B[8:])+uint64(j)<<32|1)
			}
		}
	}
	d.tags.Add(d.hash(k))
}

func (d *evictions) hash(k *flows.Key) uint64 {
	return uint64(d.seeds[0].hash(k))<<32 | uint64(d.seeds[1].hash(k))
}

// skipsEvicted reports whether to skip a segment of a 4-tuple without records, because its connection was evicted. It
// counts such segments.
func (a *Analyzer) skipsEvicted(seg *flows.Segment) bool {
	d := &a.evictions
	if !d.short || opens(seg) || !a.roomIsShort() || !d.tags.Has(d.hash(&seg.Key)) {
		return false
	}
	d.skipped++
	return true
}

// roomIsShort reports whether less than an eighth of the room is free, after a connection was evicted.
func (a *Analyzer) roomIsShort() bool {
	o := &a.options
	a.evictions.short = a.exceeds(o.MaxConnections-(o.MaxConnections+7)/8, o.MaxMemory-o.MaxMemory/8)
	return a.evictions.short
}

// exceeds reports whether there are more connections, or they take more memory, than the limits. 0 means no limit.
func (a *Analyzer) exceeds(connections, memory uint64) bool {
	return connections > 0 && a.live.Connections+a.table.loneSyns() > connections ||
		memory > 0 && a.footprint() > memory
}

// evict evicts the least useful record, and reports whether there was one. First it evicts the oldest record that is
// closed or whose handshake is not complete (RFC 4987 §3.4: recycling the oldest half-open TCB). It does so while these
// are more than an eighth of all records, because a connection that has just begun is useful too. After that it evicts
// an open connection that has long been silent.
func (a *Analyzer) evict() bool {
	idle := a.table.loneSyns()
	for _, count := range [...]*record.StateCount{&a.live.Client, &a.live.Server} {
		idle += count[tcpstate.SynSent] + count[tcpstate.SynRcvd] + count[tcpstate.TimeWait] + count[tcpstate.Closed]
	}
	enough := idle > (a.live.Connections+a.table.loneSyns())/8
	tries := 4 // how many open connections to choose from
	if enough {
		tries = 1 << 12 // those passed over get later alarms
	}
	passed := a.passedOver[:0]
	var chosen store.Alarm
	least := candidate{heard: never}
	for tries > 0 {
		m, isThere := a.wheel.Next()
		if !isThere {
			break
		}
		a.wheel.Pop()
		p := a.table.places.At(m.Place)
		if p.kind == kindFree || p.alarm != m.At {
			continue // the alarm is void
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
	a.passedOver = passed
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
	if p.kind == kindAttempt {
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
	if p.kind == kindFree {
		a.rememberEvicted(&key)
	} else {
		a.giveBack(chosen)
	}
	return true
}

// candidate is a record that may be evicted.
type candidate struct {
	id    uint64
	heard int64
	spare bool // closed, or the handshake is not complete
}

// spare reports whether the connection is closed, or its handshake is not complete.
func (c *connection) spare() bool { return c.over() || c.anyInTimeWait() || c.embryonic() }

// candidate returns the least useful record of a place: the newest spare one if spare is set, else the one that has
// been silent longest. It does not wake a single record at rest.
func (a *Analyzer) candidate(n uint32, spare bool) candidate {
	switch p := a.table.places.At(n); p.kind {
	case kindAttempt:
		packet, heard := a.table.attempts.last(p.where)
		return candidate{packet, heard, true}
	case kindOrdinary:
		o := a.table.ordinary.At(p.where)
		packet, _ := a.table.attempts.last(o.asked)
		return candidate{packet, o.heard(), o.waits() || o.embryonic()}
	case kindResting:
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

// giveBack sets the alarm of a place that evict passed over again, for the deadline that it has now.
func (a *Analyzer) giveBack(m store.Alarm) {
	p := a.table.places.At(m.Place)
	p.alarm = never
	if at, id, known := a.deadlineOfOne(p); known {
		a.wakeAt(m.Place, id, at)
		return
	}
	a.makeRoom()
	for c := a.newest(m.Place); c != nil; c = c.older {
		a.schedule(c)
	}
}
