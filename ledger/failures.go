package ledger

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// The limits of short and long connections.
const (
	shortLived = record.Duration(time.Second)
	longLived  = record.Duration(time.Minute)
)

// notClosingPatience is how long a side may stay in CLOSE_WAIT before it counts as not closing.
const notClosingPatience = record.Duration(10 * time.Second)

// maxNotClosing limits the list.
const maxNotClosing = 1024

// failures counts failed attempts, resets and bad closes. The order of the records does not matter.
type failures struct {
	attempts   wordCounts
	resets     [3][tcpstate.TimeWait + 2]uint64 // by Side; the last state means none
	halfClosed record.HalfClosedTotals
	lifetimes  record.LifetimeTotals
	idle       idleEnds
	crossed    idleEnds
}

// notClosing counts sides that have not closed although their peers have.
type notClosing struct {
	sides bounded[notClosingKey, record.NotClosing]
}

type notClosingKey struct {
	host netip.AddrPort
	side record.Side
}

func newFailures() failures {
	return failures{
		idle: newIdleResets(), crossed: newCrossedCloses(),
		halfClosed: record.HalfClosedTotals{Longest: record.NoDuration},
	}
}

func newNotClosing() notClosing {
	return notClosing{bounded[notClosingKey, record.NotClosing]{
		limit:  maxNotClosing,
		weight: func(n *record.NotClosing) weight { return weight{n.Connections} },
		compare: func(a, b *notClosingKey) int {
			return cmp.Or(a.host.Compare(b.host), cmp.Compare(a.side, b.side))
		},
	}}
}

func (f *failures) add(c *record.Connection) {
	if class := c.FailureClass(); class != "" {
		f.attempts.add(string(class), 1)
	}
	if r := c.Teardown.Reset; r != nil {
		state := len(f.resets[0]) - 1
		if r.ReceiverState.Known {
			state = int(r.ReceiverState.State)
		}
		f.resets[r.By][state]++
		if t := &c.Teardown; t.Kind == record.TeardownReset {
			f.idle.add(c, r.Idle, r.By)
			if c.Found(record.FindingCloseCrossed) {
				f.crossed.add(c, t.Idle, t.Initiator)
			}
		}
	}
	switch {
	case c.Teardown.Kind == record.TeardownHalfClosed:
		f.halfClosed.AtEnd++
	case c.Teardown.HalfClosed != record.NoDuration:
		f.halfClosed.Longest = max(f.halfClosed.Longest, c.Teardown.HalfClosed)
		if c.Teardown.HalfClosed >= record.Duration(time.Second) {
			f.halfClosed.Long++
		}
	}
	f.lifetime(c)
}

// merge adds the counts of other connections.
func (f *failures) merge(o *failures) {
	f.attempts.merge(o.attempts)
	for side := range f.resets {
		for state, n := range o.resets[side] {
			f.resets[side][state] += n
		}
	}
	f.halfClosed.AtEnd += o.halfClosed.AtEnd
	f.halfClosed.Long += o.halfClosed.Long
	f.halfClosed.Longest = max(f.halfClosed.Longest, o.halfClosed.Longest)
	f.lifetimes.Whole += o.lifetimes.Whole
	f.lifetimes.Short += o.lifetimes.Short
	f.lifetimes.Long += o.lifetimes.Long
	f.idle.merge(&o.idle)
	f.crossed.merge(&o.crossed)
}

func (f *failures) lifetime(c *record.Connection) {
	switch c.Handshake.Outcome {
	case record.OutcomeComplete, record.OutcomeSimultaneous, record.OutcomeFastOpen:
	default:
		return
	}
	switch c.Teardown.Kind {
	case record.TeardownNone, record.TeardownHalfClosed, record.TeardownIncomplete:
		return
	}
	f.lifetimes.Whole++
	switch {
	case c.Duration < shortLived:
		f.lifetimes.Short++
	case c.Duration >= longLived:
		f.lifetimes.Long++
	}
}

func (l *notClosing) add(c *record.Connection) {
	l.side(c, &c.Client, &c.Server, record.Client)
	l.side(c, &c.Server, &c.Client, record.Server)
}

// side counts a side that has not closed although its peer has.
func (l *notClosing) side(c *record.Connection, e, peer *record.Endpoint, side record.Side) {
	in := func(e *record.Endpoint, s tcpstate.State) bool { return e.State.Known && e.State.State == s }
	var since record.Time
	switch {
	case in(e, tcpstate.CloseWait):
		since = e.States[len(e.States)-1].At
	case !e.State.Known && in(peer, tcpstate.FinWait2):
		since = peer.States[len(peer.States)-1].At
	default:
		return
	}
	waited := record.Duration(c.Ended - since)
	if waited < notClosingPatience {
		return
	}
	key := notClosingKey{netip.AddrPortFrom(e.IP, 0), side}
	if side == record.Server {
		key.host = netip.AddrPortFrom(e.IP, e.Port)
	}
	n := l.sides.of(key)
	n.Side = side
	n.Connections++
	if in(peer, tcpstate.FinWait2) {
		n.Waiting++
	}
	n.Longest = max(n.Longest, waited)
}

func (f *failures) summarize(s *record.Summary) {
	s.FailedByClass = f.attempts.byWord()
	for _, n := range s.FailedByClass {
		s.FailedAttempts += n
	}
	s.ResetsByState = record.SideStates{Client: f.resetsBy(record.Client), Server: f.resetsBy(record.Server)}
	s.HalfClosed, s.Lifetimes, s.IdleTimeouts = f.halfClosed, f.lifetimes,
		append(f.idle.timeouts(), f.crossed.timeouts()...)
}

func (l *notClosing) summarize(s *record.Summary) {
	l.sides.trim()
	s.NotClosing = []record.NotClosing{}
	for _, e := range l.sides.sorted() {
		n := e.value
		n.Host.IP = e.key.host.Addr()
		if port := e.key.host.Port(); e.key.side == record.Server {
			n.Host.Port = &port
		}
		s.NotClosing = append(s.NotClosing, n)
	}
	s.LeftOut.NotClosing = l.sides.leftOut
}

func (f *failures) resetsBy(side record.Side) map[string]uint64 {
	counts := map[string]uint64{}
	for state, n := range f.resets[side] {
		switch {
		case n == 0:
		case state == len(f.resets[side])-1:
			counts[record.UnknownState] = n
		default:
			counts[tcpstate.State(state).String()] = n
		}
	}
	return counts
}
