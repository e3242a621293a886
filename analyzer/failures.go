package analyzer

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// FailureClass is how an attempt to open a connection failed.
type FailureClass string

// The classes of failed attempts.
const (
	FailedRefused           FailureClass = "refused"             // an RST answered the SYN
	FailedUnanswered        FailureClass = "unanswered"          // nothing did
	FailedUnreachable       FailureClass = "unreachable"         // an ICMP error did
	FailedChallenged        FailureClass = "challenged"          // an ACK of an earlier connection did (RFC 5961 §4.2)
	FailedEmbryonic         FailureClass = "embryonic"           // the SYN-ACK was never acknowledged
	FailedAbortedByOpener   FailureClass = "aborted_by_opener"   // an RST of the opener answered the SYN-ACK
	FailedAbortedByListener FailureClass = "aborted_by_listener" // the listener took its SYN-ACK back
	FailedAcceptedThenReset FailureClass = "accepted_then_reset" // the listener reset what was open, and neither had it sent data nor the opener closed
)

// FailureClasses lists them all.
func FailureClasses() []FailureClass {
	return []FailureClass{
		FailedRefused, FailedUnanswered, FailedUnreachable, FailedChallenged, FailedEmbryonic, FailedAbortedByOpener,
		FailedAbortedByListener, FailedAcceptedThenReset,
	}
}

// FailureClass says how the attempt to open the connection failed. It is empty if the attempt did not fail, or if the capture
// does not hold it.
func (c *Connection) FailureClass() FailureClass {
	switch c.Handshake.Outcome {
	case OutcomeRefused, OutcomeUnanswered, OutcomeUnreachable, OutcomeChallenged, OutcomeEmbryonic:
		return FailureClass(c.Handshake.Outcome)
	case OutcomeAborted:
		if c.Client.Rsts > 0 && (c.Teardown.Reset == nil || c.Teardown.Reset.By != Server) {
			return FailedAbortedByOpener
		}
		return FailedAbortedByListener
	case OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen:
		r := c.Teardown.Reset
		if c.Teardown.Kind == TeardownReset && r != nil && r.By == Server && c.Server.Bytes == 0 && c.Server.Fins+c.Client.Fins == 0 && c.HalfOpen == nil {
			return FailedAcceptedThenReset
		}
	}
	return ""
}

// SideStates counts something by the side that did it and the state that the other one was in, which is unknown where
// nothing else of that one was seen.
type SideStates struct {
	Client map[string]uint64 `json:"client"`
	Server map[string]uint64 `json:"server"`
}

// HalfClosedTotals are about connections of which one side had closed and the other had not (RFC 9293 §3.6, case 2).
type HalfClosedTotals struct {
	AtEnd   uint64   `json:"at_end"`    // of their record
	Long    uint64   `json:"long"`      // for a second or longer, and then closed
	Longest Duration `json:"longest_s"` // of those that were then closed; NoDuration without one
}

// LifetimeTotals are about connections of which the capture shows beginning and end.
type LifetimeTotals struct {
	Whole uint64 `json:"whole"` // all of these
	Short uint64 `json:"short"` // those that lasted less than a second, the habit of HTTP/1.0: one for each request
	Long  uint64 `json:"long"`  // those that lasted a minute or longer
}

// What is called a short life and a long one.
const (
	shortLived = Duration(time.Second)
	longLived  = Duration(time.Minute)
)

// NotClosing is a host, or a server's socket, that leaves connections in CLOSE_WAIT: its peers have closed, and wait for it.
type NotClosing struct {
	Host        Target   `json:"host"` // with the port of a server
	Side        Side     `json:"side"`
	Connections uint64   `json:"connections"`
	Waiting     uint64   `json:"waiting"` // of these, peers known to be in FIN_WAIT_2
	Longest     Duration `json:"longest_s"`
}

// notClosingPatience is how long a side may take in CLOSE_WAIT before it counts.
const notClosingPatience = Duration(10 * time.Second)

// maxNotClosing bounds the list.
const maxNotClosing = 1024

// failures adds up what went wrong with connections.
type failures struct {
	attempts   wordCounts
	resets     [3][tcpstate.TimeWait + 2]uint64 // by Side; the last state is none
	halfClosed HalfClosedTotals
	lifetimes  LifetimeTotals
	notClosing bounded[notClosingKey, NotClosing]
	idle       idleResets
}

