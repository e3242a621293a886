package nft

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// linux is a client's SYN, from the nth address of many networks.
func linux(n int) record.Syn {
	return record.Syn{Source: address(n * 7919), ISN: uint32(n) * 2654435761, Window: 64240, IPID: uint16(n * 40503),
		TTL: uint8(50 + n%9), MSS: 1460, HasMSS: true, WindowScale: true, SACKPermitted: true, Timestamps: true}
}

// random is a SYN that has nothing in common with others.
func random(n int) record.Syn {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return record.Syn{Source: address(int(r.Uint32())), ISN: r.Uint32(), Window: uint16(r.Uint32()),
		IPID: uint16(r.Uint32()), TTL: uint8(r.Uint32()), MSS: uint16(r.Uint32()),
		HasMSS: true, WindowScale: r.Uint32()&1 > 0,
		SACKPermitted: r.Uint32()&1 > 0, Timestamps: r.Uint32()&1 > 0}
}

func address(n int) netip.Addr {
	n = n * 2654435761 & (1<<32 - 1)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func syns(n int, one func(int) record.Syn) []record.Syn {
	list := make([]record.Syn, n)
	for i := range list {
		list[i] = one(i)
	}
	return list
}

func TestRules(t *testing.T) {
	ttl240 := func(n int) record.Syn { s := linux(n); s.TTL = 240; return s }
	constant := func(n int) record.Syn { s := linux(n); s.ISN = 7; return s }
	zmap := func(n int) record.Syn { s := random(n); s.IPID = 54321; return s }
	one := func(n int) record.Syn { s := linux(n); s.Source = netip.MustParseAddr("203.0.113.9"); return s }
	six := func(n int) record.Syn {
		s := linux(n)
		s.Source, s.TTL, s.IPID = netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::9", n%3)), 9, 0
		return s
	}
	for _, c := range []struct {
		name           string
		flood, clients []record.Syn
		want           []string // what must be in the rules, one each
	}{
		{"a TTL that no client has", syns(100, ttl240), syns(100, linux), []string{"ip ttl 240"}},
		{"a constant ISN", syns(100, constant), syns(100, linux), []string{"tcp sequence 7"}},
		{"zmap", syns(100, zmap), syns(100, linux), []string{"ip id 54321"}},
		{"one source", syns(100, one), syns(100, linux), []string{"ip saddr 203.0.113.9"}},
		{"networks of IPv6", syns(100, six), nil,
			[]string{"ip6 saddr { 2001:db8::9, 2001:db8:0:1::9, 2001:db8:0:2::9 }"}},
		{"two tools", slices.Concat(syns(60, zmap), syns(50, constant)), syns(100, linux),
			[]string{"ip id 54321", "tcp sequence 7"}},
		{"fully random", syns(500, random), syns(100, linux), nil},
		{"like the clients", syns(500, linux), syns(100, linux), nil},
		{"too few", syns(7, ttl240), syns(100, linux), nil},
		{"a mark of less than half", slices.Concat(syns(49, zmap), syns(52, random)), nil, nil},
		{"a mark of half", slices.Concat(syns(50, zmap), syns(50, random)), nil, []string{"ip id 54321"}},
	} {
		rules := rulesOf(c.flood, c.clients)
		if len(rules) != len(c.want) {
			t.Errorf("%s: %d rules, want %d: %v", c.name, len(rules), len(c.want), rules)
			continue
		}
		for i, r := range rules {
			if !slices.Contains(r.matches, c.want[i]) {
				t.Errorf("%s: rule %q, want one with %q", c.name, r.matches, c.want[i])
			}
		}
	}
}

// A rule that hits one client in a hundred is printed. A rule that hits more is not.
func TestClientsHit(t *testing.T) {
	likeFlood := func(n int) record.Syn { s := linux(n); s.Source = netip.MustParseAddr("203.0.113.9"); return s }
	flood := syns(200, func(n int) record.Syn {
		s := random(n)
		s.Source = netip.MustParseAddr("203.0.113.9")
		return s
	})
	for hit, want := range []int{1, 1, 0} {
		clients := slices.Concat(syns(100-hit, linux), syns(hit, likeFlood))
		rules := rulesOf(flood, clients)
		if len(rules) != want {
			t.Errorf("where a rule hits %d of 100 clients there are %d rules, want %d", hit, len(rules), want)
		}
		for _, r := range rules {
			if r.clients != hit {
				t.Errorf("the rule counts %d clients, but %d have its mark", r.clients, hit)
			}
		}
	}
}

// If nearly every mark hits clients, marks are combined until the rule does not.
func TestNarrowed(t *testing.T) {
	flood := syns(100, func(n int) record.Syn {
		s := random(n)
		if s.TTL = 64; n >= 5 {
			s.Window = 512
		}
		return s
	})
	clients := syns(100, func(n int) record.Syn { s := linux(n); s.TTL = 64; return s })
	rules := rulesOf(flood, clients)
	want := []string{"ip ttl 64", "tcp window 512"}
	if len(rules) != 1 || !slices.Equal(rules[0].matches, want) || rules[0].flood.count() != 95 ||
		rules[0].clients != 0 {
		t.Errorf("%+v", rules)
	}
}

// The mark of masscan has no match in nft, and the script says so, with other rules or without.
func TestMasscanHasNoRule(t *testing.T) {
	port := uint16(443)
	target := record.Target{IP: netip.MustParseAddr("192.0.2.1"), Port: &port}
	for _, flood := range [][]record.Syn{syns(100, random),
		syns(100, func(n int) record.Syn { s := random(n); s.TTL = 240; return s })} {
		var out strings.Builder
		end := &report.Ending{Result: &record.Result{
			SynFloods: []record.SynFlood{{Target: target, Verdict: "suspicious", Syns: 100,
				MarkValues: []record.MarkValue{{Mark: "masscan_ip_id", Share: 1}}}},
			FloodSyns: []record.FloodSyns{{Flood: flood}},
		}}
		if err := New(&out).Finish(end); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "the mark masscan_ip_id, which no rule can match: nft cannot") {
			t.Errorf("it does not say so:\n%s", &out)
		}
	}
}

