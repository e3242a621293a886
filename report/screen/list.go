package screen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// A List keeps the first of many connections in some order, for a view of the connections that are alive.
type List struct {
	key  text.SortKey
	rows text.Ranking[*record.Connection]
}

// NewList returns a List of at most limit connections, which must be above 0, in one of the orders of ListSorts.
func NewList(sort string, limit int) (*List, error) {
	key, err := text.SortByName(listSorts, sort)
	return &List{key, text.Ranking[*record.Connection]{Limit: limit}}, err
}

// Offer considers a connection. It keeps a copy if the connection is among the first.
func (l *List) Offer(c *record.Connection) {
	l.rows.Offer(text.Rank{Key: l.key.Key(c), ID: c.ID}, c.Clone)
}

// Connections returns the first connections until now, in order.
func (l *List) Connections() []*record.Connection {
	now := l.rows
	now.Rows = slices.Clone(l.rows.Rows) // sorting would spoil the heap
	return now.Sorted()
}

// ListSorts lists the orders of a List.
func ListSorts() []text.Column { return text.DescribeSorts(listSorts) }

var listSorts = slices.Concat([]text.SortKey{
	{Name: "recent", Meaning: "last packet, latest first",
		Key: func(c *record.Connection) int64 { return -text.Earliest(c.End) }},
}, text.SortKeys[1:]) // without the first, because findings sorts by severity too

// listColumns are the columns of DrawList, without the times, which depend on the moment, and without clientIP.
var listColumns = []string{"id", "client", "server", "states", "rtt", "client_bytes", "server_bytes", "retransmitted",
	"outcome", "teardown", "fate", "findings"}

var listSteps = []text.Step{
	text.Drop("retransmitted"),
	text.Shorten("client", "server"),
	text.Shorten("states"),
	text.Replace(text.SpareColumn, "outcome", "teardown"),
	text.Shorten("findings"),
	text.Drop("id"),
	text.Drop("rtt"),
	text.Drop("client_bytes", "server_bytes"),
	text.Drop("age"),
	text.Drop("findings"),
	text.Drop("idle"),
	text.Replace(clientIP, "client"),
	text.Drop("states"),
	text.Drop(text.SpareColumn),
}

// clientIP is a column that replaces the client if there is no room for its port.
const clientIP = "client_ip"

// sortColumns are the columns that an order of the list uses. They are shown even in a narrow list.
var sortColumns = map[string][]string{
	"recent": {"idle"}, "start": {"age"}, "end": {"idle"}, "duration": {"duration"}, "rtt": {"rtt"},
	"bytes": {"client_bytes", "server_bytes"}, "packets": {"client_packets", "server_packets"},
	"retransmitted": {"retransmitted"}, "findings": {"findings"},
}

// usual are the usual widths of a column, in full and shortened. A wider value, such as an IPv6 address, moves the
// columns after it once.
var usual = map[string][2]int{
	"id": {5, 5}, "client": {17, 17}, "server": {17, 17}, "states": {23, 15}, "age": {5, 5}, "idle": {5, 5},
	"duration": {6, 6}, "rtt": {6, 6}, "client_bytes": {6, 6}, "server_bytes": {6, 6}, "client_packets": {7, 7},
	"server_packets": {7, 7}, "retransmitted": {5, 5}, "outcome": {12, 12}, "teardown": {13, 13}, "fate": {13, 13},
	"findings": {24, 24}, clientIP: {15, 15},
}

// Layout keeps the columns of a list in place from one frame to the next. They begin with their usual widths, and until
// the width of the list or its order changes, none becomes narrower, and none that was shortened or left out comes
// back. The zero value is for a first frame.
type Layout struct {
	width       int
	sort        string
	full, short []int // the widest cells of each column so far
}

// DrawList draws connections at a moment, one line for each, below a header. If the lines are wider than width
// characters, columns are shortened or left out, but not those that sort uses.
func (l *Layout) DrawList(connections []*record.Connection, now record.Time, sort string, width int, color bool) (
	header string, lines []string, err error) {
	var more []string
	for _, c := range sortColumns[sort] {
		if c != "age" && c != "idle" && !slices.Contains(listColumns, c) {
			more = append(more, c)
		}
	}
	names := slices.Insert(slices.Clone(listColumns), 4, more...)
	columns, err := text.ColumnsByName(names)
	if err != nil {
		return "", nil, err
	}
	since := func(t record.Time) text.Cell { return text.Cell{Full: text.Elapsed(max(text.Between(t, now), 0))} }
	columns = slices.Insert(columns, 4,
		text.ConnectionColumn{Name: "age", Header: text.Cell{Full: "AGE"}, Right: true,
			Cell: func(c *record.Connection) text.Cell { return since(c.Start) }},
		text.ConnectionColumn{Name: "idle", Header: text.Cell{Full: "IDLE"}, Right: true,
			Cell: func(c *record.Connection) text.Cell { return since(c.End) }})
	columns = slices.Insert(columns, 1,
		text.ConnectionColumn{Name: clientIP, Header: text.Cell{Full: "CLIENT"},
			Cell: func(c *record.Connection) text.Cell { return text.Cell{Full: text.ShortIP(c.Client.IP)} }})
	g := text.Grid{}
	for _, s := range listSteps {
		g.Steps = append(g.Steps, s.Without(sortColumns[sort]))
	}
	for _, c := range columns {
		g.Columns = append(g.Columns, text.GridColumn{Name: c.Name, Header: c.Header, Right: c.Right,
			Spare: c.Name == text.SpareColumn || c.Name == clientIP})
	}
	for _, c := range connections {
		cells := make([]text.Cell, len(columns))
		for i := range columns {
			cells[i] = columns[i].Cell(c)
		}
		g.Rows = append(g.Rows, cells)
	}
	l.keep(&g, sort, width)
	var out bytes.Buffer
	if err := g.Draw(&out, width, color); err != nil {
		return "", nil, fmt.Errorf("draw the list of connections: %w", err)
	}
	lines = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	return lines[0], lines[1 : len(lines)-1], nil
}

// keep appends a row with the widest cells so far, so that the grid is drawn as before. The row is not shown.
func (l *Layout) keep(g *text.Grid, sort string, width int) {
	full, short := g.Widths()
	if l.width != width || l.sort != sort || len(l.full) != len(full) {
		*l = Layout{width: width, sort: sort}
		for _, c := range g.Columns {
			l.full, l.short = append(l.full, usual[c.Name][0]), append(l.short, usual[c.Name][1])
		}
	}
	row := make([]text.Cell, len(full))
	for i := range row {
		l.full[i], l.short[i] = max(l.full[i], full[i]), max(l.short[i], short[i])
		row[i] = text.Cell{Full: strings.Repeat("x", l.full[i]), Short: strings.Repeat("x", l.short[i])}
	}
	g.Rows = append(g.Rows, row)
}

// Count writes a number with a comma between its thousands.
func Count(n uint64) string { return text.Count(n) }
