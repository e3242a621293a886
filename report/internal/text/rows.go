package text

import (
	"bytes"
	"io"
	"net/netip"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Rows writes connections as rows while they end. The later rows are unknown, so columns have the width of usual
// values; a wider value is shortened, or else shifts its line.
type Rows struct {
	columns []ConnectionColumn
	shown   []shownColumn
	widths  []int
	Begun   bool // the header stands above
	Above   bool // something other than the header stands above
}

// FollowColumns are the default columns of a table that is written row by row. They lack the start, because the reader
// sees when a row appears, and the packet numbers of a live capture, which are of no use.
var FollowColumns = []string{"end", "client", "server", "outcome", "teardown", "fate", "states", "duration", "rtt",
	"client_bytes", "server_bytes", "findings"}

// followSteps make them fit a width.
var followSteps = []Step{
	Shorten("end"),
	Shorten("client", "server"),
	Shorten("states"),
	Shorten("findings"),
	Drop("client_bytes", "server_bytes"),
	Drop("rtt"),
	Replace(SpareColumn, "outcome", "teardown"),
	Drop("states"),
	Drop("duration"),
	Drop("end"),
}

// usual is a connection whose values are about as wide as the widest usual ones.
var usual = func() *record.Connection {
	const second = 1e9
	ip := netip.MustParseAddr("192.168.100.100")
	state := record.StateOrNone{State: tcpstate.Established, Known: true}
	end := record.Endpoint{IP: ip, Port: 65535, State: state, Bytes: 1e8, Packets: 1e8, RetransmittedPackets: 1e4}
	return &record.Connection{
		ID: 1e8, Duration: 3599 * second, EndedBy: record.EndClosed, Client: end, Server: end,
		RoleEvidence: record.RoleSynAck,
		Handshake:    record.Handshake{Outcome: record.OutcomeUnreachable, ServerRTT: 123e6, ClientRTT: 123e6},
		Teardown:     record.Teardown{Kind: record.TeardownThreeSegment, Initiator: record.Client},
		Findings:     []record.Finding{{Code: "syn_retransmitted", Severity: record.Warning}},
	}
}()

func NewRows(columns []ConnectionColumn, chosen bool, width int) *Rows {
	r := &Rows{columns: columns}
	g := Grid{Rows: [][]Cell{r.cells(usual)}, empty: make([]bool, len(columns))}
	for _, c := range columns {
		g.Columns = append(g.Columns, GridColumn{Name: c.Name, Header: c.Header, Right: c.Right, Spare: !chosen &&
			c.Name == SpareColumn})
		if chosen {
			g.Steps = append(g.Steps, Shorten(c.Name))
		}
	}
	if !chosen {
		g.Steps = followSteps
	}
	r.shown = g.fit(width)
	widths := g.widths()
	for _, s := range r.shown {
		r.widths = append(r.widths, widths[s])
	}
	return r
}

func (r *Rows) cells(c *record.Connection) []Cell {
	cells := make([]Cell, len(r.columns))
	for i := range r.columns {
		cells[i] = r.columns[i].Cell(c)
	}
	return cells
}

// Write writes the row of a connection, and before the first one the header.
func (r *Rows) Write(w io.Writer, c *record.Connection, color bool) error {
	var out bytes.Buffer
	if !r.Begun {
		if r.Above {
			out.WriteByte('\n')
		}
		r.Begun, r.Above = true, true
		header := make([]Cell, len(r.columns))
		for i, c := range r.columns {
			header[i] = Cell{c.Header.Full, c.Header.Short, Bold}
		}
		r.line(&out, header, color)
	}
	r.line(&out, r.cells(c), color)
	_, err := w.Write(out.Bytes())
	return err
}

func (r *Rows) line(out *bytes.Buffer, cells []Cell, color bool) {
	for i, s := range r.shown {
		text := s.of(cells[s.column])
		if twwidth.Width(text) > r.widths[i] {
			text = shownColumn{column: s.column, short: true}.of(cells[s.column])
		}
		padding := strings.Repeat(" ", max(r.widths[i]-twwidth.Width(text), 0))
		if color {
			text = cells[s.column].Tone.Paint(text)
		}
		switch last := i == len(r.shown)-1; {
		case r.columns[s.column].Right:
			text = padding + text
		case !last:
			text += padding
		}
		if i > 0 {
			out.WriteString(Gap)
		}
		out.WriteString(text)
	}
	out.WriteByte('\n')
}
