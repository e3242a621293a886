// Package parquet writes reports as Apache Parquet files, for DuckDB, ClickHouse, Spark and others.
//
// A file of connections has one row for each. Its columns are the fields of the record, with the same names and in the
// same order as in JSON: an object is a group (client.ip), a list is a list (client.states, findings), and null is
// null. Moments are timestamps in nanoseconds, in UTC; durations are seconds. Files are compressed with zstd.
//
// # How the columns change
//
// The schema is as stable as the JSON records. As long as its number (tcplife.schema in the file's metadata) is the
// same, columns are only added: none is renamed or removed, and none changes its type. So a program that reads files of
// this version reads files of later versions. A query over old and new files sees null if an old file lacks a column;
// DuckDB needs union_by_name = true for that.
package parquet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

var schemaNumber = strconv.Itoa(record.Schema)

// Writer writes connections when they end, and at the end the other records to separate files. Its memory is bounded.
type Writer struct {
	parts  *parts                     // of connections, by the hour; nil if there is one table
	table  *table                     // of connections; nil with parts
	file   *file                      // of the table; nil if NewWriter made it
	beside func(*kind) (*file, error) // begins a file of other records; nil: they are left out
}

// NewWriter returns a writer of connections to w. The other records are left out.
func NewWriter(w io.Writer) *Writer { return &Writer{table: newTable(w, connections())} }

// Create returns a writer of connections to a file, such as web.parquet, and of other records to files beside it, such
// as web.listeners.parquet. Each file appears when it is complete, and replaces an existing one. Create fails for a
// device, a pipe or a directory, which must not be replaced.
func Create(path string) (*Writer, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	dir, name := filepath.Split(path)
	f, err := create(dir, name)
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(name, extension)
	return &Writer{
		table:  newTable(f, connections()),
		file:   f,
		beside: func(k *kind) (*file, error) { return create(dir, stem+"."+k.schema.Name()+extension) },
	}, nil
}

// Partition returns a writer of connections to files in a directory, by the hour (UTC) in which they started, such as
// date=2023-11-14/hour=22/part-00000.parquet, and of other records to _listeners/part-00000.parquet and so on. Each
// file appears when it is complete, and gets the next free number, so that existing files stay.
func Partition(dir string) (*Writer, error) {
	p, err := newParts(dir)
	if err != nil {
		return nil, err
	}
	return &Writer{
		parts:  p,
		beside: func(k *kind) (*file, error) { return createPart(filepath.Join(dir, "_"+k.schema.Name())) },
	}, nil
}

// Connection adds the row of a connection.
func (w *Writer) Connection(c *record.Connection) error {
	if w.parts != nil {
		return w.parts.add(c)
	}
	return w.table.add(unsafe.Pointer(c))
}

// Rotate completes the unfinished files of a partition, so that they can be read. Later connections go to new files.
func (w *Writer) Rotate() error {
	if w.parts == nil {
		return nil
	}
	return w.parts.close()
}

// Finish completes all files.
func (w *Writer) Finish(e *report.Ending) error {
	if w.parts != nil {
		if err := w.parts.close(); err != nil {
			return err
		}
	} else if err := w.table.close(); err != nil {
		return err
	}
	if w.file != nil {
		if err := w.file.complete(); err != nil {
			return err
		}
	}
	if w.beside == nil {
		return nil
	}
	r := e.Result
	return errors.Join(
		writeBeside(w, listeners(), r.Listeners),
		writeBeside(w, synFloods(), r.SynFloods),
		writeBeside(w, scans(), r.Scans),
		writeBeside(w, backscatter(), r.Backscatter),
		writeBeside(w, timeWait(), r.TimeWait),
		writeBeside(w, population(), r.Population),
		writeBeside(w, summary(), []record.Summary{*r.Summary}),
		writeBeside(w, captures(), []report.Capture{*e.Capture}),
	)
}

// writeBeside writes a file of other records, even if there are none.
func writeBeside[T any](w *Writer, k *kind, records []T) error {
	f, err := w.beside(k)
	if err != nil {
		return err
	}
	defer f.discard()
	t := newTable(f, k)
	for i := range records {
		if err := t.add(unsafe.Pointer(&records[i])); err != nil {
			return err
		}
	}
	if err := t.close(); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f.complete()
}

// Discard removes the incomplete files. After Finish there are none.
func (w *Writer) Discard() {
	if w.file != nil {
		w.file.discard()
	}
	if w.parts != nil {
		w.parts.discard()
	}
}
