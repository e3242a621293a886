package compare

import (
	"cmp"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// finish ends a trail, of which nothing more can come.
func (c *comparer) finish(t *trail) {
	for p, l := range t.legs {
		for ; l != nil; l = l.also {
			delete(c.legs[p], l.id)
			c.forget(l)
		}
	}
	if stretch, yes := t.separate(); yes {
		c.tellSeparate(t, stretch)
		c.tellTrail(t)
		return
	}
	if t.points < len(t.legs) {
		c.keepHalf(t)
	}
	sortKept(t.kept)
	c.compared = result.Compared{Verdicts: []result.Verdict{}}
	for _, j := range t.kept {
		c.judge(t, j)
	}
	if t.points == 1 && len(c.compared.Verdicts) == 0 {
		c.alone(t)
		return
	}
	c.judgeChanges(t)
	c.judgeGaps(t)
	c.compared.LeftOut += t.shed
	c.fill(t)
	c.tellTrail(t)
}

// tellTrail counts the trail of the finished record, and emits the record.
func (c *comparer) tellTrail(t *trail) {
	for p, l := range t.legs {
		if l != nil {
			c.sums.points[p].connections++
		}
	}
	c.count(t)
	c.draw(t)
	if c.failed == nil {
		c.failed = c.emit(&c.compared)
	}
}

// forget removes a leg from byKey.
func (c *comparer) forget(l *leg) {
	h := keyHash(&l.key)
	if c.byKey[h] == l {
		if l.nextKey != nil {
			c.byKey[h] = l.nextKey
		} else {
			delete(c.byKey, h)
		}
		return
	}
	for o := c.byKey[h]; o != nil; o = o.nextKey {
		if o.nextKey == l {
			o.nextKey = l.nextKey
			return
		}
	}
}

// count adds a trail to the sum.
func (c *comparer) count(t *trail) {
	s, r := &c.sums.comparison, &c.compared
	s.Connections++
	n := r.Counts
	if n.Lost+n.Born+n.Delayed+n.Duplicated+n.Reordered+n.Altered > 0 {
		s.Affected++
	}
	if r.Pairing.Translated != result.NotTranslated {
		s.Translated++
	}
	if r.Pairing.Renumbered {
		s.Renumbered++
	}
}

// fill makes the record of a trail whose verdicts are complete.
func (c *comparer) fill(t *trail) {
	r := &c.compared
	r.Record, r.Schema, r.ID = "compared", record.Schema, t.number
	r.Start, r.End, r.Duration = record.Time(t.first), record.Time(t.last), record.Duration(t.last-t.first)
	r.StartNS, r.EndNS = t.first, t.last
	opener := c.opener(t)
	r.Opened = t.wayOf(opener).record()
	r.SeenAt = []string{}
	for p, l := range t.legs {
		if l != nil {
			r.SeenAt = append(r.SeenAt, c.sources[p].Name)
			r.At = append(r.At, c.legRecord(p, l, opener))
		}
	}
	r.Client, r.Server = c.endpoint(t, opener), c.endpoint(t, 1-opener)
	r.Pairing = t.pairing(opener)
}

// opener returns the end that opened the connection, by the leg that knows best.
func (c *comparer) opener(t *trail) int {
	rank := map[record.RoleEvidence]int{record.RoleSyn: 4, record.RoleSynAck: 3, record.RolePorts: 2,
		record.RoleFirstPacket: 1}
	best, opener := 0, 0
	for _, l := range t.legs {
		if l == nil || l.end == nil || rank[l.end.role] <= best {
			continue
		}
		best = rank[l.end.role]
		opener = l.endOf(&l.end.client)
	}
	return opener
}

// endOf is the trail's end that an endpoint of the leg's record is.
func (l *leg) endOf(e *result.ComparedEndpoint) int {
	if s := l.socket(0); flows.IP(s.addr, s.v6) == e.IP && s.port == e.Port {
		return 0
	}
	return 1
}

// legRecord is what one point saw.
func (c *comparer) legRecord(p int, l *leg, opener int) result.ComparedLeg {
	end := func(e int) result.ComparedEnd {
		s := l.socket(e)
		return result.ComparedEnd{IP: flows.IP(s.addr, s.v6), Port: s.port,
			ISN: record.Seq{Number: l.isn[e], Known: l.isnSeen[e]}}
	}
	r := result.ComparedLeg{Point: c.sources[p].Name, Client: end(opener), Server: end(1 - opener)}
	for o := l; o != nil; o = o.also {
		r.Connections = append(r.Connections, o.id)
		r.Packets += o.packets
	}
	if l.end != nil {
		r.Outcome, r.Teardown = &l.end.outcome, &l.end.teardown
	}
	return r
}

// endpoint returns an end as the point nearest to it saw it.
func (c *comparer) endpoint(t *trail, end int) result.ComparedEndpoint {
	for place := range t.legs {
		p := t.pointAt(end, place)
		l := t.legs[p]
		if l == nil {
			continue
		}
		most := l
		for o := l.also; o != nil; o = o.also {
			if o.packets > most.packets {
				most = o
			}
		}
		l = most
		s := l.socket(end)
		e := result.ComparedEndpoint{
			Point: c.sources[p].Name, IP: flows.IP(s.addr, s.v6), Port: s.port,
			ISN: record.Seq{Number: l.isn[end], Known: l.isnSeen[end]}, States: []record.StateEntry{},
		}
		if l.end != nil {
			of := &l.end.server
			if l.endOf(&l.end.client) == end {
				of = &l.end.client
			}
			e.State, e.ISN = of.State, of.ISN
			for _, entry := range of.States {
				entry.At = record.Time(c.corrected(p, int64(entry.At)))
				e.States = append(e.States, entry)
			}
		}
		return e
	}
	return result.ComparedEndpoint{States: []record.StateEntry{}}
}

// pairing returns the reason why a trail's legs count as one connection.
func (t *trail) pairing(opener int) result.Pairing {
	r := result.Pairing{Between: []string{}, Why: []string{}}
	r.By = [...]result.PairedBy{
		byNothing: result.PairedAlone, byAddresses: result.PairedByAddresses, byNumbers: result.PairedByNumbers,
		byStamps: result.PairedByStamps, byShape: result.PairedByShape,
	}[t.joined]
	var changed translation
	for _, n := range t.nat {
		changed |= n
	}
	ends := [2]bool{changed&(address0|port0) != 0, changed&(address1|port1) != 0}
	switch source, target := ends[opener], ends[1-opener]; {
	case source && target:
		r.Translated = result.BothNAT
	case source:
		r.Translated = result.SourceNAT
	case target:
		r.Translated = result.TargetNAT
	}
	var first *leg
	for _, l := range t.legs {
		if l != nil && first == nil {
			first = l
		}
		r.Renumbered = r.Renumbered || l != nil && cmp.Or(l.shift[0]-first.shift[0], l.shift[1]-first.shift[1]) != 0
	}
	return r
}

// alone notes a connection that only one point saw.
func (c *comparer) alone(t *trail) {
	c.sums.comparison.Alone++
	for p, l := range t.legs {
		if l != nil {
			c.sums.points[p].alone++
		}
	}
}

// change records what a stretch changed in a segment. a is the sighting before the stretch.
func (t *trail) change(j *journey, stretch int, f field, from, to uint32, a *sighting) {
	step := int32(0)
	if f == fieldTTL {
		step = int32(from) - int32(to)
	}
	for i := range t.changes {
		if ch := &t.changes[i]; ch.stretch == stretch && ch.dir == j.dir && ch.field == f && ch.step == step {
			ch.count++
			return
		}
	}
	j.example = true
	t.changes = append(t.changes, change{
		stretch: stretch, dir: j.dir, field: f, step: step, from: from, to: to, count: 1, first: j, segment: *a,
	})
}

// changeSockets notes that a stretch translates addresses or ports.
func (t *trail) changeSockets(j *journey, stretch int, n translation, a *sighting) {
	for end := range 2 {
		address, port := fieldSource, fieldSourcePort
		if end != j.dir {
			address, port = fieldTarget, fieldTargetPort
		}
		if n&(address0<<(2*end)) != 0 {
			t.change(j, stretch, address, 0, 0, a)
		}
		if n&(port0<<(2*end)) != 0 {
			t.change(j, stretch, port, 0, 0, a)
		}
	}
}
