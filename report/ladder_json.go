package report

import (
	"io"

	"github.com/tcplife/tcplife/analyzer/record"
)

// WriteJSON writes the explanation as one JSON document, which Schema describes.
func (e *Explanation) WriteJSON(w io.Writer) error {
	filled := *e
	filled.Record, filled.Schema, filled.Ladders = "explanation", record.Schema, filledList(e.Ladders)
	b, err := appendRecord(nil, filled)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
