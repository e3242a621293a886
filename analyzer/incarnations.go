package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// opensWith reports whether a SYN is the connection's own: the same ISN, or the one that its first number supposes
// where the SYN was captured late.
func (c *connection) opensWith(seg *flows.Segment) bool {
	x := &c.tcp.Ends[c.from(seg)]
	if x.ISSKnown {
		return x.ISS == tcpstate.Seq(seg.Seq)
	}
	return x.Spoke && c.sides[c.from(seg)].firstSeq == seg.Seq+1
}

// nearest gives the incarnation whose numbers a segment is nearest to, the newest of equals.
func (c *connection) nearest(seg *flows.Segment) *connection {
	s := wire(seg)
	best, least := c, ^uint64(0)
	for o := c; o != nil; o = o.older {
		if d := o.tcp.Distance(o.from(seg), &s); d < least {
			best, least = o, d
		}
	}
	return best
}

// absorb takes over a SYN that turned out to belong to no connection of its own.
func (c *connection) absorb(stale *connection) {
	for i := range c.sides {
		x, y := &c.sides[i], &stale.sides[i]
		x.packets += y.packets
		x.duplicates += y.duplicates
		x.openings += y.openings
	}
	c.end = max(c.end, stale.end)
}
