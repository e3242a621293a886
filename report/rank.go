package report

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A ranking keeps the first rows of many by an order, in memory for those alone.
type ranking[Row any] struct {
	limit int // rows kept; 0 for all
	total uint64
	rows  rankHeap[Row] // with a limit: a heap, the last of the kept on top
}

type rankedRow[Row any] struct {
	rank
	row Row
}

// A rank orders rows: by the sort key, then by the connection's id.
type rank struct {
	key int64
	id  uint64
}

func compareRanks(a, b rank) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id)) }

// offer adds a row if it is among the first; only then is it made.
func (r *ranking[Row]) offer(at rank, row func() Row) {
	r.total++
	switch {
	case r.limit == 0:
		r.rows = append(r.rows, rankedRow[Row]{at, row()})
	case len(r.rows) < r.limit:
		heap.Push(&r.rows, rankedRow[Row]{at, row()})
	case compareRanks(at, r.rows[0].rank) < 0:
		r.rows[0] = rankedRow[Row]{at, row()}
		heap.Fix(&r.rows, 0)
	}
}

// sorted returns the rows in order. The ranking can not be used afterwards.
func (r *ranking[Row]) sorted() []Row {
	slices.SortFunc(r.rows, func(a, b rankedRow[Row]) int { return compareRanks(a.rank, b.rank) })
	rows := make([]Row, len(r.rows))
	for i := range r.rows {
		rows[i] = r.rows[i].row
	}
	return rows
}

type rankHeap[Row any] []rankedRow[Row]

func (h rankHeap[Row]) Len() int { return len(h) }

func (h rankHeap[Row]) Less(i, j int) bool { return compareRanks(h[i].rank, h[j].rank) > 0 }

func (h rankHeap[Row]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *rankHeap[Row]) Push(row any) { *h = append(*h, row.(rankedRow[Row])) }

func (h *rankHeap[Row]) Pop() any {
	last := len(*h) - 1
	row := (*h)[last]
	*h = (*h)[:last]
	return row
}

// A sortKey is one of TableOptions.Sort, or of a List. Its key grows from the first row to the last.
type sortKey struct {
	name, meaning string
	key           func(*record.Connection) int64
}

var sortKeys = []sortKey{
	{"start", "first packet, earliest first", func(c *record.Connection) int64 { return earliest(c.Start) }},
	{"end", "last packet, earliest first", func(c *record.Connection) int64 { return earliest(c.End) }},
	{"duration", "longest first", func(c *record.Connection) int64 { return longest(c.Duration) }},
	{"rtt", "slowest handshake first", func(c *record.Connection) int64 { return longest(handshakeRTT(c)) }},
	{"bytes", "most payload first, both ways together", func(c *record.Connection) int64 { return most(c.Client.Bytes, c.Server.Bytes) }},
	{"packets", "most packets first", func(c *record.Connection) int64 { return most(c.Client.Packets, c.Server.Packets) }},
	{"retransmitted", "most retransmissions first", func(c *record.Connection) int64 {
		return most(c.Client.RetransmittedPackets, c.Server.RetransmittedPackets)
	}},
	{"findings", "most severe findings first, then most of them", func(c *record.Connection) int64 { return worst(c.Findings) }},
}

// earliest puts the unknown last.
func earliest(t record.Time) int64 {
	if t == record.NoTime {
		return math.MaxInt64
	}
	return int64(t)
}

// longest puts the unknown last.
func longest(d record.Duration) int64 {
	if d == record.NoDuration {
		return math.MaxInt64
	}
	return -int64(d)
}

func most(client, server uint64) int64 {
	sum := client + server
	if sum < client || sum > math.MaxInt64 {
		sum = math.MaxInt64
	}
	return -int64(sum)
}

// worst compares the number of errors, then of warnings, then of the rest; each counts up to a million.
func worst(findings []record.Finding) int64 {
	const limit = 1 << 20
	var key int64
	for _, n := range countSeverities(findings) {
		key = key*limit + min(int64(n), limit-1)
	}
	return -key
}

func sortByName(keys []sortKey, name string) (sortKey, error) {
	if name == "" {
		return keys[0], nil
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		if k.name == name {
			return k, nil
		}
		names[i] = k.name
	}
	return sortKey{}, fmt.Errorf("unknown sort key %q: it must be one of %s", name, strings.Join(names, ", "))
}

// TableSorts lists what TableOptions.Sort can be.
func TableSorts() []Column { return describeSorts(sortKeys) }

func describeSorts(keys []sortKey) []Column {
	sorts := make([]Column, len(keys))
	for i, k := range keys {
		sorts[i] = Column{k.name, k.meaning}
	}
	return sorts
}
