package compared

import (
	"io"

	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Ending is what is known at the end of a comparison.
type Ending struct {
	Points     []result.Point
	Path       []result.Stretch
	Comparison result.Comparison
}

// spillSize is the size from which buffered text is written.
const spillSize = 64 << 10

// writer collects text.
type writer struct {
	w       io.Writer
	encoder encode.Encoder
	text    []byte
}

func (o *writer) spill(least int) error {
	if len(o.text) < least {
		return nil
	}
	_, err := o.w.Write(o.text)
	o.text = o.text[:0]
	return err
}

// JSON writes one document, which the schema describes as comparison_document.
type JSON struct {
	writer
	some bool
}

// NewJSON returns a writer of one JSON document to w.
func NewJSON(w io.Writer) *JSON { return &JSON{writer: writer{w: w}} }

// Connection writes a connection as the next element of compared.
func (j *JSON) Connection(c *result.Compared) error {
	if j.some {
		j.text = append(j.text, ",\n"...)
	} else {
		j.text = append(j.text, "{\"compared\":[\n"...)
	}
	j.some = true
	j.text = j.encoder.AppendCompared(j.text, c)
	return j.spill(spillSize)
}

// Finish writes the other members and ends the document.
func (j *JSON) Finish(e *Ending) error {
	if !j.some {
		j.text = append(j.text, "{\"compared\":["...)
	}
	j.text = append(j.text, "],\n\"points\":["...)
	for i := range e.Points {
		j.text = j.encoder.AppendPoint(encode.AppendComma(j.text, i), &e.Points[i])
	}
	j.text = append(j.text, "],\n\"path\":["...)
	for i := range e.Path {
		j.text = j.encoder.AppendStretch(encode.AppendComma(j.text, i), &e.Path[i])
	}
	j.text = append(j.text, "],\n\"comparison\":"...)
	j.text = append(j.encoder.AppendComparison(j.text, &e.Comparison), "}\n"...)
	return j.spill(0)
}

// JSONL writes one JSON record on each line: the connections as they end, then the points, the stretches of the path,
// and the sum. The member "record" of each tells its kind.
type JSONL struct{ writer }

// NewJSONL returns a writer of JSON Lines to w.
func NewJSONL(w io.Writer) *JSONL { return &JSONL{writer{w: w}} }

// Connection writes the line of a connection.
func (j *JSONL) Connection(c *result.Compared) error {
	j.text = append(j.encoder.AppendCompared(j.text, c), '\n')
	return j.spill(spillSize)
}

// Finish writes the lines of the other records.
func (j *JSONL) Finish(e *Ending) error {
	for i := range e.Points {
		j.text = append(j.encoder.AppendPoint(j.text, &e.Points[i]), '\n')
	}
	for i := range e.Path {
		j.text = append(j.encoder.AppendStretch(j.text, &e.Path[i]), '\n')
	}
	j.text = append(j.encoder.AppendComparison(j.text, &e.Comparison), '\n')
	return j.spill(0)
}

// WriteLadderJSON writes a ladder as one JSON document.
func WriteLadderJSON(w io.Writer, l *result.ComparedLadder) error {
	_, err := w.Write(append(new(encode.Encoder).AppendComparedLadder(nil, l), '\n'))
	return err
}
