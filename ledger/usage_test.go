package ledger_test

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/ledger"
)

// The summary says for each server how its connections are used, and how many begin in a second.
func TestUsageByServer(t *testing.T) {
	totals := ledger.NewTotals(ledger.PortRange{})
	add := func(ip string, at record.Time, pattern record.Pattern, exchanges uint64) {
		totals.Add(&record.Connection{
			Start: at, Pattern: pattern, Exchanges: record.Count{Number: exchanges, Known: true},
			Client: record.Endpoint{IP: netip.MustParseAddr("10.0.0.1"), Port: 40000},
			Server: record.Endpoint{IP: netip.MustParseAddr(ip), Port: 80},
		})
	}
	for i := range 471 {
		add("10.0.0.2", record.Time(i)*1e9/470, record.PatternSingle, 1)
	}
	add("10.0.0.2", 5e8, record.PatternPersistent, 6)
	add("10.0.0.2", 5e8, record.NoPattern, 0)
	add("10.0.0.3", 1e9, record.PatternBulk, 1)
	s := totals.Result(0, 2e9).Summary
	if len(s.Usage) != 2 || s.LeftOut.Usage != 0 {
		t.Fatalf("%+v, %d left out", s.Usage, s.LeftOut.Usage)
	}
	u := s.Usage[0]
	if u.Server.IP.String() != "10.0.0.2" || *u.Server.Port != 80 || u.Connections != 472 || u.Exchanges != 477 ||
		u.First != 0 || u.Last != 1e9 || u.Rate != (record.NullableNumber{Value: 471, Known: true}) ||
		!maps.Equal(u.ByPattern, map[string]uint64{"single": 471, "persistent": 1}) {
		t.Errorf("%+v", u)
	}
	if u := s.Usage[1]; u.Rate.Known || u.Connections != 1 || u.First != 1e9 {
		t.Errorf("one connection has a rate: %+v", u)
	}
}

// The list of servers is bounded: servers with most connections stay, and the others are counted.
func TestUsageIsBounded(t *testing.T) {
	totals := ledger.NewTotals(ledger.PortRange{})
	for i := range 257 {
		for range 1 + i%2 {
			totals.Add(&record.Connection{Pattern: record.PatternSingle,
				Server: record.Endpoint{IP: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Port: 80}})
		}
	}
	s := totals.Result(0, 0).Summary
	if len(s.Usage) != 256 || s.LeftOut.Usage != 1 || s.Usage[0].Connections != 2 || s.Usage[255].Connections != 1 {
		t.Errorf("%d servers, %d left out", len(s.Usage), s.LeftOut.Usage)
	}
}
