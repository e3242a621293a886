package tcpstate

import "slices"

// Clone returns a copy that can be settled while the original continues.
func (c *Conn) Clone() Conn {
	d := *c
	d.Reset, d.HalfOpen = clone(c.Reset), clone(c.HalfOpen)
	d.laterReset, d.maybeReset, d.log = clone(c.laterReset), clone(c.maybeReset), clone(c.log)
	if d.log != nil {
		l := d.log
		l.noted, l.proven = slices.Clone(l.noted), slices.Clone(l.proven)
		l.rejected = [2][]rejected{slices.Clone(l.rejected[0]), slices.Clone(l.rejected[1])}
	}
	for i := range d.Ends {
		e := &d.Ends[i]
		e.History, e.Withdrawn = slices.Clone(e.History), slices.Clone(e.Withdrawn)
		e.stamps = slices.Clone(e.stamps)
		e.rcv.ahead = slices.Clone(e.rcv.ahead)
		e.bareAck, e.doubted = clone(e.bareAck), clone(e.doubted)
	}
	return d
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Room is the memory of a Conn's histories, for another Conn to reuse.
type Room [2][]Entry

// Room returns the memory of the histories, which must not be used afterwards.
func (c *Conn) Room() Room { return Room{c.Ends[0].History[:0], c.Ends[1].History[:0]} }

// Use gives a new Conn the memory of an old one.
func (c *Conn) Use(r Room) { c.Ends[0].History, c.Ends[1].History = r[0], r[1] }
