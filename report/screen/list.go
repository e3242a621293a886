package screen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// A List keeps the first connections of many by an order, for a view that shows them while they live.
type List struct {
	key  text.SortKey
	rows text.Ranking[*record.Connection]
}

// NewList keeps at most limit connections, which is above 0, by one of the orders of ListSorts. It fails for another.
func NewList(sort string, limit int) (*List, error) {
	key, err := text.SortByName(listSorts, sort)
	return &List{key, text.Ranking[*record.Connection]{Limit: limit}}, err
}

// Offer takes a connection into consideration. It keeps a copy if the connection is among the first.
func (l *List) Offer(c *record.Connection) {
	l.rows.Offer(text.Rank{Key: l.key.Key(c), ID: c.ID}, c.Clone)
}

// Connections are the first of those offered until now, in order.
func (l *List) Connections() []*record.Connection {
	now := l.rows
	now.Rows = slices.Clone(l.rows.Rows) // for sorting spoils the heap
	return now.Sorted()
}

// ListSorts lists the orders of a List.
func ListSorts() []text.Column { return text.DescribeSorts(listSorts) }

var listSorts = slices.Concat([]text.SortKey{
	{Name: "recent", Meaning: "last packet, latest first",
		Key: func(c *record.Connection) int64 { return -text.Earliest(c.End) }},
}, text.SortKeys[1:]) // findings orders by severity, and finer

// listColumns are those of DrawList but for the times, which depend on the moment.
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
}

// DrawList draws connections as they are at a moment, one line each below a header. Where the lines are wider than
// width characters, columns are shortened or left out.
func DrawList(connections []*record.Connection, now record.Time, width int, color bool) (header string, lines []string,
	err error) {
	columns, err := text.ColumnsByName(listColumns)
	if err != nil {
		return "", nil, err
	}
	since := func(t record.Time) text.Cell { return text.Cell{Full: text.Elapsed(max(text.Between(t, now), 0))} }
	columns = slices.Insert(columns, 4,
		text.ConnectionColumn{Name: "age", Header: text.Cell{Full: "AGE"}, Right: true,
			Cell: func(c *record.Connection) text.Cell { return since(c.Start) }},
		text.ConnectionColumn{Name: "idle", Header: text.Cell{Full: "IDLE"}, Right: true,
			Cell: func(c *record.Connection) text.Cell { return since(c.End) }})
	g := text.Grid{Steps: listSteps}
	for _, c := range columns {
		g.Columns = append(g.Columns, text.GridColumn{Name: c.Name, Header: c.Header, Right: c.Right,
			Spare: c.Name == text.SpareColumn})
	}
	for _, c := range connections {
		cells := make([]text.Cell, len(columns))
		for i := range columns {
			cells[i] = columns[i].Cell(c)
		}
		g.Rows = append(g.Rows, cells)
	}
	var out bytes.Buffer
	if err := g.Draw(&out, width, color); err != nil {
		return "", nil, fmt.Errorf("draw the list of connections: %w", err)
	}
	lines = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	return lines[0], lines[1:], nil
}
