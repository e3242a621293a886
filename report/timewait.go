package report

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer"
)

// A timeWaitLedger adds up TIME_WAITs by who holds them, for what many of them exhaust is the ports between a client
// and a server's socket.
type timeWaitLedger struct {
	holders map[holder]*held
	held    uint64 // now, all holders
	others  uint64 // TIME_WAITs of holders beyond maxHolders
}

// maxHolders bounds the ledger's memory, to some 10 MB.
const maxHolders = 1 << 16

// A holder is one side of all connections between a client's address and a server's socket.
type holder struct {
	client netip.Addr
	server netip.AddrPort
	side   analyzer.Side
}

// held counts a holder's TIME_WAITs by their end.
type held struct {
	now, expired, reused, reset, evicted uint64

	restarts uint64
	until    analyzer.Time // the last expiry of those now held
}

func (l *timeWaitLedger) add(c *analyzer.Connection) {
	for i := range c.TimeWait {
		t := &c.TimeWait[i]
		key := holder{c.Client.IP, netip.AddrPortFrom(c.Server.IP, c.Server.Port), t.Side}
		h := l.holders[key]
		if h == nil {
			if len(l.holders) == maxHolders {
				l.others++
				continue
			}
			if l.holders == nil {
				l.holders = make(map[holder]*held)
			}
			h = &held{until: analyzer.NoTime}
			l.holders[key] = h
		}
		h.restarts += t.Restarts
		switch t.EndedBy {
		case analyzer.TimeWaitExpired:
			h.expired++
		case analyzer.TimeWaitReused:
			h.reused++
		case analyzer.TimeWaitReset:
			h.reset++
		case analyzer.TimeWaitEvicted:
			h.evicted++
		case analyzer.TimeWaitCaptureEnd, analyzer.TimeWaitRunning:
			h.now++
			h.until = max(h.until, t.Expires)
			l.held++
		}
	}
}

// section shows the holders of most first.
func (l *timeWaitLedger) section(top int) section {
	s := section{
		title: "TIME_WAIT HOLDERS",
		note:  count(l.held) + " held at the end (RFC 9293 §3.6.1)",
		total: uint64(len(l.holders)),
		grid:  timeWaitGrid,
	}
	if l.others > 0 {
		s.after = append(s.after, "not shown: "+count(l.others)+" of other holders than these first "+count(maxHolders))
	}
	keys := slices.SortedFunc(maps.Keys(l.holders), func(a, b holder) int {
		return cmp.Or(
			cmp.Compare(l.holders[b].now, l.holders[a].now),
			cmp.Compare(l.holders[b].ended(), l.holders[a].ended()),
			a.client.Compare(b.client), a.server.Compare(b.server), cmp.Compare(a.side, b.side))
	})
	if top > 0 && len(keys) > top {
		keys = keys[:top]
	}
	for _, key := range keys {
		h := l.holders[key]
		client, server := ipCell(key.client), socketCell(key.server)
		holder, peer := client, server
		if key.side == analyzer.Server {
			holder, peer = server, client
		}
		s.grid.rows = append(s.grid.rows, []cell{
			holder, peer, {full: key.side.String()}, some(h.now), timeCell(h.until),
			some(h.expired), some(h.reused), some(h.reset), some(h.evicted), some(h.restarts),
		})
	}
	return s
}

var timeWaitGrid = grid{
	columns: []gridColumn{
		{name: "holder", header: cell{full: "HOLDER"}},
		{name: "peer", header: cell{full: "PEER"}},
		{name: "side", header: cell{full: "SIDE"}},
		{name: "now", header: cell{full: "HELD"}, right: true},
		{name: "until", header: cell{full: "LAST EXPIRY"}, hide: true},
		{name: "expired", header: cell{full: "EXPIRED"}, right: true, hide: true},
		{name: "reused", header: cell{full: "REUSED"}, right: true, hide: true},
		{name: "reset", header: cell{full: "RESET"}, right: true, hide: true},
		{name: "evicted", header: cell{full: "EVICTED"}, right: true, hide: true},
		{name: "restarts", header: cell{full: "RESTARTS"}, right: true, hide: true},
	},
	steps: []step{shorten("until"), shorten("holder", "peer"), drop("restarts"), drop("evicted"), drop("reset"), drop("until"),
		drop("side")},
}

func (h *held) ended() uint64 { return h.expired + h.reused + h.reset + h.evicted }

// some is the cell of a number which is no more than noise when it is 0.
func some(n uint64) cell {
	if n == 0 {
		return cell{full: unknown}
	}
	return cell{full: amount(n)}
}
