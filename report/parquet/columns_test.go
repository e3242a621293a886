package parquet

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/internal/testrun"
	"github.com/tcplife/tcplife/report"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "20") // each makes a file with all columns
	groupRows = testrun.Size(groupRows/4, groupRows)
	os.Exit(m.Run())
}

// read returns the rows of a file as JSON values, with moments in nanoseconds.
func read(t rapid.TB, file []byte) []any {
	t.Helper()
	rows, err := parquet.Read[any](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, rows).([]any)
}

// parsed encodes a value to JSON and reads it back.
func parsed(t rapid.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// asRow returns the row that a record must have: its JSON, with numbers for moments. For connections it uses
// report.JSONL.
func asRow(t rapid.TB, r any) any {
	t.Helper()
	c, is := r.(record.Connection)
	if !is {
		return numbered(t, withLists(parsed(t, r), reflect.TypeOf(r)))
	}
	var line bytes.Buffer
	w := report.NewJSONL(&line)
	w.FlushLines = true
	if err := w.Connection(&c); err != nil {
		t.Fatal(err)
	}
	return numbered(t, parsed(t, json.RawMessage(line.Bytes())))
}

var moment = regexp.MustCompile(`^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$`)

// numbered replaces the moments.
func numbered(t rapid.TB, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = numbered(t, v[name])
		}
	case []any:
		for i := range v {
			v[i] = numbered(t, v[i])
		}
	case string:
		if moment.MatchString(v) {
			at, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				t.Fatal(err)
			}
			return json.Number(fmt.Sprint(at.UnixNano()))
		}
	case json.Number: // writers format floats in different ways
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return json.Number(fmt.Sprint(f))
		}
	}
	return v
}

// withLists replaces null by an empty list or map if the record's is nil, like all writers of JSON.
func withLists(v any, t reflect.Type) any {
	switch t.Kind() {
	case reflect.Pointer:
		if v != nil {
			return withLists(v, t.Elem())
		}
	case reflect.Slice:
		list, _ := v.([]any)
		if list == nil {
			return []any{}
		}
		for i := range list {
			list[i] = withLists(list[i], t.Elem())
		}
	case reflect.Map:
		if v == nil {
			return map[string]any{}
		}
	case reflect.Struct:
		object, _ := v.(map[string]any)
		if object == nil {
			break
		}
		for f := range t.Fields() {
			if name := f.Tag.Get("json"); name != "-" {
				object[name] = withLists(object[name], f.Type)
			}
		}
	}
	return v
}

// written returns a file of records of a kind.
func written[T any](t rapid.TB, k *kind, records ...T) []byte {
	t.Helper()
	var file bytes.Buffer
	w := newTable(&file, k)
	for i := range records {
		if err := w.add(unsafe.Pointer(&records[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// A row has the members of the record's JSON, whatever their values. TestDuckDBReadsRows checks populations, because
// parquet-go does not read lists and objects in maps like other readers.
func TestRowsAreRecords(t *testing.T) {
	t.Run("connections", func(t *testing.T) { agrees[record.Connection](t, connections()) })
	t.Run("listeners", func(t *testing.T) { agrees[record.Listener](t, listeners()) })
	t.Run("syn_floods", func(t *testing.T) { agrees[record.SynFlood](t, synFloods()) })
	t.Run("scans", func(t *testing.T) { agrees[record.Scan](t, scans()) })
	t.Run("backscatter", func(t *testing.T) { agrees[record.Backscatter](t, backscatter()) })
	t.Run("time_wait", func(t *testing.T) { agrees[record.TimeWaitHolding](t, timeWait()) })
	t.Run("summary", func(t *testing.T) { agrees[record.Summary](t, summary()) })
	t.Run("capture", func(t *testing.T) { agrees[report.Capture](t, captures()) })
}

func agrees[T any](t *testing.T, k *kind) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(anything[T](), 1, 8).Draw(t, "records")
		rows := read(t, written(t, k, records...))
		if len(rows) != len(records) {
			t.Fatalf("%d rows of %d records", len(rows), len(records))
		}
		for i := range records {
			if diff := cmp.Diff(asRow(t, records[i]), numbered(t, rows[i])); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// anything generates values of any type.
func anything[T any]() *rapid.Generator[T] {
	return rapid.MakeCustom[T](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[record.Time](): rapid.OneOf(rapid.Just(record.NoTime).AsAny(),
				rapid.Just(record.Time(0)).AsAny(),
				rapid.Custom(func(t *rapid.T) record.Time {
					return record.Time(rapid.Int64Range(-1<<60, 1<<62).Draw(t,
						"ns"))
				}).AsAny()),
			reflect.TypeFor[record.Duration](): rapid.OneOf(rapid.Just(record.NoDuration).AsAny(),
				rapid.Custom(func(t *rapid.T) record.Duration {
					return record.Duration(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "ns"))
				}).AsAny()),
			reflect.TypeFor[netip.Addr](): rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("10.0.0.1"),
				netip.MustParseAddr("2001:db8::1")}).AsAny(),
			reflect.TypeFor[flows.CommunityID](): rapid.Just(flows.NewCommunityID(
				netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"))).AsAny(),
			reflect.TypeFor[record.Side](): rapid.SampledFrom([]record.Side{record.NoSide, record.Client,
				record.Server}).AsAny(),
			reflect.TypeFor[record.Answer](): rapid.SampledFrom([]record.Answer{record.Unknown, record.No,
				record.Yes}).AsAny(),
			reflect.TypeFor[tcpstate.Rule](): rapid.Custom(func(t *rapid.T) tcpstate.Rule {
				return tcpstate.Rule(rapid.IntRange(0, tcpstate.Rules-1).Draw(t, "rule"))
			}).AsAny(),
			reflect.TypeFor[tcpstate.State](): rapid.Custom(func(t *rapid.T) tcpstate.State {
				return tcpstate.State(rapid.IntRange(int(tcpstate.Closed), int(tcpstate.TimeWait)).Draw(t, "state"))
			}).AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.Float64: rapid.Float64Range(-1e9, 1e9).AsAny(), // DuckDB formats larger ones differently
			reflect.Uint64:  rapid.Uint64Range(0, 1<<53).AsAny(),
			reflect.String: rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\x00", "\xff", "a\xe2\x80b",
				"\ufffd", "日本"})).AsAny(),
		},
	})
}

