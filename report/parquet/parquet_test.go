package parquet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// at returns the record of a connection that started at a moment.
func at(id uint64, start record.Time) *record.Connection {
	return &record.Connection{Record: "connection", Schema: record.Schema, ID: id, Start: start, End: start}
}

func nothing() *report.Ending {
	return &report.Ending{Result: &record.Result{Summary: &record.Summary{}},
		Capture: &report.Capture{Last: record.NoTime}}
}

// tree lists the files below a directory with their numbers of rows, -1 for a file that is not Parquet.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		list = append(list, fmt.Sprintf("%s %d", filepath.ToSlash(name), rowsIn(path)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func rowsIn(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return -1
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return -1
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return -1
	}
	return file.NumRows()
}

// connectionsIn removes the files of other kinds from a list.
func connectionsIn(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasPrefix(s, "_") })
}

const hour = record.Time(time.Hour)

// day is 2023-11-14T00:00:00Z.
const day = record.Time(1699920000_000000000)

func TestPartition(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "lake")
	w, err := Partition(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, start := range []record.Time{day + 22*hour, day + 22*hour + hour - 1, day + 23*hour, day + 24*hour,
		record.NoTime, -1, day + 22*hour} {
		if err := w.Connection(at(uint64(i), start)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(nothing()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"_backscatter/part-00000.parquet 0",
		"_capture/part-00000.parquet 1",
		"_listeners/part-00000.parquet 0",
		"_population/part-00000.parquet 0",
		"_scans/part-00000.parquet 0",
		"_summary/part-00000.parquet 1",
		"_syn_floods/part-00000.parquet 0",
		"_time_wait/part-00000.parquet 0",
		"date=1969-12-31/hour=23/part-00000.parquet 1",
		"date=2023-11-14/hour=22/part-00000.parquet 2", // closed when a fifth hour was opened
		"date=2023-11-14/hour=22/part-00001.parquet 1", // opened again
		"date=2023-11-14/hour=23/part-00000.parquet 1",
		"date=2023-11-15/hour=00/part-00000.parquet 1",
		"date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__/part-00000.parquet 1",
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Error(diff)
	}

	// A second writer adds files, and changes none of the existing ones.
	before, err := os.ReadFile(filepath.Join(dir, "date=2023-11-14/hour=23/part-00000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if w, err = Partition(dir); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := w.Connection(at(uint64(i), day+23*hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(nothing()); err != nil {
		t.Fatal(err)
	}
	list := tree(t, dir)
	for _, file := range []string{"date=2023-11-14/hour=23/part-00000.parquet 1",
		"date=2023-11-14/hour=23/part-00001.parquet 3", "_summary/part-00001.parquet 1"} {
		if !slices.Contains(list, file) {
			t.Errorf("%s is not among %q", file, list)
		}
	}
	after, _ := os.ReadFile(filepath.Join(dir, "date=2023-11-14/hour=23/part-00000.parquet"))
	if !bytes.Equal(before, after) {
		t.Error("a part of before has changed")
	}
}

// Several writers of one partition never use the same number.
func TestPartitionWithSeveralWriters(t *testing.T) {
	dir := t.TempDir()
	const writers, each = 8, 5
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			w, err := Partition(dir)
			for i := range each {
				if err == nil {
					err = w.Connection(at(uint64(i), day))
				}
				if err == nil {
					err = w.Rotate()
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list := tree(t, dir)
	if len(list) != writers*each {
		t.Errorf("%d files of %d: %q", len(list), writers*each, list)
	}
	for _, file := range list {
		if !strings.HasSuffix(file, " 1") {
			t.Error(file)
		}
	}
}

// A part is visible only when it is complete. Rotate completes it.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	w, err := Partition(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := w.Connection(at(uint64(i), day)); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			continue
		}
		if shown := visible(t, dir); len(shown) > 0 {
			t.Errorf("before it is complete: %q", shown)
		}
		if err := w.Rotate(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"date=2023-11-14/hour=00/part-00000.parquet 2"}, tree(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	if err := w.Finish(nothing()); err != nil {
		t.Fatal(err)
	}
	want := []string{"date=2023-11-14/hour=00/part-00000.parquet 2", "date=2023-11-14/hour=00/part-00001.parquet 2"}
	if diff := cmp.Diff(want, connectionsIn(tree(t, dir))); diff != "" {
		t.Error(diff)
	}
}

// visible returns the files that a reader of *.parquet finds.
func visible(t *testing.T, dir string) []string {
	return slices.DeleteFunc(tree(t, dir), func(s string) bool { return strings.HasPrefix(filepath.Base(s), ".") })
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a %05d.parquet") // not a format of ours
	for range 2 {                                // the second replaces the first
		w, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Connection(at(1, day)); err != nil {
			t.Fatal(err)
		}
		if err := w.Rotate(); err != nil { // no effect on a single file
			t.Fatal(err)
		}
		if err := w.Finish(nothing()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"a %05d.backscatter.parquet 0", "a %05d.capture.parquet 1", "a %05d.listeners.parquet 0", "a %05d.parquet 1",
		"a %05d.population.parquet 0",
		"a %05d.scans.parquet 0", "a %05d.summary.parquet 1", "a %05d.syn_floods.parquet 0",
		"a %05d.time_wait.parquet 0",
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Discard removes only the new files.
func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.parquet"), []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	one, err := Create(filepath.Join(dir, "old.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	many, err := Partition(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*Writer{one, many} {
		if err := w.Connection(at(1, day)); err != nil {
			t.Fatal(err)
		}
		w.Discard()
		w.Discard()
	}
	if diff := cmp.Diff([]string{"old.parquet -1"}, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// The umask decides who may read a file.
func TestFilesAreReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(nothing()); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	got, _ := os.Stat(path)
	want, _ := os.Stat(plain)
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, other files have %v", got.Mode(), want.Mode())
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(blocked, "x.parquet")); err == nil {
		t.Error("a file below a file")
	}
	if _, err := Partition(blocked); err == nil {
		t.Error("a directory that is a file")
	}
	lake := filepath.Join(dir, "lake")
	w, err := Partition(lake)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lake, "date=2023-11-14"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := w.Connection(at(1, day)); err == nil || !strings.Contains(err.Error(), "date=2023-11-14") {
		t.Errorf("a date that is a file: %v", err)
	}

	full := errors.New("no space")
	out := NewWriter(failing{full})
	err = nil
	for i := range uint64(groupRows) {
		if err = out.Connection(at(i, day)); err != nil {
			break
		}
	}
	if err == nil {
		err = out.Finish(nothing())
	}
	if !errors.Is(err, full) {
		t.Errorf("%v, not %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// The same records give the same bytes.
func TestSameBytes(t *testing.T) {
	var first []byte
	for range 3 {
		var file bytes.Buffer
		w := NewWriter(&file)
		for i := range uint64(3000) {
			if err := w.Connection(at(i, day+record.Time(i*i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(nothing()); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = file.Bytes()
		}
		if !bytes.Equal(first, file.Bytes()) {
			t.Fatal("other bytes")
		}
	}
}

// At most one row group is in memory, however long a file is.
func TestMemoryIsBounded(t *testing.T) {
	w := NewWriter(new(counter))
	c := at(0, day)
	c.Findings = []record.Finding{{Code: "code"}}
	var noise [128]byte // does not compress
	random := rand.NewChaCha8([32]byte{})
	grow := func(rows int) uint64 {
		for range rows {
			c.ID++
			c.Start += 1e6
			random.Read(noise[:])
			c.Findings[0].Detail = hex.EncodeToString(noise[:])
			if err := w.Connection(c); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.GC() // the first does not empty pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const mib = 1 << 20
	early := grow(groupRows - 1) // when most is in memory
	late := grow(2 * groupRows)
	runtime.KeepAlive(w)
	if late > early+4*mib {
		t.Errorf("%d MiB after one row group, %d MiB after three", early/mib, late/mib)
	}
	if early > 96*mib {
		t.Errorf("%d MiB for a row group", early/mib)
	}
}

// Rows with many values end a row group sooner.
func TestGroupsAreBoundedInBytes(t *testing.T) {
	var file bytes.Buffer
	w := newTable(&file, connections())
	c := at(1, day)
	c.Findings = []record.Finding{{Code: "code", Detail: strings.Repeat("long ", groupBytes/50)}}
	const rows = 12
	for range rows {
		if err := w.add(unsafe.Pointer(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.RowGroups()) != 2 || f.NumRows() != rows {
		t.Errorf("%d rows in %d row groups", f.NumRows(), len(f.RowGroups()))
	}
}

// A program that does not ask for Parquet does not link it.
func TestParquetIsLinkedOnlyIfUsed(t *testing.T) {
	const root = "github.com/tcplife/tcplife"
	for _, pkg := range []string{root, root + "/analyzer", root + "/report", root + "/report/zeek"} {
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatalf("%s: %v", pkg, err)
		}
		if strings.Contains(string(out), "parquet") {
			t.Errorf("%s links Parquet", pkg)
		}
	}
}
