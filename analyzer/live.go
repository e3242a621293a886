package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Live counts what is followed now. Silence has decided nothing yet: an attempt that will be called unanswered is a client
// in SYN_SENT.
func (a *Analyzer) Live() record.Live {
	live := a.live
	embryos := a.table.embryos.Live()
	live.Connections += embryos
	live.Client[tcpstate.SynSent] += embryos
	return live
}

// standing is how a connection is counted in Live: the states of opener and listener from 1 on, 0 for none.
type standing struct {
	counted, halfOpen bool
	client, server    uint8
}

// recount brings Live to what a connection has become.
func (a *Analyzer) recount(c *connection) {
	now := standing{counted: true, halfOpen: c.tcp.HalfOpen != nil}
	if e := &c.tcp.Ends[c.opener]; e.Known() {
		now.client = uint8(e.State()) + 1
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

// uncount takes a connection out of Live.
func (a *Analyzer) uncount(c *connection) {
	c.stands.count(&a.live, ^uint64(0))
	c.stands = standing{}
}

// count adds n, modulo 2^64, to what a connection counts in.
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
