package screen_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/screen"
)

func vitals() (before, now *screen.Vitals) {
	before = &screen.Vitals{At: 1700000000e9, Packets: 1000, Bytes: 100_000, Ended: 10, Resets: 1}
	before.Live.Begun = 20
	kernel, iface := uint64(12), uint64(0)
	now = &screen.Vitals{
		At: before.At + 2e9, Packets: 21_000, Bytes: 3_100_000, Ended: 30, Resets: 4, Evicted: 7, Shed: 9,
		Dropped: report.Dropped{Kernel: &kernel, Interface: &iface},
		Waits: screen.TimeWaits{Client: netip.MustParseAddr("192.0.2.10"),
			Server: netip.MustParseAddrPort("198.51.100.80:443"), Side: record.Client, Held: 24_000},
	}
	now.Live = record.Live{Begun: 1_020, Connections: 1_234_567, HalfOpen: 2}
	now.Live.Client[tcpstate.SynSent], now.Live.Server[tcpstate.SynRcvd] = 400, 399
	now.Live.Client[tcpstate.Established], now.Live.Server[tcpstate.Established] = 1_200_000, 1_200_001
	now.Live.Client[tcpstate.TimeWait] = 24_001
	port := uint16(443)
	for i, f := range []struct {
		ip      string
		verdict string
		peak    uint64
		ago     record.Time
	}{{"198.51.100.1", "spoofed_flood", 200, 0}, {"198.51.100.2", "single_source_flood", 400, 59e9},
		{"198.51.100.3", "flash_crowd", 500, 1e9},
		{"198.51.100.4", "suspicious", 129, 0}, {"198.51.100.5", "suspicious", 1000, 61e9}} {
		now.Floods = append(now.Floods, record.SynFlood{
			Target: record.Target{IP: netip.MustParseAddr(f.ip), Port: &port}, Verdict: f.verdict, HalfOpenPeak: f.peak,
			UnresolvedPeak: f.peak,
			End:            now.At - f.ago,
			Syns:           uint64(1000 * (i + 1)), CompletionRatio: 0.25,
		})
	}
	now.Floods[0].Target.Port = nil
	return before, now
}

func TestDrawVitals(t *testing.T) {
	before, now := vitals()
	const want = `packets 10.0k/s, 1.50 MB/s   opened 500/s   ended 10.0/s   reset 1.50/s
followed 1,234,567   pending 399   half-open 2   TIME_WAIT 24,001
       SYNSENT SYNRCVD ESTAB FINW1 FINW2 CLOSEW CLOSING LASTACK TIMEW CLOSED
client     400       0 1.20M     0     0      0       0       0 24.0k      0
server       0     399 1.20M     0     0      0       0       0     0      0
PORTS 192.0.2.10 → 198.51.100.80:443   24,000 TIME_WAITs of the client
      85.0% of 28,232 ports
FLOOD 198.51.100.3:443 flash_crowd   3,000 SYNs   500 unresolved at once
      25.0% completed
FLOOD 198.51.100.2:443 single_source_flood   2,000 SYNs   400 unresolved at once
      25.0% completed
FLOOD 198.51.100.1 spoofed_flood   1,000 SYNs   200 unresolved at once
      25.0% completed
FLOOD and of 1 more target
floods 1 before
INCOMPLETE 12 dropped by the kernel   7 connections evicted
           9 records not written
`
	if got := strings.Join(screen.DrawVitals(before, now, 80, false), "\n") + "\n"; got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
	colour := regexp.MustCompile(`\x1b\[[0-9]+m`)
	plain := colour.ReplaceAllString(strings.Join(screen.DrawVitals(before, now, 80, true), "\n")+"\n", "")
	if plain != want {
		t.Errorf("with colours the text differs:\n%s", plain)
	}
	red := strings.Join(screen.DrawVitals(before, now, 200, true), "\n")
	for _, text := range []string{"reset 1.50/s", "198.51.100.1 spoofed_flood", "12 dropped by the kernel"} {
		if !strings.Contains(red, "\x1b[31m"+text) {
			t.Errorf("%s is not red:\n%q", text, red)
		}
	}
	if !strings.Contains(red, "\x1b[33m198.51.100.3:443 flash_crowd") {
		t.Errorf("a flash crowd is not yellow:\n%q", red)
	}
}

// Without time between two Vitals there is no rate.
func TestDrawVitalsOfOneMoment(t *testing.T) {
	_, now := vitals()
	if got := screen.DrawVitals(now, now, 80, false)[0]; got != "packets -, -   opened -   ended -   reset -" {
		t.Errorf("drawn: %s", got)
	}
}
