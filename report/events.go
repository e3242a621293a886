package report

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// AppendEvent appends the record of a connection, a flood or a scan as a line of JSON without its end, with the word
// for what happened as its first member, event.
func AppendEvent[R record.Connection | record.SynFlood | record.Scan](b []byte, event string, r *R) []byte {
	var e encode.Encoder
	b = append(b, `{"event":"`...)
	b = append(b, event...)
	b = append(b, `",`...)
	brace := len(b)
	switch r := any(r).(type) {
	case *record.Connection:
		b = e.AppendConnection(b, r)
	case *record.SynFlood:
		b = e.AppendSynFlood(b, r)
	case *record.Scan:
		b = e.AppendScan(b, r)
	}
	return append(b[:brace], b[brace+1:]...)
}
