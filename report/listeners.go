package report

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// shownListeners is how many listeners the table has at most, unless --top 0 asks for all.
const shownListeners = 10

// listenerSection shows the listeners with the fullest backlog.
func listenerSection(r *record.Result, top int) section {
	s := section{title: "LISTENERS", note: "by the backlog they needed (RFC 4987)", total: r.Summary.Listeners,
		grid: listenerGrid}
	for i := range r.Listeners {
		l := &r.Listeners[i]
		if top > 0 && len(s.grid.Rows) == min(top, shownListeners) {
			break
		}
		if top > 0 && l.BacklogNeeded <= 1 && l.Ignored+l.FellBack+l.Withdrawn == 0 {
			continue // one after the other, as the table of connections shows them
		}
		cookies := text.Cell{Full: text.Unknown}
		if l.SynCookies != nil {
			cookies = text.TimeCell(l.SynCookies.Since)
			cookies.Tone = text.Alert
		}
		s.grid.Rows = append(s.grid.Rows, []text.Cell{
			text.SocketCell(netip.AddrPortFrom(l.IP, l.Port)),
			{Full: text.Count(l.Attempts)},
			text.Some(l.Completed),
			text.Some(l.Refused),
			toned(text.Some(l.Ignored), text.Alert),
			toned(text.Some(l.FellBack), text.Alert),
			text.Some(l.ResetByClient),
			toned(text.Some(l.Withdrawn), text.Alert),
			text.Some(l.EmbryonicPeak),
			courseCell(l.EmbryonicSeries),
			text.Some(l.BacklogNeeded),
			{Full: text.Span(l.Handshake.P50)},
			{Full: text.Span(l.Handshake.P99)},
			cookies,
			overflowCell(l.BacklogOverflow),
		})
	}
	if len(s.grid.Rows) == 0 {
		s.total = 0
		return s
	}
	s.after = append(s.after, "PENDING: the most attempts in SYN_RCVD at one time; BACKLOG: the most unresolved at "+
		"one time, including those that the listener ignored")
	if leftOut := r.Summary.LeftOut.Listeners; leftOut > 0 {
		s.after = append(s.after, "left out: "+text.Count(leftOut)+
			" listeners that needed no more than the last of these")
		s.total -= leftOut
	}
	return s
}

// overflowCell tells which queue was full first, how many it held, and since when.
func overflowCell(list []record.Overflow) text.Cell {
	if len(list) == 0 {
		return text.Cell{Full: text.Unknown}
	}
	o := &list[0]
	short := o.Queue
	if o.Size.Known {
		short += " " + text.Amount(o.Size.Number)
	}
	if len(list) > 1 {
		short += fmt.Sprintf(" +%d", len(list)-1)
	}
	return text.Cell{Full: short + " since " + text.Clock(o.From), Short: short, Tone: text.Alert}
}

// courseCell draws numbers over time in a few marks.
func courseCell(s *record.EmbryonicSeries) text.Cell {
	if s == nil {
		return text.Cell{Full: text.Unknown}
	}
	const marks = 16
	return text.Cell{Full: sparkline(s.Peaks, (len(s.Peaks)+marks-1)/marks, slices.Max(s.Peaks))}
}

// toned returns a cell in a tone, unless the cell is empty.
func toned(c text.Cell, t text.Tone) text.Cell {
	if c.Full != text.Unknown {
		c.Tone = t
	}
	return c
}

var listenerGrid = text.Grid{
	Columns: []text.GridColumn{
		{Name: "listener", Header: text.Cell{Full: "LISTENER"}},
		{Name: "attempts", Header: text.Cell{Full: "ATTEMPTS"}, Right: true},
		{Name: "completed", Header: text.Cell{Full: "COMPLETED"}, Right: true},
		{Name: "refused", Header: text.Cell{Full: "REFUSED"}, Right: true, Hide: true},
		{Name: "ignored", Header: text.Cell{Full: "IGNORED"}, Right: true, Hide: true},
		{Name: "fell_back", Header: text.Cell{Full: "SYN-ACK AFTER ACK", Short: "AFTER ACK"}, Right: true, Hide: true},
		{Name: "reset", Header: text.Cell{Full: "RESET"}, Right: true, Hide: true},
		{Name: "withdrawn", Header: text.Cell{Full: "RESET BY LISTENER", Short: "BY LISTENER"}, Right: true,
			Hide: true},
		{Name: "pending", Header: text.Cell{Full: "PENDING"}, Right: true},
		{Name: "course", Header: text.Cell{Full: "OVER TIME"}, Hide: true},
		{Name: "backlog", Header: text.Cell{Full: "BACKLOG"}, Right: true},
		{Name: "p50", Header: text.Cell{Full: "P50"}, Right: true, Hide: true},
		{Name: "p99", Header: text.Cell{Full: "P99"}, Right: true, Hide: true},
		{Name: "cookies", Header: text.Cell{Full: "COOKIES SINCE"}, Hide: true},
		{Name: "full", Header: text.Cell{Full: "QUEUE FULL"}, Hide: true},
	},
	Steps: []text.Step{text.Shorten("full"), text.Shorten("cookies"), text.Shorten("fell_back"),
		text.Shorten("withdrawn"),
		text.Shorten("listener"), text.Drop("p50"), text.Drop("full"), text.Drop("course"), text.Drop("reset"),
		text.Drop("refused"),
		text.Drop("p99"),
		text.Drop("pending"), text.Drop("fell_back"), text.Drop("withdrawn"), text.Drop("cookies")},
}