type notClosingKey struct {
	host netip.AddrPort
	side Side
}

func newFailures() failures {
	return failures{
		halfClosed: HalfClosedTotals{Longest: NoDuration},
		notClosing: bounded[notClosingKey, NotClosing]{
			limit:  maxNotClosing,
			weight: func(n *NotClosing) weight { return weight{n.Connections} },
			compare: func(a, b *notClosingKey) int {
				return cmp.Or(a.host.Compare(b.host), cmp.Compare(a.side, b.side))
			},
		},
	}
}

func (f *failures) add(c *Connection) {
	if class := c.FailureClass(); class != "" {
		f.attempts.add(string(class))
	}
	if r := c.Teardown.Reset; r != nil {
		state := len(f.resets[0]) - 1
		if r.ReceiverState.Known {
			state = int(r.ReceiverState.State)
		}
		f.resets[r.By][state]++
		f.idle.add(c)
	}
	switch {
	case c.Teardown.Kind == TeardownHalfClosed:
		f.halfClosed.AtEnd++
	case c.Teardown.HalfClosed != NoDuration:
		f.halfClosed.Longest = max(f.halfClosed.Longest, c.Teardown.HalfClosed)
		if c.Teardown.HalfClosed >= Duration(time.Second) {
			f.halfClosed.Long++
		}
	}
	f.lifetime(c)
	f.unclosed(c, &c.Client, &c.Server, Client)
	f.unclosed(c, &c.Server, &c.Client, Server)
}

func (f *failures) lifetime(c *Connection) {
	switch c.Handshake.Outcome {
	case OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen:
	default:
		return
	}
	switch c.Teardown.Kind {
	case TeardownNone, TeardownHalfClosed, TeardownIncomplete:
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

// unclosed counts a side that has not closed though its peer has.
func (f *failures) unclosed(c *Connection, e, peer *Endpoint, side Side) {
	in := func(e *Endpoint, s tcpstate.State) bool { return e.State.Known && e.State.State == s }
	var since Time
	switch {
	case in(e, tcpstate.CloseWait):
		since = e.States[len(e.States)-1].At
	case !e.State.Known && in(peer, tcpstate.FinWait2):
		since = peer.States[len(peer.States)-1].At
	default:
		return
	}
	waited := Duration(c.Ended - since)
	if waited < notClosingPatience {
		return
	}
	key := notClosingKey{netip.AddrPortFrom(e.IP, 0), side}
	if side == Server {
		key.host = netip.AddrPortFrom(e.IP, e.Port)
	}
	n := f.notClosing.of(key)
	n.Side = side
	n.Connections++
	if in(peer, tcpstate.FinWait2) {
		n.Waiting++
	}
	n.Longest = max(n.Longest, waited)
}

func (f *failures) summarize(s *Summary) {
	s.FailedByClass = f.attempts.byWord()
	for _, n := range s.FailedByClass {
		s.FailedAttempts += n
	}
	s.ResetsByState = SideStates{f.resetsBy(Client), f.resetsBy(Server)}
	s.HalfClosed, s.Lifetimes, s.IdleTimeouts = f.halfClosed, f.lifetimes, f.idle.timeouts()
	f.notClosing.trim()
	s.NotClosing = []NotClosing{}
	for _, e := range f.notClosing.sorted() {
		n := e.value
		n.Host.IP = e.key.host.Addr()
		if port := e.key.host.Port(); e.key.side == Server {
			n.Host.Port = &port
		}
		s.NotClosing = append(s.NotClosing, n)
	}
	s.LeftOut.NotClosing = f.notClosing.leftOut
}

// UnknownState stands for the state of a side of which nothing but the RST is known.
const UnknownState = "unknown"

func (f *failures) resetsBy(side Side) map[string]uint64 {
	counts := map[string]uint64{}
	for state, n := range f.resets[side] {
		switch {
		case n == 0:
		case state == len(f.resets[side])-1:
			counts[UnknownState] = n
		default:
			counts[tcpstate.State(state).String()] = n
		}
	}
	return counts
}
