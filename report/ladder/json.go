package ladder

import (
	"io"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// WriteJSON writes the explanation as one JSON document, which Schema describes.
func (e *Explanation) WriteJSON(w io.Writer) error {
	filled := *e
	filled.Record, filled.Schema, filled.Ladders = "explanation", record.Schema, encode.FilledList(e.Ladders)
	b, err := encode.AppendRecord(nil, filled)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
