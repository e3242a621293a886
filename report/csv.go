package report

import (
	"encoding/csv"
	"io"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// CSV writes a header and one row for each connection (RFC 4180, but with lines that end in a single LF, as
// encoding/csv writes them). Other records are left out.
//
// A column has the name of its place in the JSON record, with dots (client.ip, handshake.server_rtt_s), and the same
// value; what is null there is empty here. Lists become words with spaces between: encapsulation is "vlan:12 vxlan:42",
// client.states and client.withdrawn "SYN_SENT ESTABLISHED", client.timers "syn rto", findings the codes. The entries
// of time_wait have columns by their side, as time_wait.client.entered. Columns keep their order; new ones come last.
type CSV struct {
	// FlushLines writes every row to the underlying writer at once, for a reader that waits for it.
	FlushLines bool

	w       *csv.Writer
	started bool
	buf     []byte
	ends    []int // of the fields in buf
	row     []string
}

// NewCSV returns a writer of CSV to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Connection writes the row of a connection.
func (v *CSV) Connection(c *record.Connection) error {
	if err := v.header(); err != nil {
		return err
	}
	v.buf, v.ends = v.buf[:0], v.ends[:0]
	for _, column := range csvColumns {
		start := len(v.buf)
		v.buf = column.append(v.buf, c)
		if string(v.buf[start:]) == "null" { // no string of a record is that word
			v.buf = v.buf[:start]
		}
		v.ends = append(v.ends, len(v.buf))
	}
	if v.FlushLines {
		defer v.w.Flush()
	}
	v.row = v.row[:0]
	line, start := string(v.buf), 0
	for _, end := range v.ends {
		v.row = append(v.row, line[start:end])
		start = end
	}
	return v.w.Write(v.row)
}

// Finish writes the buffered rest. Without any connection that is the header.
func (v *CSV) Finish(*Ending) error {
	if err := v.header(); err != nil {
		return err
	}
	v.w.Flush()
	return v.w.Error()
}

func (v *CSV) header() error {
	if v.started {
		return nil
	}
	v.started = true
	for _, column := range csvColumns {
		v.row = append(v.row, column.name)
	}
	return v.w.Write(v.row)
}

//go:generate go run ../internal/fieldgen -root ..

// A csvColumn appends the value of one field; "null" if it is not known.
type csvColumn struct {
	name   string
	append func([]byte, *record.Connection) []byte
}

// entryOf is the first entry of a side, nil if there is none.
func entryOf(list []record.TimeWait, side record.Side) *record.TimeWait {
	for i := range list {
		if list[i].Side == side {
			return &list[i]
		}
	}
	return nil
}

func appendStateName(b []byte, s record.StateOrNone) []byte {
	if !s.Known {
		return b
	}
	return append(b, s.State.String()...)
}

func appendTimeField(b []byte, t record.Time) []byte {
	if t == record.NoTime {
		return b
	}
	return encode.AppendMoment(b, t)
}
