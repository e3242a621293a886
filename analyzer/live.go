package analyzer

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Live counts what is followed now, without conclusions from silence: a client that will turn out unanswered is still
// in SYN_SENT.
func (a *Analyzer) Live() record.Live {
	live := a.live
	attempts := a.table.loneSyns()
	live.Connections += attempts
	live.Client[tcpstate.SynSent] += attempts
	if a.accounts != nil {
		held := &live.Server[tcpstate.SynRcvd]
		*held -= min(*held, a.accounts.crowd.OpenCookies())
	}
	return live
}

// standing is how a connection is counted in Live: the states of opener and listener plus 1, 0 for none.
type standing struct {
	counted, halfOpen bool
	client, server    uint8
}

// recount updates Live for a connection that has changed.
func (a *Analyzer) recount(c *connection) {
	now := standing{counted: true, halfOpen: c.tcp.HalfOpen != nil}
	if e := &c.tcp.Ends[c.opener]; e.Known() {
		now.client = uint8(e.State()) + 1
		if c.tcp.SilentSinceSyn(c.opener) {
			now.client = uint8(tcpstate.SynSent) + 1
		}
	}
	if e := &c.tcp.Ends[1-c.opener]; e.Known() {
		now.server = uint8(e.State()) + 1
	}
	if now != c.stands {
		c.stands.count(&a.live, ^uint64(0)) // one less
		now.count(&a.live, 1)
		c.stands = now
	}
}

// uncount removes a connection from Live.
func (a *Analyzer) uncount(c *connection) {
	c.stands.count(&a.live, ^uint64(0))
	c.stands = standing{}
}

// count adds n, modulo 2^64, to the counters of a connection.
func (s standing) count(l *record.Live, n uint64) {
	if s.counted {
		l.Connections += n
	}
	if s.halfOpen {
		l.HalfOpen += n
	}
	if s.client > 0 {
		l.Client[s.client-1] += n
	}
	if s.server > 0 {
		l.Server[s.server-1] += n
	}
}

// Open calls visit with the current record of each connection that began by a time of the capture and is still
// followed, in the order of ids. It is EndedBy EndOpen, and its TIME_WAITs by TimeWaitRunning. It is settled as if no
// more segments came, but the connection itself does not change. Connections reported at their close are left out. A
// record is valid until visit returns.
func (a *Analyzer) Open(by int64, visit func(*record.Connection)) {
	var rec record.Connection
	a.eachOpen(func(o openRecord) {
		for c := a.peek(o.place); c != nil; c = c.older {
			if c.id == o.id && c.start <= by && !c.reported {
				a.preview(c, &rec, record.EndOpen)
				visit(&rec)
			}
		}
	})
}

// peek returns the newest incarnation at a place, read-only and valid until the next call.
func (a *Analyzer) peek(n uint32) *connection {
	p := a.table.places.At(n)
	switch {
	case p.kind == kindFree:
		return nil
	case p.kind == kindResting:
		a.peeked = slices.Grow(a.peeked[:0], maxIncarnations)
		return a.unpack(n, func() *connection {
			a.peeked = a.peeked[:len(a.peeked)+1]
			return &a.peeked[len(a.peeked)-1]
		})
	case p.kind == kindAttempt:
		var e attempt
		a.table.attempts.read(p.where, &e)
		a.expand(&a.scratch, &e)
		return &a.scratch
	case p.kind == kindOrdinary:
		o := a.table.ordinary.At(p.where)
		if !a.tryComplete(&a.scratch, o) {
			a.read(&a.scratch, o)
		}
		return &a.scratch
	}
	return a.newest(n)
}

// preview fills the record that a connection would have if it ended now.
func (a *Analyzer) preview(c *connection, r *record.Connection, by record.EndedBy) {
	d := *c
	d.tcp = c.tcp.Clone()
	d.notes = slices.Clone(c.notes)
	for i := range d.notes {
		d.notes[i].packets = slices.Clone(d.notes[i].packets)
	}
	d.zeek = c.zeek.Clone()
	a.settle(&d, a.clock)
	a.fill(r, &d, a.clock, by)
	if a.accounts != nil {
		a.accounts.settleCookie(r)
	}
	for i := range r.TimeWait {
		if w := &r.TimeWait[i]; w.EndedBy == record.TimeWaitCaptureEnd {
			w.EndedBy = record.TimeWaitRunning
		}
	}
}

// reportClosed emits the record of a closed connection, if the option AtClose is set.
func (a *Analyzer) reportClosed(c *connection) {
	if !a.options.AtClose || c.reported || !c.closed() {
		return
	}
	c.reported = true
	for i := range c.waitedAtClose {
		c.waitedAtClose[i] = c.inTimeWait(i)
	}
	a.preview(c, a.record, c.closedBy())
	a.tell(recordEnds, &event{})
}

// tellTimeWaits adds to the totals how TIME_WAITs ended that were running when the connection was reported.
func (a *Analyzer) tellTimeWaits(c *connection, at int64, by record.EndedBy) {
	a.settle(c, at)
	r := a.record
	r.TimeWait = r.TimeWait[:0]
	for i, waited := range c.waitedAtClose {
		if waited {
			c.timeWaits(r, &a.options, i, at, by)
		}
	}
	setSocketsOf(r, &c.key, c.opener)
	a.tell(timeWaitsEnd, &event{})
}

// setSocketsOf sets the addresses and ports of a record.
func setSocketsOf(r *record.Connection, k *flows.Key, opener int) {
	client, server := k.AddrPortA(), k.AddrPortB()
	if opener == 1 {
		client, server = server, client
	}
	r.Client.IP, r.Client.Port, r.Server.IP, r.Server.Port = client.Addr(), client.Port(), server.Addr(), server.Port()
}

// closed reports whether the connection is closed, except for TIME_WAIT and segments under way.
func (c *connection) closed() bool {
	if !c.anyInTimeWait() {
		return c.over()
	}
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; e.Known() && e.State() != tcpstate.Closed && e.State() != tcpstate.TimeWait {
			return false
		}
	}
	return true
}

// closedBy returns why a closed connection has ended.
func (c *connection) closedBy() record.EndedBy {
	if c.tcp.Reset == nil && c.anyInTimeWait() {
		return record.EndClosed
	}
	return c.endReason(record.EndClosed)
}

// Cursor is a position of Scan. The zero value is the beginning.
type Cursor struct{ place int }

// Scan is an incremental Open. Each call looks at n places, of which some may be empty, and returns where to continue,
// the zero Cursor at the end. The records have no order, and include connections reported at their close. A connection
// that begins or ends between two calls may or may not be visited.
func (a *Analyzer) Scan(from Cursor, n int, visit func(*record.Connection)) Cursor {
	var rec record.Connection
	for ; n > 0; n-- {
		if from.place == int(a.table.places.Made()) {
			return Cursor{}
		}
		for c := a.peek(uint32(from.place) + 1); c != nil; c = c.older {
			a.preview(c, &rec, record.EndOpen)
			visit(&rec)
		}
		from.place++
	}
	return from
}
