package page

import (
	"encoding/binary"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/internal/text"
)

// row is what the page's table knows of a connection. Words are numbers of the page's list of words.
type row struct {
	id, previous                  uint64
	start                         record.Time
	duration                      record.Duration
	client, server                netip.Addr
	clientPort, serverPort        uint16
	clientState, serverState      uint8 // at the end: tcpstate's number + 1, 0 for none
	clientMost, serverMost        uint8 // that lasted longest until the last packet
	initiator, resetBy            record.Side
	outcome, teardown             uint32
	endedBy, encapsulation        uint32
	findings                      uint32 // codes with severity and side, in their order
	serverRTT, clientRTT          record.Duration
	packets, bytes, retransmitted [2]uint64 // of the client, of the server
}

// newRow returns the row of a connection. words numbers texts.
func newRow(c *record.Connection, words *sentences) row {
	number := func(s string) uint32 { return uint32(words.number(s, "")) }
	r := row{
		id: c.ID, previous: uint64(c.PreviousID), start: c.Start, duration: c.Duration,
		client: c.Client.IP, server: c.Server.IP, clientPort: c.Client.Port, serverPort: c.Server.Port,
		clientState: state(c.Client.State), serverState: state(c.Server.State),
		clientMost: longest(c, &c.Client), serverMost: longest(c, &c.Server), initiator: c.Teardown.Initiator,
		outcome: number(string(c.Handshake.Outcome)), teardown: number(string(c.Teardown.Kind)),
		endedBy:       number(string(c.EndedBy)),
		encapsulation: number(string(text.AppendEncapsulation(nil, c.Encapsulation))),
		findings:      number(findingWords(c.Findings)),
		serverRTT:     c.Handshake.ServerRTT, clientRTT: c.Handshake.ClientRTT,
		packets:       [2]uint64{c.Client.Packets, c.Server.Packets},
		bytes:         [2]uint64{c.Client.Bytes, c.Server.Bytes},
		retransmitted: [2]uint64{c.Client.RetransmittedPackets, c.Server.RetransmittedPackets},
	}
	if c.Teardown.Reset != nil {
		r.resetBy = c.Teardown.Reset.By
	}
	return r
}

func state(s record.StateOrNone) uint8 {
	if !s.Known {
		return 0
	}
	return uint8(s.State) + 1
}

// longest returns the state that lasted longest until the connection's last packet.
func longest(c *record.Connection, e *record.Endpoint) uint8 {
	most, found := record.Duration(-1), record.StateOrNone{}
	for i, s := range e.States {
		until := max(c.End, s.At)
		if i+1 < len(e.States) {
			until = min(until, e.States[i+1].At)
		}
		if d := text.Between(s.At, until); d > most && s.State != tcpstate.Closed {
			most, found = d, record.StateOrNone{State: s.State, Known: true}
		}
	}
	if !found.Known {
		return state(e.State)
	}
	return state(found)
}

func stateName(n uint8) string {
	if n == 0 {
		return ""
	}
	return tcpstate.State(n - 1).String()
}

