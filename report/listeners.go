package report

import (
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
)

// shownListeners are in the table at most, unless all are asked for: the others have less to tell.
const shownListeners = 10

// listenerSection shows the listeners with the fullest backlog.
func listenerSection(r *record.Result, top int) section {
	s := section{title: "LISTENERS", note: "by the backlog they needed (RFC 4987)", total: r.Summary.Listeners, grid: listenerGrid}
	for i := range r.Listeners {
		l := &r.Listeners[i]
		if top > 0 && len(s.grid.rows) == min(top, shownListeners) {
			break
		}
		if l.BacklogNeeded <= 1 && l.Ignored+l.FellBack == 0 {
			continue // one after the other, as the table of connections shows them
		}
		cookies := cell{full: unknown}
		if l.SynCookies != nil {
			cookies = timeCell(l.SynCookies.Since)
			cookies.tone = alert
		}
		s.grid.rows = append(s.grid.rows, []cell{
			socketCell(netip.AddrPortFrom(l.IP, l.Port)),
			{full: amount(l.Attempts)},
			some(l.Completed),
			some(l.Refused),
			toned(some(l.Ignored), alert),
			toned(some(l.FellBack), alert),
			some(l.Disowned),
			some(l.EmbryonicPeak),
			courseCell(l.EmbryonicSeries),
			some(l.BacklogNeeded),
			{full: span(l.Handshake.P50)},
			{full: span(l.Handshake.P99)},
			cookies,
		})
	}
	if len(s.grid.rows) == 0 {
		s.total = 0
	}
	return s
}

// courseCell draws numbers over time in a few marks.
func courseCell(s *record.EmbryonicSeries) cell {
	if s == nil {
		return cell{full: unknown}
	}
	const marks = 16
	return cell{full: sparkline(s.Peaks, (len(s.Peaks)+marks-1)/marks, slices.Max(s.Peaks))}
}

// toned is a cell in a tone, unless it says nothing.
func toned(c cell, t tone) cell {
	if c.full != unknown {
		c.tone = t
	}
	return c
}

var listenerGrid = grid{
	columns: []gridColumn{
		{name: "listener", header: cell{full: "LISTENER"}},
		{name: "attempts", header: cell{full: "ATTEMPTS"}, right: true},
		{name: "completed", header: cell{full: "COMPLETED"}, right: true},
		{name: "refused", header: cell{full: "REFUSED"}, right: true, hide: true},
		{name: "ignored", header: cell{full: "IGNORED"}, right: true, hide: true},
		{name: "fell_back", header: cell{full: "SYN-ACK AFTER ACK", short: "AFTER ACK"}, right: true, hide: true},
		{name: "reset", header: cell{full: "RESET"}, right: true, hide: true},
		{name: "embryonic", header: cell{full: "EMBRYONIC"}, right: true},
		{name: "course", header: cell{full: "OVER TIME"}, hide: true},
		{name: "backlog", header: cell{full: "BACKLOG"}, right: true},
		{name: "p50", header: cell{full: "P50"}, right: true, hide: true},
		{name: "p99", header: cell{full: "P99"}, right: true, hide: true},
		{name: "cookies", header: cell{full: "COOKIES SINCE"}, hide: true},
	},
	steps: []step{shorten("cookies"), shorten("fell_back"), shorten("listener"), drop("p50"), drop("course"), drop("reset"), drop("refused"), drop("p99"),
		drop("embryonic"), drop("fell_back"), drop("cookies")},
}
