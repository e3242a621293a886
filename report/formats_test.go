package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"pgregory.net/rapid"
)

// writer is the interface of every format.
type writer interface {
	Connection(*record.Connection) error
	Finish(*Ending) error
}

// formats opens each format by its name.
var formats = map[string]func(io.Writer) writer{
	"json":  func(w io.Writer) writer { return NewJSON(w) },
	"jsonl": func(w io.Writer) writer { return NewJSONL(w) },
	"csv":   func(w io.Writer) writer { return NewCSV(w) },
	"table": func(w io.Writer) writer {
		t, err := NewTable(w, TableOptions{})
		if err != nil {
			panic(err)
		}
		return t
	},
}

// write returns connections in a format.
func write(t interface{ Fatal(...any) }, format string, connections []*record.Connection, e *Ending) string {
	var out strings.Builder
	w := formats[format](&out)
	for _, c := range connections {
		if err := w.Connection(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(e); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// emptyEnding is the ending of a capture without a packet.
func emptyEnding() *Ending {
	none := record.RTT{P50: record.NoDuration, P90: record.NoDuration, P99: record.NoDuration, Max: record.NoDuration}
	return &Ending{
		Result: &record.Result{Summary: &record.Summary{Record: "summary", Schema: record.Schema, ServerRTT: none,
			ClientRTT: none}},
		Capture: &Capture{Record: "capture", Schema: record.Schema, Files: []string{"-"}, First: record.NoTime,
			Last: record.NoTime},
	}
}

func TestJSONIsOneDocumentInOrder(t *testing.T) {
	out := write(t, "json", reporttest.Connections(), sampleEnding())
	want := []string{"connections", "embryonic", "half_open", "listeners", "syn_floods", "scans", "backscatter",
		"time_wait", "population", "summary", "capture"}
	if diff := cmp.Diff(want, members(t, out)); diff != "" {
		t.Error(diff)
	}
	var document struct {
		Connections []struct {
			ID uint64 `json:"id"`
		} `json:"connections"`
		Embryonic []uint64 `json:"embryonic"`
		HalfOpen  []uint64 `json:"half_open"`
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	for i, c := range reporttest.Connections() {
		if document.Connections[i].ID != c.ID {
			t.Errorf("connection %d is %d, want %d", i, document.Connections[i].ID, c.ID)
		}
	}
	if diff := cmp.Diff([]uint64{31}, document.Embryonic); diff != "" {
		t.Error("embryonic", diff)
	}
	if diff := cmp.Diff([]uint64{55}, document.HalfOpen); diff != "" {
		t.Error("half_open", diff)
	}
}

// members returns the names of a JSON object in their order.
func members(t *testing.T, object string) (names []string) {
	decoder := json.NewDecoder(strings.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestJSONLHasTheRecordsOfJSON(t *testing.T) {
	var document map[string]any
	if err := json.Unmarshal([]byte(write(t, "json", reporttest.Connections(), sampleEnding())),
		&document); err != nil {
		t.Fatal(err)
	}
	var want []any
	for _, kind := range []string{"connections", "listeners", "syn_floods", "scans", "time_wait", "population"} {
		want = append(want, document[kind].([]any)...)
	}
	want = append(want, document["summary"], document["capture"])
	var got []any
	lines := bufio.NewScanner(strings.NewReader(write(t, "jsonl", reporttest.Connections(), sampleEnding())))
	for lines.Scan() {
		var record map[string]any
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		got = append(got, record)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSONLFlushesLines(t *testing.T) {
	var out bytes.Buffer
	j := NewJSONL(&out)
	if err := j.Connection(reporttest.Connections()[0]); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Error("a line was flushed too early")
	}
	j.FlushLines = true
	if err := j.Connection(reporttest.Connections()[1]); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 2 {
		t.Errorf("%d lines were flushed, want 2", lines)
	}
}

// The cells of the CSV are the leaves of the JSON, and there is a column for each.
func TestCSVAgreesWithJSON(t *testing.T) {
	var header []string
	rapid.Check(t, func(t *rapid.T) {
		c := connections.Draw(t, "connection")
		if len(c.TimeWait) == 2 {
			c.TimeWait[0].Side, c.TimeWait[1].Side = record.Client, record.Server
		}
		rows, err := csv.NewReader(strings.NewReader(write(t, "csv", []*record.Connection{c}, emptyEnding()))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		header = rows[0]
		got := make(map[string]string)
		for i, name := range header {
			if rows[1][i] != "" {
				got[name] = rows[1][i]
			}
		}
		want := make(map[string]string)
		decoder := json.NewDecoder(strings.NewReader(reference(t, c)))
		decoder.UseNumber()
		var record map[string]any
		if err := decoder.Decode(&record); err != nil {
			t.Fatal(err)
		}
		flatten(want, "", record)
		for name, value := range got {
			got[name] = string([]rune(value)) // each byte that is not UTF-8 becomes U+FFFD
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
	reporttest.Golden(t, "columns.csv", strings.Join(header, "\n")+"\n")
}

// flatten puts the leaves of a connection into columns, by the rules of CSV's documentation.
func flatten(columns map[string]string, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			flatten(columns, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		var words []string
		for _, element := range value {
			element := element.(map[string]any)
			switch path {
			case "encapsulation":
				word := element["kind"].(string)
				if id, known := element["id"].(json.Number); known {
					word += ":" + id.String()
				}
				words = append(words, word)
			case "findings":
				words = append(words, element["code"].(string))
			case "client.states", "server.states", "client.withdrawn", "server.withdrawn":
				words = append(words, element["state"].(string))
			case "client.timers", "server.timers":
				words = append(words, element["kind"].(string))
			case "time_wait":
				side := element["side"].(string)
				delete(element, "side")
				flatten(columns, path+"."+side, element)
			default:
				panic("no column for " + path)
			}
		}
		flatten(columns, path, strings.Join(words, " "))
	case string:
		if value != "" && path != "record" {
			columns[path] = strings.ReplaceAll(value, "\r\n", "\n") // as encoding/csv reads it
		}
	case json.Number:
		if path != "schema" {
			columns[path] = value.String()
		}
	case bool:
		columns[path] = map[bool]string{false: "false", true: "true"}[value]
	}
}

func TestEmptyReports(t *testing.T) {
	for format := range formats {
		t.Run(format, func(t *testing.T) {
			reporttest.Golden(t, "empty."+format,
				write(t, format, nil, emptyEnding()))
		})
	}
}

func TestSameBytesTwice(t *testing.T) {
	for format := range formats {
		first, second := write(t, format, reporttest.Connections(), sampleEnding()),
			write(t, format, reporttest.Connections(), sampleEnding())
		if first != second {
			t.Errorf("%s: two runs differ", format)
		}
	}
}

// A full writer accepts some bytes and then fails.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	const many = 400 // more than the buffers hold
	for format, open := range formats {
		for _, room := range []int{0, 100, 100_000} {
			w := open(&full{room})
			var first error
			for range many {
				for _, c := range reporttest.Connections() {
					err := w.Connection(c)
					if first != nil && !errors.Is(err, errFull) {
						t.Fatalf("%s: after an error, Connection returned %v", format, err)
					}
					first = errors.Join(first, err)
				}
			}
			if err := w.Finish(sampleEnding()); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d bytes: Finish returned %v", format, room, err)
			}
		}
	}
}