// Records of captures, in files.
func TestCaptures(t *testing.T) {
	for _, path := range readtest.Captures(t, 2) {
		var file bytes.Buffer
		w := NewWriter(&file)
		var want []any
		ending := readtest.Read(t, path, func(c *record.Connection) {
			want = append(want, asRow(t, *c))
			if err := w.Connection(c); err != nil {
				t.Fatal(err)
			}
		})
		if err := w.Finish(ending); err != nil {
			t.Fatal(err)
		}
		rows := read(t, file.Bytes())
		for i := range rows {
			rows[i] = numbered(t, rows[i])
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
}

// A new field of a record becomes a column without a change here.
func TestNewFieldIsAColumn(t *testing.T) {
	type extended struct {
		record.Endpoint `json:"endpoint"`
		Options         *struct {
			MSS   *uint32          `json:"mss"`
			Since record.Time      `json:"since"`
			Kinds []tcpstate.State `json:"kinds"`
		} `json:"options"`
	}
	k := kindOf[extended]("extended")()
	mss := uint32(1460)
	with := extended{}
	with.Options = &struct {
		MSS   *uint32          `json:"mss"`
		Since record.Time      `json:"since"`
		Kinds []tcpstate.State `json:"kinds"`
	}{&mss, 17, []tcpstate.State{tcpstate.SynSent, tcpstate.Established}}
	rows := read(t, written(t, k, extended{}, with))
	want := []any{nil, map[string]any{"mss": json.Number("1460"), "since": json.Number("17"),
		"kinds": []any{"SYN_SENT", "ESTABLISHED"}}}
	for i, row := range rows {
		if diff := cmp.Diff(want[i], row.(map[string]any)["options"]); diff != "" {
			t.Error(diff)
		}
	}
}

// odd has its own JSON, for which no column is known.
type odd struct{ n int }

func (odd) MarshalJSON() ([]byte, error) { return []byte("7"), nil }

// worded has its own text.
type worded struct{ n int }

func (w worded) MarshalText() ([]byte, error) { return fmt.Append(nil, "word ", w.n), nil }

func TestTextIsAColumn(t *testing.T) {
	type row struct {
		Word worded `json:"word"`
	}
	rows := read(t, written(t, kindOf[row]("row")(), row{worded{1}}, row{worded{2}}))
	if diff := cmp.Diff([]any{map[string]any{"word": "word 1"}, map[string]any{"word": "word 2"}}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownTypesAreRefused(t *testing.T) {
	type nameless struct{ Field int }
	for _, typ := range []reflect.Type{reflect.TypeFor[odd](), reflect.TypeFor[[]odd](), reflect.TypeFor[nameless](),
		reflect.TypeFor[complex64]()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v has columns", typ)
				}
			}()
			layoutOf(typ, 0, 0)
		}()
	}
	_ = odd{}.n
}

// The columns are in the order of the record's fields.
func TestColumnOrder(t *testing.T) {
	var got []string
	for _, path := range connections().schema.Columns() {
		got = append(got, path[0])
	}
	var want []string
	for f := range reflect.TypeFor[record.Connection]().Fields() {
		if name := f.Tag.Get("json"); name != "-" {
			want = append(want, name)
		}
	}
	got = compacted(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func compacted(list []string) (out []string) {
	for i, s := range list {
		if i == 0 || s != list[i-1] {
			out = append(out, s)
		}
	}
	return out
}