// findingWords writes findings in short: code/severity/side, with spaces between.
func findingWords(findings []record.Finding) string {
	var words []string
	for i := range findings {
		f := &findings[i]
		word := f.Code + "/" + string(f.Severity) + "/" + f.Side.String()
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// A column is one value of each row, written as a number that its kind defines. The lowest bytes of all rows come
// first, then the next ones. So equal bytes lie together, which compresses by a third better than varints.
type column struct {
	name string
	kind string
	of   func(*row) int64
	word func(p *Page, n int64) string // of word columns: what a number stands for
	addr func(*row) netip.Addr         // of address columns, which have no of
}

// The kinds of column.
const (
	kindNumber  = "number"  // not negative
	kindDelta   = "delta"   // the difference to the row before, zigzag
	kindTime    = "time"    // likewise, in units; the first row's is in the list of columns
	kindSpan    = "span"    // 0 for none, else the number of units, zigzag, and 1 more
	kindWord    = "word"    // the number of a word in the column's list
	kindAddress = "address" // the number of an address in the list before the numbers
)

func number(name string, of func(*row) int64) column {
	return column{name: name, kind: kindNumber, of: of}
}

func span(name string, of func(*row) record.Duration) column {
	return column{name: name, kind: kindSpan, of: func(r *row) int64 { return int64(of(r)) }}
}

func address(name string, of func(*row) netip.Addr) column {
	return column{name: name, kind: kindAddress, addr: of}
}

// word is a column of words that the page numbers, fixed one whose numbers have words by themselves.
func word(name string, of func(*row) uint32) column {
	return column{name: name, kind: kindWord, of: func(r *row) int64 { return int64(of(r)) },
		word: func(p *Page, n int64) string { return p.words.list[n][0] }}
}

func fixed(name string, of func(*row) uint8, word func(uint8) string) column {
	return column{name: name, kind: kindWord, of: func(r *row) int64 { return int64(of(r)) },
		word: func(_ *Page, n int64) string { return word(uint8(n)) }}
}

func sideName(n uint8) string { return record.Side(n).String() }

// columns are the columns of the table. The scripts know them by name.
var columns = []column{
	{name: "id", kind: kindDelta, of: func(r *row) int64 { return int64(r.id) }},
	number("previous", func(r *row) int64 { // how far before, 0 for none
		if r.previous == 0 {
			return 0
		}
		return int64(r.id - r.previous)
	}),
	{name: "start", kind: kindTime, of: func(r *row) int64 { return int64(r.start) }},
	span("duration", func(r *row) record.Duration { return r.duration }),
	address("client", func(r *row) netip.Addr { return r.client }),
	number("clientPort", func(r *row) int64 { return int64(r.clientPort) }),
	address("server", func(r *row) netip.Addr { return r.server }),
	number("serverPort", func(r *row) int64 { return int64(r.serverPort) }),
	word("outcome", func(r *row) uint32 { return r.outcome }),
	word("teardown", func(r *row) uint32 { return r.teardown }),
	word("endedBy", func(r *row) uint32 { return r.endedBy }),
	fixed("initiator", func(r *row) uint8 { return uint8(r.initiator) }, sideName),
	fixed("resetBy", func(r *row) uint8 { return uint8(r.resetBy) }, sideName),
	fixed("clientState", func(r *row) uint8 { return r.clientState }, stateName),
	fixed("serverState", func(r *row) uint8 { return r.serverState }, stateName),
	fixed("clientMost", func(r *row) uint8 { return r.clientMost }, stateName),
	fixed("serverMost", func(r *row) uint8 { return r.serverMost }, stateName),
	span("serverRTT", func(r *row) record.Duration { return r.serverRTT }),
	span("clientRTT", func(r *row) record.Duration { return r.clientRTT }),
	number("clientPackets", func(r *row) int64 { return int64(r.packets[0]) }),
	number("serverPackets", func(r *row) int64 { return int64(r.packets[1]) }),
	number("clientBytes", func(r *row) int64 { return int64(r.bytes[0]) }),
	number("serverBytes", func(r *row) int64 { return int64(r.bytes[1]) }),
	number("clientAgain", func(r *row) int64 { return int64(r.retransmitted[0]) }),
	number("serverAgain", func(r *row) int64 { return int64(r.retransmitted[1]) }),
	word("findings", func(r *row) uint32 { return r.findings }),
	word("encapsulation", func(r *row) uint32 { return r.encapsulation }),
}

// written is a column in the file.
type written struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Unit  int64    `json:"unit,omitempty"`  // of times and spans, in nanoseconds
	First string   `json:"first,omitempty"` // of times, in nanoseconds since 1970
	Words []string `json:"words,omitempty"` // of word columns
}

// cutTo is the unit, in nanoseconds, to which times are cut if the rows need too much room.
const cutTo record.Duration = 1000

// cut rounds a time down to a multiple of unit.
func cut(n, unit int64) int64 {
	if rest := n % unit; rest < 0 {
		return n - rest - unit
	} else {
		return n - rest
	}
}

// unit returns the longest of a nanosecond, a microsecond and a millisecond of which all times of a column are
// multiples, but at least finest.
func (c *column) unit(rows []row, finest int64) int64 {
	unit := int64(1e6)
	for i := range rows {
		for n := c.of(&rows[i]); unit > finest && n != int64(record.NoDuration) && n%unit != 0; {
			unit /= 1000
		}
	}
	return unit
}

// writeColumn appends a column to b; times are no finer than finest nanoseconds.
func (p *Page) writeColumn(b []byte, c *column, finest int64) ([]byte, written) {
	w := written{Name: c.name, Kind: c.kind}
	numbers := make([]uint64, len(p.rows))
	switch c.kind {
	case kindAddress:
		return appendAddresses(b, c, p.rows, numbers), w
	case kindTime, kindSpan:
		w.Unit = c.unit(p.rows, finest)
	}
	places := map[int64]uint64{}
	last := int64(0)
	if len(p.rows) > 0 && c.kind == kindTime {
		last = cut(c.of(&p.rows[0]), w.Unit)
		w.First = strconv.FormatInt(last, 10)
	}
	for i := range p.rows {
		n := c.of(&p.rows[i])
		switch c.kind {
		case kindWord:
			place, known := places[n]
			if !known {
				place = uint64(len(w.Words))
				places[n] = place
				w.Words = append(w.Words, c.word(p, n))
			}
			numbers[i] = place
		case kindDelta:
			numbers[i] = zigzag(n - last)
			last = n
		case kindTime:
			n = cut(n, w.Unit)
			numbers[i] = zigzag((n - last) / w.Unit)
			last = n
		case kindSpan:
			if n != int64(record.NoDuration) {
				numbers[i] = zigzag(cut(n, w.Unit)/w.Unit) + 1
			}
		default:
			numbers[i] = uint64(n)
		}
	}
	return appendPlanes(b, numbers), w
}

func zigzag(n int64) uint64 { return uint64(n)<<1 ^ uint64(n>>63) }

// appendPlanes appends how many bytes the numbers need, and then the lowest of all, the next of all, and so on.
func appendPlanes(b []byte, numbers []uint64) []byte {
	all := uint64(0)
	for _, n := range numbers {
		all |= n
	}
	size := (bits.Len64(all) + 7) / 8
	b = append(b, byte(size))
	for plane := range size {
		for _, n := range numbers {
			b = append(b, byte(n>>(8*plane)))
		}
	}
	return b
}

// appendAddresses appends the addresses of a column in order: how many are of IPv4, and the distance of each from the
// previous one; how many are of IPv6, and for each how many bytes it shares with the previous one, and its other bytes.
// Then it appends for each row the number of its address in this order.
func appendAddresses(b []byte, c *column, rows []row, numbers []uint64) []byte {
	places := map[netip.Addr]uint64{}
	for i := range rows {
		places[c.addr(&rows[i])] = 0
	}
	list := slices.SortedFunc(maps.Keys(places), netip.Addr.Compare) // IPv4 before IPv6
	v4, _ := slices.BinarySearchFunc(list, true, func(a netip.Addr, _ bool) int {
		if a.Is4() {
			return -1
		}
		return 1
	})
	b = appendVarint(b, uint64(v4))
	before := uint32(0)
	for i, a := range list[:v4] {
		places[a] = uint64(i)
		four := a.As4()
		n := binary.BigEndian.Uint32(four[:])
		b = appendVarint(b, uint64(n-before))
		before = n
	}
	b = appendVarint(b, uint64(len(list)-v4))
	var last [16]byte
	for i, a := range list[v4:] {
		places[a] = uint64(v4 + i)
		bytes := a.As16()
		shared := 0
		for shared < 15 && bytes[shared] == last[shared] {
			shared++
		}
		b = append(append(b, byte(shared)), bytes[shared:]...)
		last = bytes
	}
	for i := range rows {
		numbers[i] = places[c.addr(&rows[i])]
	}
	return appendPlanes(b, numbers)
}
