package report

import (
	"io"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// JSONL writes one JSON record a line (https://jsonlines.org): the connections as they come, then at the end those of
// the other kinds in the order of the document, the summary and the capture. The member "record" of each tells its
// kind.
type JSONL struct {
	// FlushLines writes every line to the underlying writer at once, for a reader that waits for it.
	FlushLines bool

	out     buffer
	encoder encode.Encoder
}

// NewJSONL returns a writer of JSON Lines to w.
func NewJSONL(w io.Writer) *JSONL { return &JSONL{out: newBuffer(w)} }

// Connection writes the line of a connection.
func (j *JSONL) Connection(c *record.Connection) error {
	j.out.text = append(j.encoder.AppendConnection(j.out.text, c), '\n')
	if j.FlushLines {
		return j.out.flush()
	}
	return j.out.spill()
}

// Finish writes the lines of the other records.
func (j *JSONL) Finish(e *Ending) error {
	for _, list := range e.lists() {
		for i := range list.len {
			j.out.text = append(list.append(&j.encoder, j.out.text, i), '\n')
			if err := j.out.spill(); err != nil {
				return err
			}
		}
	}
	j.out.text = append(j.encoder.AppendSummary(j.out.text, e.Result.Summary), '\n')
	text, err := encode.AppendRecord(j.out.text, filledCapture(*e.Capture))
	if err != nil {
		return err
	}
	j.out.text = append(text, '\n')
	return j.out.flush()
}

// buffer collects text for a writer. Records are appended to it in place, without a copy.
type buffer struct {
	w    io.Writer
	text []byte
	err  error // of the writer, after which nothing is written
}

// bufferSize is the size from which on the text of a buffer is written.
const bufferSize = 64 << 10

func newBuffer(w io.Writer) buffer {
	const record = 4 << 10 // most are shorter
	return buffer{w: w, text: make([]byte, 0, bufferSize+record)}
}

// spill writes the text if there is much of it.
func (b *buffer) spill() error {
	if len(b.text) < bufferSize {
		return b.err
	}
	return b.flush()
}

// flush writes the text.
func (b *buffer) flush() error {
	if b.err == nil && len(b.text) > 0 {
		_, b.err = b.w.Write(b.text)
	}
	b.text = b.text[:0]
	return b.err
}
