package parquet

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/duckdb"
	"github.com/tcplife/tcplife/internal/readtest"
)

var update = flag.Bool("update", false, "add new columns to testdata/columns.txt")

// columnsNow lists all columns of all kinds of files, with their types. Whether a column can be null is not promised.
func columnsNow() (list []string) {
	for _, k := range []*kind{connections(), listeners(), synFloods(), scans(), backscatter(), timeWait(), population(),
		summary(), captures()} {
		for _, path := range k.schema.Columns() {
			leaf, _ := k.schema.Lookup(path...)
			list = append(list, fmt.Sprintf("%s %s %v", k.schema.Name(), strings.Join(path, "."), leaf.Node.Type()))
		}
	}
	return list
}

// The promise of the package: as long as the schema's number is the same, columns are only added. columns.txt has all
// columns that there ever were; -update only adds to it.
func TestColumnsStay(t *testing.T) {
	const path = "testdata/columns.txt"
	text, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := slices.Collect(strings.SplitSeq(strings.TrimSpace(string(text)), "\n"))
	now := columnsNow()
	for _, column := range known {
		if !slices.Contains(now, column) {
			t.Errorf("removed, or of another type: %s", column)
		}
	}
	var added []string
	for _, column := range now {
		if !slices.Contains(known, column) {
			added = append(added, column)
		}
	}
	switch {
	case len(added) == 0:
	case *update:
		if err := os.WriteFile(path, []byte(strings.Join(append(known, added...), "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("new columns, which become a promise (go test ./report/parquet -update):\n%s",
			strings.Join(added, "\n"))
	}
}

// without returns a struct type without the fields, at any depth, that have the given JSON names.
func without(t reflect.Type, names ...string) reflect.Type {
	if _, leaf := leaves[t]; leaf {
		return t
	}
	switch t.Kind() {
	case reflect.Pointer:
		return reflect.PointerTo(without(t.Elem(), names...))
	case reflect.Slice:
		return reflect.SliceOf(without(t.Elem(), names...))
	case reflect.Struct:
		var fields []reflect.StructField
		for f := range t.Fields() {
			if name := f.Tag.Get("json"); name != "-" && !slices.Contains(names, name) {
				fields = append(fields, reflect.StructField{Name: f.Name, Type: without(f.Type, names...), Tag: f.Tag})
			}
		}
		return reflect.StructOf(fields)
	}
	return t
}

// reduced copies the fields of a value that a reduced type has.
func reduced(to, from reflect.Value) {
	switch {
	case to.Type() == from.Type():
		to.Set(from)
	case to.Kind() == reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
			reduced(to.Elem(), from.Elem())
		}
	case to.Kind() == reflect.Slice:
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			reduced(to.Index(i), from.Index(i))
		}
	default:
		for f := range to.Type().Fields() {
			reduced(to.FieldByName(f.Name), from.FieldByName(f.Name))
		}
	}
}

// added are the fields that the older version below lacks: a column, one in a group, and one in the elements of a list.
var added = []string{"role_evidence", "ip_bytes", "evidence"}

// olderAndNewer writes the connections of a capture by a version that lacks those fields, and by this one.
func olderAndNewer(t *testing.T, dir string) (older, newer string) {
	t.Helper()
	old := without(reflect.TypeFor[record.Connection](), added...)
	l := layoutOf(old, 0, 0)
	var before, now bytes.Buffer
	b, n := newTable(&before, &kind{l, parquet.NewSchema("connections", l.node)}), newTable(&now, connections())
	readtest.Read(t, "../../testdata/pcaps/close-simultaneous.pcap", func(c *record.Connection) {
		was := reflect.New(old)
		reduced(was.Elem(), reflect.ValueOf(c).Elem())
		if err := b.add(was.UnsafePointer()); err != nil {
			t.Fatal(err)
		}
		if err := n.add(unsafe.Pointer(c)); err != nil {
			t.Fatal(err)
		}
	})
	for name, w := range map[string]*table{"older.parquet": b, "newer.parquet": n} {
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), map[*table]*bytes.Buffer{b: &before, n: &now}[w].Bytes(),
			0o666); err != nil {
			t.Fatal(err)
		}
	}
	return "older.parquet", "newer.parquet"
}

// A program with this version's columns reads files of older versions, with null for missing columns.
func TestOldFileNewReader(t *testing.T) {
	dir := t.TempDir()
	older, newer := olderAndNewer(t, dir)
	file, err := os.ReadFile(filepath.Join(dir, older))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte("ip_bytes")) {
		t.Fatal("the older file has the newer columns")
	}
	type endpoint struct {
		IP      string `parquet:"ip"`
		Bytes   int64  `parquet:"bytes"`
		IPBytes *int64 `parquet:"ip_bytes,optional"`
		States  []struct {
			State    string  `parquet:"state"`
			Evidence *string `parquet:"evidence,optional"`
		} `parquet:"states,list"`
	}
	type connection struct {
		ID           int64    `parquet:"id"`
		Client       endpoint `parquet:"client"`
		RoleEvidence *string  `parquet:"role_evidence,optional"`
	}
	rows, err := parquet.Read[connection](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows {
		if c.ID == 0 || c.Client.IP == "" || len(c.Client.States) == 0 || c.Client.States[0].State == "" {
			t.Errorf("an old column is missing: %+v", c)
		}
		if c.RoleEvidence != nil || c.Client.IPBytes != nil || c.Client.States[0].Evidence != nil {
			t.Errorf("a new column has a value: %+v", c)
		}
	}

	db := duckdb.Open(t, dir)
	got := db.Rows(fmt.Sprintf(`SELECT client.ip, client.ip_bytes, role_evidence, client.states[1].state, client.states[1].evidence
		FROM read_parquet(['%s', '%s'], union_by_name = true) ORDER BY role_evidence NULLS FIRST`, older, newer))
	want := []string{
		`["192.0.2.10",null,null,"SYN_SENT",null]`,
		`["192.0.2.10",368,"syn","SYN_SENT","seen"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("DuckDB:\n%s", diff)
	}
}
