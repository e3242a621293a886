package report

import (
	"io"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// JSON writes one document. Its members are, in this order, connections, embryonic, half_open, listeners, syn_floods,
// scans, backscatter, time_wait, population, summary and capture; Schema describes them. It keeps 8 bytes for each
// embryonic and each half-open connection, for the two lists of ids.
type JSON struct {
	out       buffer
	encoder   encode.Encoder
	started   bool
	embryonic []uint64
	halfOpen  []uint64
}

// NewJSON returns a writer of one JSON document to w. Nothing is written before the first connection or the end.
func NewJSON(w io.Writer) *JSON { return &JSON{out: newBuffer(w)} }

// Connection writes a connection as the next element of connections.
func (j *JSON) Connection(c *record.Connection) error {
	if c.Handshake.Outcome == record.OutcomeEmbryonic {
		j.embryonic = append(j.embryonic, c.ID)
	}
	if c.HalfOpen != nil {
		j.halfOpen = append(j.halfOpen, c.ID)
	}
	separator := ",\n"
	if !j.started {
		separator = "{\"connections\":[\n"
		j.started = true
	}
	j.out.text = j.encoder.AppendConnection(append(j.out.text, separator...), c)
	return j.out.spill()
}

// Finish writes the other members and ends the document.
func (j *JSON) Finish(e *Ending) error {
	b := j.out.text
	if !j.started {
		b = append(b, "{\"connections\":["...)
	}
	b = append(b, "],\n\"embryonic\":"...)
	b = appendIDs(b, j.embryonic)
	b = append(b, ",\n\"half_open\":"...)
	b = appendIDs(b, j.halfOpen)
	for _, list := range e.lists() {
		b = append(append(append(b, ",\n\""...), list.name...), "\":["...)
		for i := range list.len {
			b = list.append(&j.encoder, encode.AppendComma(b, i), i)
		}
		b = append(b, ']')
	}
	b = append(b, ",\n\"summary\":"...)
	b = j.encoder.AppendSummary(b, e.Result.Summary)
	b = append(b, ",\n\"capture\":"...)
	b, err := encode.AppendRecord(b, filledCapture(*e.Capture))
	if err != nil {
		return err
	}
	j.out.text = append(b, "}\n"...)
	return j.out.flush()
}

func appendIDs(b []byte, ids []uint64) []byte {
	b = append(b, '[')
	for i, id := range ids {
		b = encode.AppendComma(b, i)
		b = strconv.AppendUint(b, id, 10)
	}
	return append(b, ']')
}

func filledCapture(c Capture) Capture {
	c.Files, c.Damage = encode.FilledList(c.Files), encode.FilledList(c.Damage)
	c.Devices, c.LostDevices = encode.FilledList(c.Devices), encode.FilledList(c.LostDevices)
	c.LinkTypes, c.Decoded, c.Undecoded = encode.FilledCounts(c.LinkTypes), encode.FilledCounts(c.Decoded),
		encode.FilledCounts(c.Undecoded)
	return c
}
