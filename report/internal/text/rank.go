package text

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A Ranking keeps the first rows of many by an order. It needs memory only for these.
type Ranking[Row any] struct {
	Limit int // rows kept; 0 for all
	Total uint64
	Rows  rankHeap[Row] // with a limit: a heap, the last of the kept on top
}

type rankedRow[Row any] struct {
	Rank
	row Row
}

// A Rank orders rows: by the sort key, then by the connection's id.
type Rank struct {
	Key int64
	ID  uint64
}

func CompareRanks(a, b Rank) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) }

// Takes reports whether a row is among the first so far.
func (r *Ranking[Row]) Takes(at Rank) bool {
	return len(r.Rows) < r.Limit || r.Limit == 0 || CompareRanks(at, r.Rows[0].Rank) < 0
}

// Offer adds a row if it is among the first. It calls row only then.
func (r *Ranking[Row]) Offer(at Rank, row func() Row) {
	r.Total++
	switch {
	case !r.Takes(at):
	case r.Limit == 0:
		r.Rows = append(r.Rows, rankedRow[Row]{at, row()})
	case len(r.Rows) < r.Limit:
		heap.Push(&r.Rows, rankedRow[Row]{at, row()})
	default:
		r.Rows[0] = rankedRow[Row]{at, row()}
		heap.Fix(&r.Rows, 0)
	}
}

// Sorted returns the rows in order. The ranking cannot be used afterwards.
func (r *Ranking[Row]) Sorted() []Row {
	slices.SortFunc(r.Rows, func(a, b rankedRow[Row]) int { return CompareRanks(a.Rank, b.Rank) })
	rows := make([]Row, len(r.Rows))
	for i := range r.Rows {
		rows[i] = r.Rows[i].row
	}
	return rows
}

type rankHeap[Row any] []rankedRow[Row]

func (h rankHeap[Row]) Len() int { return len(h) }

func (h rankHeap[Row]) Less(i, j int) bool { return CompareRanks(h[i].Rank, h[j].Rank) > 0 }

func (h rankHeap[Row]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *rankHeap[Row]) Push(row any) { *h = append(*h, row.(rankedRow[Row])) }

func (h *rankHeap[Row]) Pop() any {
	last := len(*h) - 1
	row := (*h)[last]
	*h = (*h)[:last]
	return row
}

// A SortKey is one of TableOptions.Sort, or of a List. Key grows from the first row to the last.
type SortKey struct {
	Name, Meaning string
	Key           func(*record.Connection) int64
}

var SortKeys = []SortKey{
	{"severity", "connections with errors first, then with warnings, then by id",
		func(c *record.Connection) int64 { return int64(severity(c.Findings)) }},
	{"start", "first packet, earliest first", func(c *record.Connection) int64 { return Earliest(c.Start) }},
	{"end", "last packet, earliest first", func(c *record.Connection) int64 { return Earliest(c.End) }},
	{"duration", "longest first", func(c *record.Connection) int64 { return longest(c.Duration) }},
	{"rtt", "slowest handshake first", func(c *record.Connection) int64 { return longest(HandshakeRTT(c)) }},
	{"bytes", "most payload first, both ways together",
		func(c *record.Connection) int64 { return most(c.Client.Bytes, c.Server.Bytes) }},
	{"packets", "most packets first", func(c *record.Connection) int64 {
		return most(c.Client.Packets,
			c.Server.Packets)
	}},
	{"retransmitted", "most retransmissions first", func(c *record.Connection) int64 {
		return most(c.Client.RetransmittedPackets, c.Server.RetransmittedPackets)
	}},
	{"findings", "most severe findings first, then most of them",
		func(c *record.Connection) int64 { return worst(c.Findings) }},
}

// Earliest is a key that puts unknown times last.
func Earliest(t record.Time) int64 {
	if t == record.NoTime {
		return math.MaxInt64
	}
	return int64(t)
}

// longest is a key that puts unknown durations last.
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

// severity is the rank of the worst finding; none counts as the least.
func severity(findings []record.Finding) int {
	rank := SeverityRank(record.Info)
	for i := range findings {
		rank = min(rank, SeverityRank(findings[i].Severity))
	}
	return rank
}

func SortByName(keys []SortKey, name string) (SortKey, error) {
	if name == "" {
		return keys[0], nil
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		if k.Name == name {
			return k, nil
		}
		names[i] = k.Name
	}
	return SortKey{}, fmt.Errorf("--sort: unknown value %q: it can be %s", name, strings.Join(names, ", "))
}

func DescribeSorts(keys []SortKey) []Column {
	sorts := make([]Column, len(keys))
	for i, k := range keys {
		sorts[i] = Column{k.Name, k.Meaning}
	}
	return sorts
}
