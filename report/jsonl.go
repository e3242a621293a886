package report

import (
	"bufio"
	"io"

	"github.com/tcplife/tcplife/analyzer"
)

// JSONL writes one JSON record a line (https://jsonlines.org): the connections as they come, then at the end those of
// the other kinds in the order of the document, the summary and the capture. The member "record" of each tells its kind.
type JSONL struct {
	// FlushLines hands every line to the underlying writer at once, for a reader that waits for it.
	FlushLines bool

	w   *bufio.Writer
	buf []byte
}

// NewJSONL returns a writer of JSON Lines to w.
func NewJSONL(w io.Writer) *JSONL { return &JSONL{w: bufio.NewWriterSize(w, bufferSize)} }

// Connection writes the line of a connection.
func (j *JSONL) Connection(c *analyzer.Connection) error {
	j.buf = append(appendConnection(j.buf[:0], c), '\n')
	if _, err := j.w.Write(j.buf); err != nil {
		return err
	}
	if j.FlushLines {
		return j.w.Flush()
	}
	return nil
}

// Finish writes the lines of the other records.
func (j *JSONL) Finish(e *Ending) error {
	var records []any
	for _, list := range e.lists() {
		records = append(records, list.records...)
	}
	records = append(records, filledSummary(*e.Result.Summary), filledCapture(*e.Capture))
	for _, record := range records {
		b, err := appendRecord(j.buf[:0], record)
		if err != nil {
			return err
		}
		if _, err := j.w.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return j.w.Flush()
}
