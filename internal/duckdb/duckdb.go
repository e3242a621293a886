// Package duckdb runs queries in a real DuckDB, for tests of files that DuckDB reads.
package duckdb

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

//go:embed query.py
var program string

// DB is a DuckDB whose relative paths begin at a directory.
type DB struct {
	t       testing.TB
	queries io.Writer
	answers *bufio.Reader
}

// Open starts a DuckDB, from bin/duckdb, where `make test-all` installs it, or from the Python in PATH. If there is
// none, it skips the test.
func Open(t testing.TB, dir string) *DB {
	t.Helper()
	python := find()
	if python == "" {
		t.Skip("NOT TESTED: DuckDB is not installed (make test-all installs it; or pip install duckdb)")
	}
	cmd := exec.Command(python, "-c", program)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	queries, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { queries.Close(); cmd.Wait() })
	return &DB{t, queries, bufio.NewReader(answers)}
}

// find returns a Python that has DuckDB, "" if there is none.
var find = sync.OnceValue(func() string {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return ""
	}
	for _, python := range []string{filepath.Join(string(bytes.TrimSpace(root)), "bin/duckdb/bin/python"), "python3"} {
		if exec.Command(python, "-c", "import duckdb").Run() == nil {
			return python
		}
	}
	return ""
})

// Rows returns the rows of a query, each as a JSON array. Moments are strings.
func (db *DB) Rows(query string) []string {
	db.t.Helper()
	line, err := json.Marshal(query)
	if err != nil {
		db.t.Fatal(err)
	}
	if _, err := db.queries.Write(append(line, '\n')); err != nil {
		db.t.Fatalf("DuckDB: %v", err)
	}
	answer, err := db.answers.ReadBytes('\n')
	if err != nil {
		db.t.Fatalf("read DuckDB's answer: %v", err)
	}
	var rows struct {
		Error string
		Rows  []json.RawMessage
	}
	if err := json.Unmarshal(answer, &rows); err != nil {
		db.t.Fatalf("DuckDB answers %s: %v", answer, err)
	}
	if rows.Error != "" {
		db.t.Fatalf("DuckDB: %s\n%s", rows.Error, query)
	}
	var lines []string
	for _, row := range rows.Rows {
		lines = append(lines, string(row))
	}
	return lines
}
