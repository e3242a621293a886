package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/parquet"
)

// Format is the format of the files of connections.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// The names of the files beside the connections: all other records of the report as JSON Lines, and the summary alone.
const (
	EndingFile  = "ending.jsonl"
	SummaryFile = "summary.json"
)

// kind decides which connections go to the same file: all, or for Parquet those of an hour, as `tcplife read
// --partition` does.
func (f Format) kind(c *record.Connection) string {
	if f == JSONL {
		return "connections"
	}
	if c.Start == record.NoTime {
		const none = "__HIVE_DEFAULT_PARTITION__"
		return filepath.Join("date="+none, "hour="+none)
	}
	t := time.Unix(0, int64(c.Start)).UTC()
	return filepath.Join("date="+t.Format(time.DateOnly), "hour="+t.Format("15"))
}

// file returns the name of the nth file of a kind. The files of JSON Lines in order, and EndingFile after them, are
// what `tcplife read -o jsonl` writes.
func (f Format) file(kind string, n uint64) string {
	if f == JSONL {
		return fmt.Sprintf("%s-%05d.jsonl", kind, n)
	}
	return filepath.Join(kind, fmt.Sprintf("part-%05d.parquet", n))
}

// batches is the most batches of records of a file.
func (f Format) batches() uint64 {
	if f == JSONL {
		return 1 << 8
	}
	return 1 << 14
}

// unfinished is the prefix of the name of an incomplete file.
const unfinished = ".tcplife-beam-"

// Clean removes the incomplete files of workers that died.
func Clean(output string) error {
	return filepath.WalkDir(output, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), unfinished) {
			err = os.Remove(path)
		}
		return err
	})
}

// writeFn writes a file. The file gets its name only when it is complete, so writing it again changes nothing.
type writeFn struct{ Config Config }

func (f *writeFn) ProcessElement(_ context.Context, name string, batches func(*[]byte) bool) error {
	s, err := newSpool(batches)
	if err != nil {
		return err
	}
	defer s.close()
	path := filepath.Join(f.Config.Output, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), unfinished)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := f.write(file, name, s); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func (f *writeFn) write(w io.Writer, name string, s *spool) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var connection func(*record.Connection) error
	end := func() error { return nil }
	switch {
	case strings.HasPrefix(name, "connections"):
		lines := report.NewJSONL(out)
		lines.FlushLines = true
		connection = lines.Connection
	case strings.HasPrefix(name, "date="):
		rows := parquet.NewWriter(out)
		connection, end = rows.Connection, func() error { return rows.Finish(nil) }
	}
	var c record.Connection
	for b, err := range s.of(source{}) {
		if err != nil {
			return err
		}
		if connection == nil {
			out.Write(b)
			continue
		}
		for len(b) > 0 {
			if b, err = packedRecord.Read(b, &c); err == nil {
				err = connection(&c)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := end(); err != nil {
		return err
	}
	return out.Flush()
}
