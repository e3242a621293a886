package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
)

// JSON writes one document. Its members are, in this order, connections, embryonic, half_open, listeners, syn_floods,
// scans, backscatter, time_wait, population, summary and capture; Schema describes them. It keeps 8 bytes for each embryonic and
// each half-open connection, for the two lists of ids.
type JSON struct {
	out       buffer
	encoder   encoder
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
	j.out.text = j.encoder.appendConnection(append(j.out.text, separator...), c)
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
		for i, record := range list.records {
			var err error
			if b, err = j.encoder.appendListed(appendComma(b, i), record); err != nil {
				return err
			}
		}
		b = append(b, ']')
	}
	b = append(b, ",\n\"summary\":"...)
	b, err := appendRecord(b, filledSummary(*e.Result.Summary))
	if err != nil {
		return err
	}
	b = append(b, ",\n\"capture\":"...)
	if b, err = appendRecord(b, filledCapture(*e.Capture)); err != nil {
		return err
	}
	j.out.text = append(b, "}\n"...)
	return j.out.flush()
}

func appendIDs(b []byte, ids []uint64) []byte {
	b = append(b, '[')
	for i, id := range ids {
		b = appendComma(b, i)
		b = strconv.AppendUint(b, id, 10)
	}
	return append(b, ']')
}

// appendListed appends a record of one of the lists.
func (e *encoder) appendListed(b []byte, rec any) ([]byte, error) {
	if h, is := rec.(record.TimeWaitHolding); is { // there can be thousands
		return e.appendTimeWaitHolding(b, &h), nil
	}
	return appendRecord(b, rec)
}

// appendRecord appends a record of which a report has few, by encoding/json.
func appendRecord(b []byte, record any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

// The functions below replace lists and maps that are nil by empty ones, for a list is never null.

func filledListener(l record.Listener) record.Listener {
	l.SynAckRetransmissions = filledList(l.SynAckRetransmissions)
	return l
}

func filledScan(s record.Scan) record.Scan {
	s.Open, s.TargetList, s.PortRanges = filledList(s.Open), filledList(s.TargetList), filledList(s.PortRanges)
	s.Marks, s.Evidence = filledList(s.Marks), filledList(s.Evidence)
	return s
}

func filledBackscatter(b record.Backscatter) record.Backscatter {
	b.Evidence = filledList(b.Evidence)
	return b
}

func filledFlood(f record.SynFlood) record.SynFlood {
	f.Marks, f.Evidence = filledList(f.Marks), filledList(f.Evidence)
	return f
}

func filledPopulation(p record.PopulationSeries) record.PopulationSeries {
	if p.Peaks == nil {
		p.Peaks = map[string]record.Peak{}
	}
	if p.States == nil {
		p.States = map[string][]uint64{}
	}
	return p
}

func filledSummary(s record.Summary) record.Summary {
	s.ByOutcome, s.ByTeardown = filledCounts(s.ByOutcome), filledCounts(s.ByTeardown)
	s.FindingsByCode, s.FailedByClass = filledCounts(s.FindingsByCode), filledCounts(s.FailedByClass)
	s.ResetsByState.Client, s.ResetsByState.Server = filledCounts(s.ResetsByState.Client), filledCounts(s.ResetsByState.Server)
	s.NotClosing, s.IdleTimeouts = filledList(s.NotClosing), filledList(s.IdleTimeouts)
	return s
}

func filledCapture(c Capture) Capture {
	c.Files, c.Damage = filledList(c.Files), filledList(c.Damage)
	c.Devices, c.LostDevices = filledList(c.Devices), filledList(c.LostDevices)
	c.LinkTypes, c.Decoded, c.Undecoded = filledCounts(c.LinkTypes), filledCounts(c.Decoded), filledCounts(c.Undecoded)
	return c
}

func filledList[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func filledCounts(counts map[string]uint64) map[string]uint64 {
	if counts == nil {
		return map[string]uint64{}
	}
	return counts
}
