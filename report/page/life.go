package page

import (
	"encoding/binary"
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

func appendVarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

// appendSigned appends a number that can be negative (zigzag).
func appendSigned(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// life is a connection's states with their times, and the marks of its swim-lane.
type life struct {
	id      uint64
	matters bool // it has findings, or is one of the first: it is kept if there are many
	client  netip.AddrPort
	server  netip.AddrPort
	start   record.Time // lifeBegins
	states  []byte
	marks   []mark
}

// mark is a segment that a swim-lane shows.
type mark struct {
	at   record.Time
	kind uint8
}

// The kinds of mark; one of the server's has markServer too.
const (
	markFin = iota
	markRst
	markRetransmission
	markServer = 4
)

// mostMarks bounds the marks of a connection.
const mostMarks = 24

// newLife returns the life of a connection. rules numbers the sentences that say why a state began.
func newLife(c *record.Connection, rules *sentences, matters bool) *life {
	l := &life{id: c.ID, matters: matters, client: netip.AddrPortFrom(c.Client.IP, c.Client.Port),
		server: netip.AddrPortFrom(c.Server.IP, c.Server.Port), start: lifeBegins(c)}
	for _, e := range []*record.Endpoint{&c.Client, &c.Server} {
		l.states = rules.appendStates(l.states, c, e)
		for _, s := range e.States {
			if r := c.Teardown.Reset; r != nil && s.Packet != 0 && s.Packet == r.Packet && len(l.marks) == 0 {
				l.mark(s.At, markRst, r.By == record.Server)
			}
		}
	}
	if i := c.Teardown.Initiator; i != record.NoSide && (c.Client.Fin != nil || c.Server.Fin != nil) {
		l.mark(c.Teardown.At, markFin, i == record.Server)
	}
	return l
}

// lifeBegins is the zero of a life's times: the start in whole microseconds, so that they are exact even if rows are
// cut.
func lifeBegins(c *record.Connection) record.Time {
	return record.Time(cut(int64(c.Start), int64(cutTo)))
}

// sentences holds texts, each of which the file has once.
type sentences struct {
	numbers map[[2]string]uint64
	list    [][2]string // what, and the section of the RFC
}

func (s *sentences) number(text, source string) uint64 {
	at := [2]string{text, source}
	n, known := s.numbers[at]
	if !known {
		if s.numbers == nil {
			s.numbers = map[[2]string]uint64{}
		}
		n = uint64(len(s.list))
		s.numbers[at] = n
		s.list = append(s.list, at)
	}
	return n
}

// appendStates appends the states of a side: how many there are, and for each its number and its evidence, the time
// since the previous one (for the first: since lifeBegins), the packet as its distance from the connection's first plus
// 1, 0 for none, and the number of the sentence that says why.
func (s *sentences) appendStates(b []byte, c *record.Connection, e *record.Endpoint) []byte {
	const inferred = 1
	b = appendVarint(b, uint64(len(e.States)))
	at, before := lifeBegins(c), record.StateOrNone{}
	for _, entry := range e.States {
		known := uint64(0)
		if entry.Evidence == record.Inferred {
			known = inferred
		}
		b = appendVarint(b, uint64(entry.State)<<1|known)
		b = appendSigned(b, int64(entry.At-at))
		packet := int64(0)
		if entry.Packet != 0 {
			if packet = int64(entry.Packet) - int64(c.ID); packet >= 0 {
				packet++
			}
		}
		b = appendSigned(b, packet)
		text, clause, _, _ := entry.Rule.Describe(before.State, before.Known)
		b = appendVarint(b, s.number(text, clause))
		at, before = entry.At, record.StateOrNone{State: entry.State, Known: true}
	}
	return b
}

// see marks a segment of the connection if a swim-lane shows such a segment.
func (l *life) see(seg *flows.Segment, effect tcpstate.Effect) {
	if seg.Quote != nil || effect.Has(tcpstate.Duplicate) || effect.Has(tcpstate.Rejected) {
		return
	}
	from := seg.Key.AddrPortA()
	if seg.FromB {
		from = seg.Key.AddrPortB()
	}
	server := from != l.client
	switch at := record.Time(seg.Time); {
	case effect.Has(tcpstate.Retransmission):
		l.mark(at, markRetransmission, server)
	case seg.Flags.Has(flows.RST):
		l.mark(at, markRst, server)
	case seg.Flags.Has(flows.FIN):
		l.mark(at, markFin, server)
	}
}

func (l *life) mark(at record.Time, kind uint8, server bool) {
	if server {
		kind |= markServer
	}
	if len(l.marks) < mostMarks {
		l.marks = append(l.marks, mark{at, kind})
	}
}

// append appends the states and the marks: how many, and for each its kind and the time since the previous one.
func (l *life) append(b []byte) []byte {
	b = append(b, l.states...)
	b = appendVarint(b, uint64(len(l.marks)))
	before := l.start
	for _, mark := range l.marks {
		b = appendVarint(b, uint64(mark.kind))
		b = appendSigned(b, int64(mark.at-before))
		before = mark.at
	}
	return b
}
