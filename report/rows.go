package report

import (
	"bytes"
	"io"
	"net/netip"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// rows writes connections as lines below each other while they end. Nothing is known of those to come, so columns are as
// wide as what is usual in them; one that is wider is shortened, or else shifts its line.
type rows struct {
	columns []connectionColumn
	shown   []shownColumn
	widths  []int
	begun   bool // the header stands above
	above   bool // something else does
}

// followColumns are the default ones of a table that is written row by row. Who watches sees when a row appears, and the
// capture's packet numbers help nobody.
var followColumns = []string{"end", "client", "server", "outcome", "teardown", "fate", "states", "duration", "rtt", "client_bytes", "server_bytes", "findings"}

// followSteps make them fit a width.
var followSteps = []step{
	shorten("end"),
	shorten("client", "server"),
	shorten("states"),
	shorten("findings"),
	drop("client_bytes", "server_bytes"),
	drop("rtt"),
	replace(spareColumn, "outcome", "teardown"),
	drop("states"),
	drop("duration"),
	drop("end"),
}

// usual is a connection whose values are as wide as most are at most.
var usual = func() *record.Connection {
	const second = 1e9
	ip := netip.MustParseAddr("192.168.100.100")
	state := record.StateOrNone{State: tcpstate.Established, Known: true}
	end := record.Endpoint{IP: ip, Port: 65535, State: state, Bytes: 1e8, Packets: 1e8, RetransmittedPackets: 1e4}
	return &record.Connection{
		ID: 1e8, Duration: 3599 * second, EndedBy: record.EndClosed, Client: end, Server: end, RoleEvidence: record.RoleSynAck,
		Handshake: record.Handshake{Outcome: record.OutcomeUnreachable, ServerRTT: 123e6, ClientRTT: 123e6},
		Teardown:  record.Teardown{Kind: record.TeardownThreeSegment, Initiator: record.Client},
		Findings:  []record.Finding{{Code: "syn_retransmitted", Severity: record.Warning}},
	}
}()

func newRows(columns []connectionColumn, chosen bool, width int) *rows {
	r := &rows{columns: columns}
	g := grid{rows: [][]cell{r.cells(usual)}, empty: make([]bool, len(columns))}
	for _, c := range columns {
		g.columns = append(g.columns, gridColumn{name: c.name, header: c.header, right: c.right, spare: !chosen && c.name == spareColumn})
		if chosen {
			g.steps = append(g.steps, shorten(c.name))
		}
	}
	if !chosen {
		g.steps = followSteps
	}
	r.shown = g.fit(width)
	widths := g.widths()
	for _, s := range r.shown {
		r.widths = append(r.widths, widths[s])
	}
	return r
}

func (r *rows) cells(c *record.Connection) []cell {
	cells := make([]cell, len(r.columns))
	for i := range r.columns {
		cells[i] = r.columns[i].cell(c)
	}
	return cells
}

// write writes the row of a connection, and before the first one the header.
func (r *rows) write(w io.Writer, c *record.Connection, color bool) error {
	var out bytes.Buffer
	if !r.begun {
		if r.above {
			out.WriteByte('\n')
		}
		r.begun, r.above = true, true
		header := make([]cell, len(r.columns))
		for i, c := range r.columns {
			header[i] = cell{c.header.full, c.header.short, bold}
		}
		r.line(&out, header, color)
	}
	r.line(&out, r.cells(c), color)
	_, err := w.Write(out.Bytes())
	return err
}

func (r *rows) line(out *bytes.Buffer, cells []cell, color bool) {
	for i, s := range r.shown {
		text := s.of(cells[s.column])
		if twwidth.Width(text) > r.widths[i] {
			text = shownColumn{s.column, true}.of(cells[s.column])
		}
		padding := strings.Repeat(" ", max(r.widths[i]-twwidth.Width(text), 0))
		if color {
			text = cells[s.column].tone.paint(text)
		}
		switch last := i == len(r.shown)-1; {
		case r.columns[s.column].right:
			text = padding + text
		case !last:
			text += padding
		}
		if i > 0 {
			out.WriteString(gap)
		}
		out.WriteString(text)
	}
	out.WriteByte('\n')
}
