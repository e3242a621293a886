package encode

import (
	"bytes"
	"encoding/json"

	"github.com/tcplife/tcplife/analyzer/record"
)

// AppendListed appends a record of one of the lists.
func (e *Encoder) AppendListed(b []byte, rec any) ([]byte, error) {
	if h, is := rec.(record.TimeWaitHolding); is { // there can be thousands
		return e.AppendTimeWaitHolding(b, &h), nil
	}
	return AppendRecord(b, rec)
}

// AppendRecord appends a record of which a report has few, by encoding/json.
func AppendRecord(b []byte, record any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

// The functions below replace lists and maps that are nil by empty ones, for a list is never null.

func FilledListener(l record.Listener) record.Listener {
	l.SynAckRetransmissions = FilledList(l.SynAckRetransmissions)
	return l
}

func FilledScan(s record.Scan) record.Scan {
	s.Open, s.TargetList, s.PortRanges = FilledList(s.Open), FilledList(s.TargetList), FilledList(s.PortRanges)
	s.Marks, s.Evidence = FilledList(s.Marks), FilledList(s.Evidence)
	return s
}

func FilledBackscatter(b record.Backscatter) record.Backscatter {
	b.Evidence = FilledList(b.Evidence)
	return b
}

func FilledFlood(f record.SynFlood) record.SynFlood {
	f.Marks, f.Evidence = FilledList(f.Marks), FilledList(f.Evidence)
	return f
}

func FilledPopulation(p record.PopulationSeries) record.PopulationSeries {
	if p.Peaks == nil {
		p.Peaks = map[string]record.Peak{}
	}
	if p.States == nil {
		p.States = map[string][]uint64{}
	}
	return p
}

func FilledSummary(s record.Summary) record.Summary {
	s.ByOutcome, s.ByTeardown = FilledCounts(s.ByOutcome), FilledCounts(s.ByTeardown)
	s.FindingsByCode, s.FailedByClass = FilledCounts(s.FindingsByCode), FilledCounts(s.FailedByClass)
	s.ResetsByState.Client, s.ResetsByState.Server = FilledCounts(s.ResetsByState.Client), FilledCounts(s.ResetsByState.Server)
	s.NotClosing, s.IdleTimeouts = FilledList(s.NotClosing), FilledList(s.IdleTimeouts)
	return s
}

func FilledList[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func FilledCounts(counts map[string]uint64) map[string]uint64 {
	if counts == nil {
		return map[string]uint64{}
	}
	return counts
}
