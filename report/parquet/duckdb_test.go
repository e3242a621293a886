package parquet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/duckdb"
	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/report"
)

// duckMoment is the format of DuckDB's moments in JSON.
var duckMoment = regexp.MustCompile(`^(-?\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00$`)

// fromDuckDB converts a row of to_json to the values of asRow.
func fromDuckDB(t testing.TB, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = fromDuckDB(t, v[name])
		}
	case []any:
		for i := range v {
			v[i] = fromDuckDB(t, v[i])
		}
	case string:
		if m := duckMoment.FindStringSubmatch(v); m != nil {
			at, err := time.Parse(time.RFC3339Nano, m[1]+"T"+m[2]+"Z")
			if err != nil {
				t.Fatal(err)
			}
			return json.Number(fmt.Sprint(at.UnixNano()))
		}
	case json.Number:
		f, err := v.Float64()
		if f == 0 {
			return json.Number("0") // DuckDB keeps the sign of zero, readers of JSON do not
		}
		if err == nil && f == float64(int64(f)) && strings.ContainsAny(v.String(), ".eE") {
			return json.Number(fmt.Sprint(int64(f)))
		}
		return numbered(t, v)
	}
	return v
}

// rowsOf returns the rows of a file as DuckDB reads them.
func rowsOf(t testing.TB, db *duckdb.DB, file string) (rows []any) {
	t.Helper()
	for _, line := range db.Rows("SELECT to_json(r)::VARCHAR FROM read_parquet('" + file + "') r") {
		var row []string
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fromDuckDB(t, parsed(t, json.RawMessage(row[0]))))
	}
	return rows
}

// DuckDB reads the same values as were written, in random records.
func TestDuckDBReadsRows(t *testing.T) {
	dir := t.TempDir()
	db := duckdb.Open(t, dir)
	duckReads[record.Connection](t, db, dir, connections())
	duckReads[record.Listener](t, db, dir, listeners())
	duckReads[record.SynFlood](t, db, dir, synFloods())
	duckReads[record.Scan](t, db, dir, scans())
	duckReads[record.Backscatter](t, db, dir, backscatter())
	duckReads[record.TimeWaitHolding](t, db, dir, timeWait())
	duckReads[record.PopulationSeries](t, db, dir, population())
	duckReads[record.Summary](t, db, dir, summary())
	duckReads[report.Capture](t, db, dir, captures())
}

func duckReads[T any](t *testing.T, db *duckdb.DB, dir string, k *kind) {
	records := make([]T, 50)
	var want []any
	for i := range records {
		records[i] = anything[T]().Example(i)
		want = append(want, fromDuckDB(t, asRow(t, records[i])))
	}
	name := k.schema.Name() + extension
	if err := os.WriteFile(filepath.Join(dir, name), written(t, k, records...), 0o666); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, rowsOf(t, db, name)); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

// A file has several row groups, pages, and columns whose dictionaries became too large.
func TestDuckDBReadsLargeFiles(t *testing.T) {
	dir := t.TempDir()
	db := duckdb.Open(t, dir)
	f, err := os.Create(filepath.Join(dir, "large.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	w := newTable(f, connections())
	var some []*record.Connection
	for _, name := range []string{"real-sockets", "close-simultaneous", "syn-flood", "half-open-data", "vxlan"} {
		readtest.Read(t, "../../testdata/pcaps/"+name+".pcap",
			func(c *record.Connection) { some = append(some, c.Clone()) })
	}
	n := groupRows + 20_000
	var sum, states uint64
	for i := range n {
		c := some[i%len(some)]
		c.ID = uint64(i)
		c.EndedBy = record.EndedBy(fmt.Sprint("reason ", i)) // too many different words for a dictionary
		if err := w.add(unsafe.Pointer(c)); err != nil {
			t.Fatal(err)
		}
		sum += c.Client.Bytes
		states += uint64(len(c.Server.States))
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got := db.Rows(`SELECT count(*), count(DISTINCT ended_by), min(id), max(id), sum(client.bytes)::BIGINT, sum(len(server.states))::BIGINT,
		(SELECT count(DISTINCT row_group_id) FROM parquet_metadata('large.parquet')) FROM 'large.parquet'`)
	want := []string{fmt.Sprintf("[%d,%d,0,%d,%d,%d,2]", n, n, n-1, sum, states)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
