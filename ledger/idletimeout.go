package ledger

import (
	"math"
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
)

// idleEnds counts the ends of connections by the silence before them, in classes that are each 2% wider than the one
// before.
type idleEnds struct {
	kind     string
	shortest record.Duration // shorter silences are part of a conversation
	classes  [idleClasses]idleClass
	total    uint64
}

const (
	idleClasses = 700
	idleStep    = 1.02
)

func newIdleResets() idleEnds {
	return idleEnds{kind: record.IdleReset, shortest: record.Duration(5 * time.Second)}
}

// newCrossedCloses counts closes that crossed text of the other side. Some servers give up connections after only a
// second or two.
func newCrossedCloses() idleEnds {
	return idleEnds{kind: record.IdleCrossed, shortest: record.Duration(time.Second)}
}

type idleClass struct {
	resets, byClient  uint64
	shortest, longest record.Duration
	server            netip.AddrPort
	servers, ports    bool // there are several
}

// add counts a connection that a side ended after a silence.
func (r *idleEnds) add(c *record.Connection, silence record.Duration, by record.Side) {
	if silence < r.shortest {
		return
	}
	r.total++
	i := int(math.Log(float64(silence)/float64(r.shortest)) / math.Log(idleStep))
	one := idleClass{resets: 1, shortest: silence, longest: silence,
		server: netip.AddrPortFrom(c.Server.IP, c.Server.Port)}
	if by == record.Client {
		one.byClient = 1
	}
	r.classes[min(i, idleClasses-1)].merge(&one)
}

// merge adds the counts of other connections.
func (r *idleEnds) merge(o *idleEnds) {
	r.total += o.total
	for i := range r.classes {
		r.classes[i].merge(&o.classes[i])
	}
}

func (c *idleClass) merge(o *idleClass) {
	switch {
	case o.resets == 0:
		return
	case c.resets == 0:
		*c = *o
		return
	}
	c.resets += o.resets
	c.byClient += o.byClient
	c.shortest, c.longest = min(c.shortest, o.shortest), max(c.longest, o.longest)
	c.servers = c.servers || o.servers || c.server.Addr() != o.server.Addr()
	c.ports = c.ports || o.ports || c.server.Port() != o.server.Port()
	if o.server.Compare(c.server) < 0 {
		c.server = o.server
	}
}

// timeouts finds the silences that stand out: at least three resets lie within two neighbouring classes, so within 4%
// of each other, and the ten classes on either side together have at most a third as many. Silences that no timer ends
// are spread more widely.
func (r *idleEnds) timeouts() []record.IdleTimeout {
	const enough, around = 3, 10
	list := []record.IdleTimeout{}
	for i := 0; i < idleClasses; i++ {
		if r.classes[i].resets == 0 {
			continue
		}
		peak := r.classes[i]
		end := i
		if i+1 < idleClasses {
			peak.merge(&r.classes[i+1])
			end = i + 1
		}
		beside := uint64(0)
		for j := max(0, i-around); j < min(idleClasses, end+1+around); j++ {
			if j < i || j > end {
				beside += r.classes[j].resets
			}
		}
		if peak.resets < enough || 3*beside > peak.resets {
			continue
		}
		list = append(list, peak.timeout(r))
		i = end
	}
	return list
}

func (c *idleClass) timeout(r *idleEnds) record.IdleTimeout {
	t := record.IdleTimeout{Kind: r.kind, Idle: c.shortest, Longest: c.longest, Resets: c.resets,
		BySide: record.SideCounts{Client: c.byClient, Server: c.resets - c.byClient}, Of: r.total}
	if port := c.server.Port(); !c.servers {
		t.Server = &record.Target{IP: c.server.Addr()}
		if !c.ports {
			t.Server.Port = &port
		}
	}
	return t
}
