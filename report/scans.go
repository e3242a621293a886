package report

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

func scanSection(scans []record.Scan, top int) section {
	s := section{title: "SCANS", total: uint64(len(scans)), grid: grid{
		columns: []gridColumn{
			{name: "source", header: cell{full: "SOURCE"}},
			{name: "kind", header: cell{full: "KIND"}},
			{name: "direction", header: cell{full: "DIRECTION"}},
			{name: "start", header: cell{full: "START"}},
			{name: "duration", header: cell{full: "LASTED"}, right: true},
			{name: "targets", header: cell{full: "TARGETS"}, right: true},
			{name: "ports", header: cell{full: "PORTS"}, right: true},
			{name: "open", header: cell{full: "OPEN"}, right: true, hide: true},
			{name: "closed", header: cell{full: "CLOSED"}, right: true, hide: true},
			{name: "filtered", header: cell{full: "FILTERED"}, right: true, hide: true},
			{name: "unfiltered", header: cell{full: "UNFILTERED"}, right: true, hide: true},
			{name: "marks", header: cell{full: "MARKS"}, hide: true},
		},
		steps: []step{shorten("start"), drop("marks"), shorten("source"), drop("duration"), drop("start"), drop("direction")},
	}}
	if top > 0 && len(scans) > top {
		scans = scans[:top]
	}
	for i := range scans {
		c := &scans[i]
		s.grid.rows = append(s.grid.rows, []cell{
			ipCell(c.Source),
			{full: c.Kind, tone: alert},
			{full: c.Direction},
			timeCell(c.Start),
			{full: span(between(c.Start, c.End))},
			{full: amount(c.Targets)},
			{full: amount(c.Ports)},
			some(c.Found.Open),
			some(c.Found.Closed),
			some(c.Found.Filtered),
			some(c.Found.Unfiltered),
			{full: cmp.Or(strings.Join(c.Marks, " "), unknown)},
		})
		if open := openPorts(c); open != "" {
			s.after = append(s.after, ipCell(c.Source).full+", "+c.Kind+": "+open)
		}
	}
	return s
}

// openPorts names the first of the open ports, if there are any.
func openPorts(c *record.Scan) string {
	const most = 8
	var list []string
	for _, o := range c.Open[:min(most, len(c.Open))] {
		name := strconv.Itoa(int(*o.Port))
		if c.Targets > 1 {
			name = netip.AddrPortFrom(o.IP, *o.Port).String()
		}
		list = append(list, name)
	}
	if len(list) == 0 {
		return ""
	}
	text := "open " + strings.Join(list, " ")
	if more := c.Found.Open - uint64(len(list)); more > 0 {
		text += " and " + count(more) + " more"
	}
	return text
}

func backscatterSection(returned []record.Backscatter, top int) section {
	s := section{title: "BACKSCATTER", note: "what came back from floods elsewhere", total: uint64(len(returned)), grid: grid{
		columns: []gridColumn{
			{name: "victim", header: cell{full: "VICTIM"}},
			{name: "kind", header: cell{full: "KIND"}},
			{name: "start", header: cell{full: "START"}},
			{name: "duration", header: cell{full: "LASTED"}, right: true},
			{name: "segments", header: cell{full: "SEGMENTS"}, right: true},
			{name: "peers", header: cell{full: "PEERS"}, right: true},
		},
		steps: []step{shorten("start"), shorten("victim"), drop("start")},
	}}
	if top > 0 && len(returned) > top {
		returned = returned[:top]
	}
	for i := range returned {
		b := &returned[i]
		s.grid.rows = append(s.grid.rows, []cell{
			ipCell(b.Victim),
			{full: b.Kind, tone: alert},
			timeCell(b.Start),
			{full: span(between(b.Start, b.End))},
			{full: amount(b.Segments)},
			{full: amount(b.Peers)},
		})
	}
	return s
}
