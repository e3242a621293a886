package report

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
)

// timeWaitSection shows who holds TIME_WAITs, a row a side.
func timeWaitSection(holdings []record.TimeWaitHolding, leftOut uint64, top int) section {
	s := section{title: "TIME_WAIT HOLDERS", grid: timeWaitGrid}
	held := uint64(0)
	for i := range holdings {
		h := &holdings[i]
		client, server := ipCell(h.Client.IP), socketCell(netip.AddrPortFrom(h.Server.IP, *h.Server.Port))
		for _, side := range []struct {
			*record.TimeWaitHolder
			name         string
			holder, peer cell
		}{{&h.Client, "client", client, server}, {&h.Server, "server", server, client}} {
			if side.Entered == 0 {
				continue
			}
			held += side.Held
			if s.total++; top > 0 && s.total > uint64(top) {
				continue
			}
			s.grid.rows = append(s.grid.rows, []cell{
				side.holder, side.peer, {full: side.name}, some(side.Held), {full: amount(side.HeldPeak)}, timeCell(side.LastExpiry),
				some(side.Expired), some(side.Reused), some(side.Reset), some(side.Evicted), some(side.Restarts),
			})
		}
		if text := exhaustion(h); text != "" {
			s.after = append(s.after, client.full+" to "+server.full+": "+text)
		}
		if h.ReusesDenied > 0 {
			s.after = append(s.after, client.full+" to "+server.full+": "+counted(h.ReusesDenied, "SYN")+" met TIME_WAIT and had no success")
		}
	}
	s.note = count(held) + " held at the end (RFC 9293 §3.6.1)"
	if leftOut > 0 {
		s.after = append(s.after, "left out: "+count(leftOut)+" pairs of a client and a server's socket that held fewer")
	}
	return s
}

// exhaustion says when a client runs out of ports, or how near it came.
func exhaustion(h *record.TimeWaitHolding) string {
	p := &h.Ports
	size := uint64(p.High) - uint64(p.Low) + 1
	switch {
	case p.ExhaustedAt != record.NoTime:
		return rate(p.Rate.Value) + " ports a second are locked by TIME_WAIT, and only " + rate(p.ExhaustingRate) + " can be: at this rate all " +
			count(size) + " from " + count(uint64(p.Low)) + " to " + count(uint64(p.High)) + " are at " + clock(p.ExhaustedAt)
	case 2*p.Locked >= size:
		return count(p.Locked) + " of " + count(size) + " ports are locked by TIME_WAIT at the end"
	}
	return ""
}

var timeWaitGrid = grid{
	columns: []gridColumn{
		{name: "holder", header: cell{full: "HOLDER"}},
		{name: "peer", header: cell{full: "PEER"}},
		{name: "side", header: cell{full: "SIDE"}},
		{name: "now", header: cell{full: "HELD"}, right: true},
		{name: "peak", header: cell{full: "PEAK"}, right: true},
		{name: "until", header: cell{full: "LAST EXPIRY"}, hide: true},
		{name: "expired", header: cell{full: "EXPIRED"}, right: true, hide: true},
		{name: "reused", header: cell{full: "REUSED"}, right: true, hide: true},
		{name: "reset", header: cell{full: "RESET"}, right: true, hide: true},
		{name: "evicted", header: cell{full: "EVICTED"}, right: true, hide: true},
		{name: "restarts", header: cell{full: "RESTARTS"}, right: true, hide: true},
	},
	steps: []step{shorten("until"), shorten("holder", "peer"), drop("restarts"), drop("evicted"), drop("reset"), drop("until"),
		drop("peak"), drop("side")},
}

// some is the cell of a number which is no more than noise when it is 0.
func some(n uint64) cell {
	if n == 0 {
		return cell{full: unknown}
	}
	return cell{full: amount(n)}
}
