package ledger

import (
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
)

// maxUsage limits the list of servers.
const maxUsage = 256

// usage counts, for each server, how its connections are used.
type usage struct {
	servers bounded[netip.AddrPort, serverUsage]
}

type serverUsage struct {
	connections, exchanges uint64
	patterns               [5]uint64 // in the order of record.Patterns
	first, last            record.Time
}

func newUsage() usage {
	return usage{bounded[netip.AddrPort, serverUsage]{
		limit:   maxUsage,
		weight:  func(s *serverUsage) weight { return weight{s.connections} },
		compare: func(a, b *netip.AddrPort) int { return a.Compare(*b) },
	}}
}

func (u *usage) add(c *record.Connection) {
	if c.Pattern == "" {
		return
	}
	patterns := record.Patterns()
	pattern := slices.Index(patterns[:], c.Pattern)
	s := u.servers.of(netip.AddrPortFrom(c.Server.IP, c.Server.Port))
	if s.connections == 0 {
		s.first, s.last = c.Start, c.Start
	}
	s.connections++
	s.exchanges += c.Exchanges.Number
	s.patterns[pattern]++
	s.first, s.last = min(s.first, c.Start), max(s.last, c.Start)
}

func (u *usage) summarize(s *record.Summary) {
	u.servers.trim()
	s.Usage = []record.Usage{}
	for _, e := range u.servers.sorted() {
		v, port := &e.value, e.key.Port()
		r := record.Usage{
			Server: record.Target{IP: e.key.Addr(), Port: &port}, Connections: v.connections, Exchanges: v.exchanges,
			ByPattern: map[string]uint64{}, First: v.first, Last: v.last,
		}
		for i, p := range record.Patterns() {
			if v.patterns[i] > 0 {
				r.ByPattern[string(p)] = v.patterns[i]
			}
		}
		if span := v.last - v.first; span > 0 {
			r.Rate = record.NullableNumber{Value: float64(v.connections-1) / (float64(span) / 1e9), Known: true}
		}
		s.Usage = append(s.Usage, r)
	}
	s.LeftOut.Usage = u.servers.leftOut
}
