package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A List keeps the first connections of many by an order, for a view that shows them while they live.
type List struct {
	key  sortKey
	rows ranking[*record.Connection]
}

// NewList keeps at most limit connections, which is above 0, by one of the orders of ListSorts. It fails for another.
func NewList(sort string, limit int) (*List, error) {
	key, err := sortByName(listSorts, sort)
	return &List{key, ranking[*record.Connection]{limit: limit}}, err
}

// Offer takes a connection into consideration. It keeps a copy if the connection is among the first.
func (l *List) Offer(c *record.Connection) {
	l.rows.offer(rank{l.key.key(c), c.ID}, func() *record.Connection { return cloneConnection(c) })
}

// Connections are the first of those offered until now, in order.
func (l *List) Connections() []*record.Connection {
	now := l.rows
	now.rows = slices.Clone(l.rows.rows) // for sorting spoils the heap
	return now.sorted()
}

// ListSorts lists the orders of a List.
func ListSorts() []Column { return describeSorts(listSorts) }

var listSorts = slices.Concat([]sortKey{
	{"recent", "last packet, latest first", func(c *record.Connection) int64 { return -earliest(c.End) }},
}, sortKeys)

// listColumns are those of DrawList but for the times, which depend on the moment.
var listColumns = []string{"id", "client", "server", "states", "rtt", "client_bytes", "server_bytes", "retransmitted", "outcome", "teardown", "fate", "findings"}

var listSteps = []step{
	drop("retransmitted"),
	shorten("client", "server"),
	shorten("states"),
	replace(spareColumn, "outcome", "teardown"),
	shorten("findings"),
	drop("id"),
	drop("rtt"),
	drop("client_bytes", "server_bytes"),
	drop("age"),
	drop("findings"),
}

// DrawList draws connections as they are at a moment, one line each below a header. Where the lines are wider than width
// characters, columns are shortened or left out.
func DrawList(connections []*record.Connection, now record.Time, width int, color bool) (header string, lines []string, err error) {
	columns, err := columnsByName(listColumns)
	if err != nil {
		return "", nil, err
	}
	since := func(t record.Time) cell { return cell{full: elapsed(max(between(t, now), 0))} }
	columns = slices.Insert(columns, 4,
		connectionColumn{name: "age", header: cell{full: "AGE"}, right: true, cell: func(c *record.Connection) cell { return since(c.Start) }},
		connectionColumn{name: "idle", header: cell{full: "IDLE"}, right: true, cell: func(c *record.Connection) cell { return since(c.End) }})
	g := grid{steps: listSteps}
	for _, c := range columns {
		g.columns = append(g.columns, gridColumn{name: c.name, header: c.header, right: c.right, spare: c.name == spareColumn})
	}
	for _, c := range connections {
		cells := make([]cell, len(columns))
		for i := range columns {
			cells[i] = columns[i].cell(c)
		}
		g.rows = append(g.rows, cells)
	}
	var out bytes.Buffer
	if err := g.draw(&out, width, color); err != nil {
		return "", nil, fmt.Errorf("draw the list of connections: %w", err)
	}
	lines = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	return lines[0], lines[1:], nil
}
