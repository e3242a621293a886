package report

import (
	"bytes"
	"encoding/csv"
	"io"
	"net/netip"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/text"
)

// WriteSnapshotJSON writes one JSON document, which Schema describes.
func WriteSnapshotJSON(w io.Writer, s *record.Snapshot) error {
	_, err := w.Write(append(new(encode.Encoder).AppendSnapshot(nil, s), '\n'))
	return err
}

// WriteSnapshotJSONL writes one connection a line.
func WriteSnapshotJSONL(w io.Writer, s *record.Snapshot) error {
	out := newBuffer(w)
	var e encode.Encoder
	for i := range s.Connections {
		out.text = append(e.AppendAlive(out.text, &s.Connections[i]), '\n')
		if err := out.spill(); err != nil {
			return err
		}
	}
	return out.flush()
}

// WriteSnapshotCSV writes one connection a row below a header, as CSV does. The columns have the names of the JSON.
func WriteSnapshotCSV(w io.Writer, s *record.Snapshot) error {
	out := csv.NewWriter(w)
	header := []string{"time", "id", "start", "age_s"}
	for _, side := range []string{"client", "server"} {
		for _, field := range []string{"ip", "port", "state", "since", "evidence"} {
			header = append(header, side+"."+field)
		}
	}
	if err := out.Write(header); err != nil {
		return err
	}
	moment := func(t record.Time) string { return string(appendTimeField(nil, t)) }
	for i := range s.Connections {
		c := &s.Connections[i]
		row := []string{moment(c.Time), strconv.FormatUint(c.ID, 10), moment(c.Start), string(c.Age.Append(nil))}
		for _, e := range [...]*record.Socket{&c.Client, &c.Server} {
			row = append(row, e.IP.String(), strconv.Itoa(int(e.Port)), string(appendStateName(nil, e.State)),
				moment(e.Since), string(e.Evidence))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteSnapshotTable writes a table for people. A state after ~ is inferred, not seen. first is the time of the
// capture's first packet. The options Sort and Columns do nothing.
func WriteSnapshotTable(w io.Writer, s *record.Snapshot, first record.Time, o TableOptions) error {
	g := text.Grid{
		Columns: []text.GridColumn{
			{Name: "id", Header: text.Cell{Full: "ID"}, Right: true},
			{Name: "client", Header: text.Cell{Full: "CLIENT"}},
			{Name: "client_state", Header: text.Cell{Full: "STATE"}},
			{Name: "client_since", Header: text.Cell{Full: "SINCE"}},
			{Name: "server", Header: text.Cell{Full: "SERVER"}},
			{Name: "server_state", Header: text.Cell{Full: "STATE"}},
			{Name: "server_since", Header: text.Cell{Full: "SINCE"}},
			{Name: "age", Header: text.Cell{Full: "AGE"}, Right: true},
		},
		Steps: []text.Step{text.Shorten("client_since", "server_since"), text.Shorten("client_state", "server_state"),
			text.Shorten("client", "server"),
			text.Drop("client_since"), text.Drop("server_since"), text.Drop("age")},
	}
	for i := range s.Connections {
		if o.Top > 0 && i == o.Top {
			break
		}
		c := &s.Connections[i]
		row := []text.Cell{{Full: strconv.FormatUint(c.ID, 10), Tone: text.Faint}}
		for _, e := range [...]*record.Socket{&c.Client, &c.Server} {
			row = append(row, text.SocketCell(netip.AddrPortFrom(e.IP, e.Port)), socketState(e), text.TimeCell(e.Since))
		}
		g.Rows = append(g.Rows, append(row, text.Cell{Full: text.Span(c.Age)}))
	}
	title := text.Clock(s.Time) + " UTC, " + text.Span(text.Between(first, s.Time)) + " after the first packet"
	if s.Packet != 0 {
		title += ", after packet " + text.Count(uint64(s.Packet))
	}
	t := Table{options: o}
	var out bytes.Buffer
	err := t.draw(&out, &section{title: "ALIVE", note: title, total: uint64(len(s.Connections)), grid: g})
	if err == nil && len(s.Connections) > 0 {
		out.WriteByte('\n')
		err = t.drawSummary(&out, "ENDPOINTS", "", appendCounts(nil, "states", s.ByState, text.Calm))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

func socketState(e *record.Socket) text.Cell {
	if !e.State.Known {
		return text.Cell{Full: text.Unknown}
	}
	mark := ""
	if e.Evidence == record.Inferred {
		mark = "~"
	}
	return text.Cell{Full: mark + e.State.State.String(), Short: mark + text.ShortStates[e.State.State]}
}
