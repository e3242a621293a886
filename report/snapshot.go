package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"net/netip"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
)

// WriteSnapshotJSON writes one JSON document, which Schema describes.
func WriteSnapshotJSON(w io.Writer, s *record.Snapshot) error {
	b, err := appendRecord(nil, s)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteSnapshotJSONL writes one connection a line.
func WriteSnapshotJSONL(w io.Writer, s *record.Snapshot) error {
	out := bufio.NewWriterSize(w, bufferSize)
	for i := range s.Connections {
		b, err := appendRecord(nil, &s.Connections[i])
		if err != nil {
			return err
		}
		if _, err := out.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
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
			row = append(row, e.IP.String(), strconv.Itoa(int(e.Port)), string(appendStateName(nil, e.State)), moment(e.Since), string(e.Evidence))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteSnapshotTable writes a table for people. A state after ~ is inferred, not seen. First is the time of the capture's
// first packet; of the options Sort and Columns do nothing.
func WriteSnapshotTable(w io.Writer, s *record.Snapshot, first record.Time, o TableOptions) error {
	g := grid{
		columns: []gridColumn{
			{name: "id", header: cell{full: "ID"}, right: true},
			{name: "client", header: cell{full: "CLIENT"}},
			{name: "client_state", header: cell{full: "STATE"}},
			{name: "client_since", header: cell{full: "SINCE"}},
			{name: "server", header: cell{full: "SERVER"}},
			{name: "server_state", header: cell{full: "STATE"}},
			{name: "server_since", header: cell{full: "SINCE"}},
			{name: "age", header: cell{full: "AGE"}, right: true},
		},
		steps: []step{shorten("client_since", "server_since"), shorten("client_state", "server_state"), shorten("client", "server"),
			drop("client_since"), drop("server_since"), drop("id"), drop("age")},
	}
	for i := range s.Connections {
		if o.Top > 0 && i == o.Top {
			break
		}
		c := &s.Connections[i]
		row := []cell{{full: strconv.FormatUint(c.ID, 10), tone: faint}}
		for _, e := range [...]*record.Socket{&c.Client, &c.Server} {
			row = append(row, socketCell(netip.AddrPortFrom(e.IP, e.Port)), socketState(e), timeCell(e.Since))
		}
		g.rows = append(g.rows, append(row, cell{full: span(c.Age)}))
	}
	title := clock(s.Time) + " UTC, " + span(between(first, s.Time)) + " after the first packet"
	if s.Packet != 0 {
		title += ", after packet " + count(uint64(s.Packet))
	}
	t := Table{options: o}
	var out bytes.Buffer
	err := t.draw(&out, &section{title: "ALIVE", note: title, total: uint64(len(s.Connections)), grid: g})
	if err == nil && len(s.Connections) > 0 {
		out.WriteByte('\n')
		err = t.drawSummary(&out, "ENDPOINTS", appendCounts(nil, "states", s.ByState, calm))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

func socketState(e *record.Socket) cell {
	if !e.State.Known {
		return cell{full: unknown}
	}
	mark := ""
	if e.Evidence == record.Inferred {
		mark = "~"
	}
	return cell{full: mark + e.State.State.String(), short: mark + shortStates[e.State.State]}
}
