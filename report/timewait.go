package report

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// timeWaitSection shows who holds TIME_WAITs, one row for each side.
func timeWaitSection(r *record.Result, top int) section {
	holdings, leftOut := r.TimeWait, r.Summary.LeftOut.TimeWait
	s := section{title: "TIME_WAIT HOLDERS", grid: timeWaitGrid}
	for i := range holdings {
		h := &holdings[i]
		client, server := text.IPCell(h.Client.IP), text.SocketCell(netip.AddrPortFrom(h.Server.IP, *h.Server.Port))
		for _, side := range []struct {
			*record.TimeWaitHolder
			name         string
			holder, peer text.Cell
		}{{&h.Client, "client", client, server}, {&h.Server, "server", server, client}} {
			if side.Entered == 0 {
				continue
			}
			if s.total++; top > 0 && s.total > uint64(top) {
				continue
			}
			s.grid.Rows = append(s.grid.Rows, []text.Cell{
				side.holder, side.peer, {Full: side.name}, text.Some(side.Held), {Full: text.Count(side.HeldPeak)},
				text.TimeCell(side.LastExpiry),
				text.Some(side.Expired), text.Some(side.Reused), text.Some(side.Reset), text.Some(side.Evicted),
				text.Some(side.Restarts),
			})
		}
		if text := exhaustion(h); text != "" {
			s.after = append(s.after, client.Full+" to "+server.Full+": "+text)
		}
		if h.ReusesDenied > 0 {
			s.after = append(s.after, client.Full+" to "+server.Full+": "+text.Counted(h.ReusesDenied,
				"SYN")+" met TIME_WAIT and failed")
		}
	}
	s.note = text.Count(r.Summary.TimeWait.Held) + " held at the end (RFC 9293 §3.6.1)"
	if leftOut > 0 {
		s.after = append(s.after,
			"left out: "+text.Count(leftOut)+" pairs of a client and a server's socket that held no more than the "+
				"last of these")
	}
	return s
}

// exhaustion says when a client runs out of ports, or how near it came.
func exhaustion(h *record.TimeWaitHolding) string {
	p := &h.Ports
	size := uint64(p.High) - uint64(p.Low) + 1
	assumed := text.Span(p.TwoMSL) + " (--msl)"
	if p.TwoMSL != h.TwoMSL {
		assumed = text.Span(p.TwoMSL) + " (Linux's, by the options of the SYNs)"
	}
	switch {
	case p.ExhaustedAt != record.NoTime:
		return text.Rate(p.Rate.Value) + " ports a second enter TIME_WAIT, and " +
			text.Rate(float64(size)/time.Duration(p.TwoMSL).Seconds()) + " a second leave it if it lasts " + assumed +
			": at this rate all " + text.Count(size) + " from " + strconv.Itoa(int(p.Low)) + " to " +
			strconv.Itoa(int(p.High)) + " are locked at " + text.Clock(p.ExhaustedAt)
	case 2*p.Locked >= size && p.TwoMSL == h.TwoMSL:
		return text.Count(p.Locked) + " of " + text.Count(size) + " ports are locked at the end if TIME_WAIT lasts " +
			assumed
	}
	return ""
}

var timeWaitGrid = text.Grid{
	Columns: []text.GridColumn{
		{Name: "holder", Header: text.Cell{Full: "HOLDER"}},
		{Name: "peer", Header: text.Cell{Full: "PEER"}},
		{Name: "side", Header: text.Cell{Full: "SIDE"}},
		{Name: "now", Header: text.Cell{Full: "HELD"}, Right: true},
		{Name: "peak", Header: text.Cell{Full: "PEAK"}, Right: true},
		{Name: "until", Header: text.Cell{Full: "LAST EXPIRY"}, Hide: true},
		{Name: "expired", Header: text.Cell{Full: "EXPIRED"}, Right: true, Hide: true},
		{Name: "reused", Header: text.Cell{Full: "REUSED"}, Right: true, Hide: true},
		{Name: "reset", Header: text.Cell{Full: "RESET"}, Right: true, Hide: true},
		{Name: "evicted", Header: text.Cell{Full: "EVICTED"}, Right: true, Hide: true},
		{Name: "restarts", Header: text.Cell{Full: "RESTARTS"}, Right: true, Hide: true},
	},
	Steps: []text.Step{text.Shorten("until"), text.Shorten("holder", "peer"), text.Drop("restarts"),
		text.Drop("evicted"), text.Drop("reset"), text.Drop("until"),
		text.Drop("peak"), text.Drop("side")},
}
