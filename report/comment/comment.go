// Package comment describes what happens at each packet of a capture, for the packet comments of a copy.
//
// A comment has one connection. Its first line names it, and is what contrib/wireshark/tcplife.lua looks for:
//
//	tcplife connection 17 1:LQU9qZlK+B5F3KDmev6m5PMibrg=
//	handshake complete, teardown four_way, ended by closed
//	client CLOSED → SYN_SENT: active OPEN: a SYN is sent (RFC 9293 §3.10.1)
//	server → ESTABLISHED (inferred): …
//	client ESTABLISHED withdrawn by packet 7: …
//	finding refused (warning): …
//
// The second line is in the comment of the connection's first packet. Numbers of packets are those of the capture that
// was read.
package comment

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Notes collects what happens at packets. The zero value is ready to use.
type Notes struct {
	// Bare leaves out the details of findings, which can quote the segments' text.
	Bare bool
	// Community is the Community ID to write for a connection; nil for its own.
	Community func(*record.Connection) flows.CommunityID

	lives  []life
	notes  []note
	pieces []string // of findings
	next   int      // of notes, for At
}

// life has the facts about a whole connection for its comments.
type life struct {
	id        uint64
	community flows.CommunityID
	outcome   record.Outcome
	teardown  record.TeardownKind
	end       record.EndedBy
}

// note is what happens at one packet of one connection.
type note struct {
	packet uint64
	more   uint64 // of a withdrawn state the packet that showed it, of a finding the number of its text
	life   uint32
	kind   kind
	side   record.Side
	state  tcpstate.State
	before record.StateOrNone
	rule   tcpstate.Rule
	seen   bool
}

// kind is the kind of a note; a comment has them in this order.
type kind uint8

const (
	begins kind = iota
	enters
	withdraws
	finds
)

// Add records a connection. It keeps nothing of the record.
func (n *Notes) Add(c *record.Connection) {
	l := life{c.ID, c.CommunityID, c.Handshake.Outcome, c.Teardown.Kind, c.EndedBy}
	if n.Community != nil {
		l.community = n.Community(c)
	}
	number := uint32(len(n.lives))
	n.lives = append(n.lives, l)
	n.notes = append(n.notes, note{packet: c.ID, life: number, kind: begins})
	for _, side := range [...]record.Side{record.Client, record.Server} {
		e := &c.Client
		if side == record.Server {
			e = &c.Server
		}
		before := record.StateOrNone{}
		for _, s := range e.States {
			if s.Packet != 0 { // no timer's
				n.notes = append(n.notes, note{
					packet: uint64(s.Packet), life: number, kind: enters, side: side, state: s.State, before: before,
					rule: s.Rule, seen: s.Evidence == record.Seen,
				})
			}
			before = record.StateOrNone{State: s.State, Known: true}
		}
		for _, w := range e.Withdrawn {
			if w.Packet != 0 {
				n.notes = append(n.notes, note{
					packet: uint64(w.Packet), life: number, kind: withdraws, side: side, state: w.State, rule: w.Rule,
					more: uint64(w.ByPacket),
				})
			}
		}
	}
	for i := range c.Findings {
		f := &c.Findings[i]
		if len(f.Packets) == 0 {
			continue
		}
		n.pieces = append(n.pieces, n.finding(f))
		for _, packet := range f.Packets {
			n.notes = append(n.notes, note{packet: packet, life: number, kind: finds, more: uint64(len(n.pieces) - 1)})
		}
	}
}

// finding returns the line of a finding.
func (n *Notes) finding(f *record.Finding) string {
	line := "finding " + f.Code + " (" + string(f.Severity) + ")"
	if !n.Bare {
		line += ": " + f.Detail
	}
	return line
}

// Sort puts the notes in order, once all connections are there.
func (n *Notes) Sort() {
	slices.SortStableFunc(n.notes, func(x, y note) int {
		return cmp.Or(
			cmp.Compare(x.packet, y.packet),
			cmp.Compare(n.lives[x.life].id, n.lives[y.life].id),
			cmp.Compare(x.kind, y.kind),
		)
	})
	n.next = 0
}

// At returns the comments on a packet, one for each connection. It must be called in the order of the packets.
func (n *Notes) At(packet uint64) (comments []string) {
	for n.next < len(n.notes) && n.notes[n.next].packet < packet {
		n.next++
	}
	for n.next < len(n.notes) && n.notes[n.next].packet == packet {
		life := n.notes[n.next].life
		b := n.lives[life].heading(nil)
		for ; n.next < len(n.notes) && n.notes[n.next].packet == packet && n.notes[n.next].life == life; n.next++ {
			b = n.line(b, &n.notes[n.next])
		}
		comments = append(comments, string(b))
	}
	return comments
}

// prefix begins every comment of tcplife.
const prefix = "tcplife connection "

// Ours reports whether tcplife wrote a comment.
func Ours(comment []byte) bool { return bytes.HasPrefix(comment, []byte(prefix)) }

func (l *life) heading(b []byte) []byte {
	return l.community.Append(append(strconv.AppendUint(append(b, prefix...), l.id, 10), ' '))
}

// line appends the line of a note.
func (n *Notes) line(b []byte, at *note) []byte {
	b = append(b, '\n')
	switch at.kind {
	case begins:
		l := &n.lives[at.life]
		return fmt.Appendf(b, "handshake %s, teardown %s, ended by %s", l.outcome, l.teardown, l.end)
	case finds:
		return append(b, n.pieces[at.more]...)
	}
	text, clause, before, known := at.rule.Describe(at.before.State, at.before.Known)
	b = append(append(b, at.side.String()...), ' ')
	switch {
	case at.kind == withdraws:
		text, clause, _, _ = at.rule.Describe(tcpstate.Closed, false)
		b = append(append(b, at.state.String()...), " withdrawn"...)
		if at.more != 0 {
			b = strconv.AppendUint(append(b, " by packet "...), at.more, 10)
		}
	case known:
		b = append(append(b, before.String()...), ' ')
		fallthrough
	default:
		b = append(append(b, "→ "...), at.state.String()...)
		if !at.seen {
			b = append(b, " (inferred)"...)
		}
	}
	b = append(append(b, ": "...), text...)
	if clause != "" {
		b = append(append(append(b, " ("...), clause...), ')')
	}
	return b
}
