package report

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

func scanSection(scans []record.Scan, top int) section {
	s := section{title: "SCANS", total: uint64(len(scans)), grid: text.Grid{
		Columns: []text.GridColumn{
			{Name: "source", Header: text.Cell{Full: "SOURCE"}},
			{Name: "kind", Header: text.Cell{Full: "KIND"}},
			{Name: "direction", Header: text.Cell{Full: "DIRECTION"}},
			{Name: "start", Header: text.Cell{Full: "START"}},
			{Name: "duration", Header: text.Cell{Full: "LASTED"}, Right: true},
			{Name: "targets", Header: text.Cell{Full: "TARGETS"}, Right: true},
			{Name: "ports", Header: text.Cell{Full: "PORTS"}, Right: true},
			{Name: "open", Header: text.Cell{Full: "OPEN"}, Right: true, Hide: true},
			{Name: "closed", Header: text.Cell{Full: "CLOSED"}, Right: true, Hide: true},
			{Name: "filtered", Header: text.Cell{Full: "FILTERED"}, Right: true, Hide: true},
			{Name: "unfiltered", Header: text.Cell{Full: "UNFILTERED"}, Right: true, Hide: true},
			{Name: "marks", Header: text.Cell{Full: "MARKS"}, Hide: true},
		},
		Steps: []text.Step{text.Shorten("start"), text.Drop("marks"), text.Shorten("source"), text.Drop("duration"),
			text.Drop("start"), text.Drop("direction")},
	}}
	if top > 0 && len(scans) > top {
		scans = scans[:top]
	}
	for i := range scans {
		c := &scans[i]
		s.grid.Rows = append(s.grid.Rows, []text.Cell{
			text.IPCell(c.Source),
			{Full: c.Kind, Tone: text.Alert},
			{Full: c.Direction},
			text.TimeCell(c.Start),
			{Full: text.Span(text.Between(c.Start, c.End))},
			{Full: text.Count(c.Targets)},
			{Full: text.Count(c.Ports)},
			text.Some(c.Found.Open),
			text.Some(c.Found.Closed),
			text.Some(c.Found.Filtered),
			text.Some(c.Found.Unfiltered),
			{Full: marks(c.MarkValues)},
		})
		if open := openPorts(c); open != "" {
			s.after = append(s.after, text.IPCell(c.Source).Full+", "+c.Kind+": "+open)
		}
	}
	return s
}

// openWord is the word for the open ports that a scan found. Open ports do not answer the probes of some kinds. Nor
// does a filter: nmap calls these ports open|filtered.
func openWord(kind string) string {
	switch kind {
	case "fin", "null", "xmas", "maimon":
		return "open or filtered"
	}
	return "open"
}

// openPorts names the first of the open ports, if there are any.
func openPorts(c *record.Scan) string {
	const most = 8
	var list []string
	for _, o := range c.Open[:min(most, len(c.Open))] {
		name := strconv.Itoa(int(o.Port))
		if c.Targets > 1 {
			name = netip.AddrPortFrom(o.IP, o.Port).String()
		}
		list = append(list, name)
	}
	if len(list) == 0 {
		return ""
	}
	s := openWord(c.Kind) + " " + strings.Join(list, " ")
	if more := c.Found.Open - uint64(len(list)); more > 0 {
		s += " and " + text.Count(more) + " more"
	}
	return s
}

func backscatterSection(returned []record.Backscatter, top int) section {
	s := section{title: "BACKSCATTER", note: "what came back from floods elsewhere", total: uint64(len(returned)),
		grid: text.Grid{
			Columns: []text.GridColumn{
				{Name: "victim", Header: text.Cell{Full: "VICTIM"}},
				{Name: "kind", Header: text.Cell{Full: "KIND"}},
				{Name: "start", Header: text.Cell{Full: "START"}},
				{Name: "duration", Header: text.Cell{Full: "LASTED"}, Right: true},
				{Name: "segments", Header: text.Cell{Full: "SEGMENTS"}, Right: true},
				{Name: "peers", Header: text.Cell{Full: "PEERS"}, Right: true},
			},
			Steps: []text.Step{text.Shorten("start"), text.Shorten("victim"), text.Drop("start")},
		}}
	if top > 0 && len(returned) > top {
		returned = returned[:top]
	}
	for i := range returned {
		b := &returned[i]
		s.grid.Rows = append(s.grid.Rows, []text.Cell{
			text.IPCell(b.Victim),
			{Full: b.Kind, Tone: text.Alert},
			text.TimeCell(b.Start),
			{Full: text.Span(text.Between(b.Start, b.End))},
			{Full: text.Count(b.Segments)},
			{Full: text.Count(b.Peers)},
		})
	}
	return s
}
