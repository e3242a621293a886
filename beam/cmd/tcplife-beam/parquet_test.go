package main

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// rows returns the rows of the Parquet files below a directory, by the directory of the file.
func rows(t *testing.T, dir string) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".parquet") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		list, err := parquet.ReadFile[any](name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		in, err := filepath.Rel(dir, filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		all[in] = append(all[in], list...)
	}
	return all
}

// The Parquet files have the rows that `tcplife read --partition` writes, in the same directories and the same order.
func TestParquetHoldsTheSameRows(t *testing.T) {
	names, _ := filepath.Glob(pcaps + "*.pcap")
	dir := t.TempDir()
	want, got := filepath.Join(dir, "want"), filepath.Join(dir, "got")
	args := append([]string{"read", "-o", "parquet", "--partition", want}, names...)
	out, err := exec.Command(tcplife, args...).CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "status 3") {
		t.Fatalf("%v: %s", err, out)
	}
	code, _, stderr := runs(t, "--input", pcaps+"*.pcap", "--output", got, "--format", "parquet", "--stretch", "100KiB")
	if code != 0 && code != 3 {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	w, g := rows(t, want), rows(t, got)
	connections := 0
	for in, list := range w {
		if strings.HasPrefix(in, "date=") {
			connections += len(list)
		}
		if diff := cmp.Diff(list, g[in]); diff != "" {
			t.Errorf("%s has other rows:\n%.2000s", in, diff)
		}
	}
	if len(g) != len(w) || connections < 500 {
		t.Errorf("%d directories, want %d; %d connections", len(g), len(w), connections)
	}
}
