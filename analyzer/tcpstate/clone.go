package tcpstate

import "slices"

// Clone is a copy that can be settled while the original goes on.
func (c *Conn) Clone() Conn {
	d := *c
	d.Reset, d.HalfOpen = clone(c.Reset), clone(c.HalfOpen)
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
