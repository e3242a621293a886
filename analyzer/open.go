package analyzer

import (
	"cmp"
	"slices"
)

// Open calls visit with the record of each connection that began by a time of the capture and is still followed, in the
// order of their ids, as it stands now: EndOpen, its TIME_WAIT TimeWaitRunning. What silence decides is decided as if
// nothing more came; the connections themselves go on as if nobody had asked. What was reported at its close is left out. A
// record is valid until visit returns.
func (a *Analyzer) Open(by int64, visit func(*Connection)) {
	var found []*connection
	for _, p := range a.table {
		if p&embryoPlace != 0 {
			if e := *a.embryos.slot(uint32(p &^ embryoPlace)); e.at <= by {
				c := &connection{}
				a.grow(c, &e)
				found = append(found, c)
			}
			continue
		}
		for c := a.places[p]; c != nil; c = c.older {
			if c.start <= by && !c.reported {
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, func(x, y *connection) int { return cmp.Compare(x.id, y.id) })
	var record Connection
	for _, c := range found {
		a.preview(c, &record, EndOpen)
		visit(&record)
	}
}

// preview fills in the record that a connection would have if it ended now.
func (a *Analyzer) preview(c *connection, r *Connection, by EndedBy) {
	d := *c
	d.tcp = c.tcp.Clone()
	d.notes = slices.Clone(c.notes)
	for i := range d.notes {
		d.notes[i].packets = slices.Clone(d.notes[i].packets)
	}
	d.zeek.history = slices.Clone(c.zeek.history)
	d.tcp.Settle(a.clock)
	d.fill(r, &a.options, a.clock, by)
	for i := range r.TimeWait {
		if w := &r.TimeWait[i]; w.EndedBy == TimeWaitCaptureEnd {
			w.EndedBy = TimeWaitRunning
		}
	}
}

// reportClosed emits the record of a connection of which nothing is left but TIME_WAIT, if that is asked for.
func (a *Analyzer) reportClosed(c *connection) {
	if !a.options.AtClose || c.reported || !c.over() && !c.waits() {
		return
	}
	c.reported = true
	a.preview(c, &a.record, c.closedBy())
	a.totals.add(&a.record)
	a.emit(&a.record)
}

// closedBy is why a connection that is closed has ended.
func (c *connection) closedBy() EndedBy {
	if c.tcp.Reset == nil && c.waits() {
		return EndClosed
	}
	return c.endReason(EndClosed)
}