// The script says which connections its rules are compared with: clients of the target, else clients elsewhere, else
// none.
func TestComparedClientsAreNamed(t *testing.T) {
	port := uint16(443)
	target := record.Target{IP: netip.MustParseAddr("192.0.2.1"), Port: &port}
	flood := syns(100, func(n int) record.Syn { s := random(n); s.TTL = 240; return s })
	six := func(int) record.Syn { return record.Syn{Source: netip.MustParseAddr("2001:db8::1")} }
	for want, kept := range map[string]record.FloodSyns{
		"hits 100 of 100 SYNs of the flood, and 0 of 5 completed connections to the target": {
			Flood: flood, Completed: syns(5, linux), CompletedAll: 5,
		},
		"hits 100 of 100 SYNs of the flood, and 0 of 5 (a sample of 20) completed connections to the target": {
			Flood: flood, Completed: syns(5, linux), CompletedAll: 20,
		},
		"no connection to the target was completed; it would hit 0 of 5 completed connections elsewhere": {
			Flood: flood, Anywhere: syns(5, linux), AnywhereAll: 5,
		},
		"0 of 0 completed connections: the capture has none to compare with": {
			Flood: flood, Anywhere: syns(5, six), AnywhereAll: 5,
		},
		"the SYNs of this flood do not differ from those of clients; use SYN cookies": {
			Flood: syns(100, random),
		},
		"# 192.0.2.1:443 since 1970-01-01 00:00:00 UTC: suspicious, 900 SYNs, of which a sample of 100 was comp": {
			Flood: flood,
		},
	} {
		var out strings.Builder
		end := &report.Ending{Result: &record.Result{
			SynFloods: []record.SynFlood{{Target: target, Verdict: "suspicious", Syns: 900}},
			FloodSyns: []record.FloodSyns{kept},
		}}
		if err := New(&out).Finish(end); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
		if strings.Contains(want, "do not differ") && strings.Count(out.String(), "\n") != 1 {
			t.Errorf("there is more than one line:\n%s", &out)
		}
	}
}
