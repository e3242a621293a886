package screen

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// starts returns where the columns of a header begin.
func starts(header string) (at []int) {
	for i := range header {
		if header[i] != ' ' && (i == 0 || header[i-1] == ' ') {
			at = append(at, i)
		}
	}
	return at
}

// The columns stay in place from frame to frame, whatever they show. They move once for a value wider than usual.
func TestColumnsStayPut(t *testing.T) {
	all := reporttest.Connections()
	long := *all[2]
	long.Client.IP = netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348")
	long.Server.IP = long.Client.IP
	var ipv4 []*record.Connection
	for _, c := range all {
		if c.Client.IP.Is4() {
			usual := *c
			usual.ID %= 1e5
			ipv4 = append(ipv4, &usual)
		}
	}
	for _, width := range []int{80, 120, 200} {
		var l Layout
		var before []int
		for i, frame := range [][]*record.Connection{ipv4, {}, ipv4[:1], {&long}, ipv4, {}, {&long}, ipv4[3:4]} {
			header, lines, err := l.DrawList(frame, reporttest.At(time.Hour), "recent", width, false)
			if err != nil || len(lines) != len(frame) {
				t.Fatalf("%d lines of %d connections: %v", len(lines), len(frame), err)
			}
			if now := starts(header); i > 0 && i != 3 && !slices.Equal(before, now) {
				t.Errorf("width %d, frame %d: columns begin at %v, before at %v:\n%s", width, i, now, before, header)
			} else {
				before = now
			}
		}
	}
}

// At 80 columns, two of which the view needs, no cell is cut in any order of the list.
func TestListFits(t *testing.T) {
	all := reporttest.Connections()
	long := *all[2]
	long.Client.IP = netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348")
	long.Server.IP = long.Client.IP
	for _, sort := range ListSorts() {
		for name, connections := range map[string][]*record.Connection{"IPv4": all[:2], "IPv6": {&long}} {
			var l Layout
			header, lines, err := l.DrawList(connections, reporttest.At(time.Hour), sort.Name, 78, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range append(lines, header) {
				if n := twwidth.Width(line); n > 78 {
					t.Errorf("by %s, %s: %d columns: %s", sort.Name, name, n, line)
				}
			}
		}
	}
}

// At 80 columns each fate is shown in full, in any order and with addresses of any length. Only if the list is sorted
// by findings, long names of findings take precedence. Columns of one kind keep their order.
func TestFateIsNotCut(t *testing.T) {
	teardowns := []record.TeardownKind{record.TeardownFourWay, record.TeardownThreeSegment,
		record.TeardownHalfClosed, record.TeardownIncomplete}
	for _, ip := range []string{"192.0.2.1", "203.113.250.254", "2001:db8:85a3:8d3:1319:8a2e:370:7348"} {
		var all []*record.Connection
		var fates []string
		add := func(outcome record.Outcome, teardown record.TeardownKind, fate string) {
			c := *reporttest.Connections()[3]
			c.ID = uint64(len(all) + 1)
			c.Client.IP, c.Server.IP = netip.MustParseAddr(ip), netip.MustParseAddr(ip)
			c.Client.Port, c.Server.Port = 65535, 65534
			c.Handshake.Outcome, c.Teardown.Kind = outcome, teardown
			all, fates = append(all, &c), append(fates, fate)
		}
		for _, o := range record.Outcomes() {
			add(o, record.TeardownNone, string(o))
		}
		for _, k := range teardowns {
			add(record.OutcomeComplete, k, string(k))
		}
		for _, sort := range ListSorts() {
			var l Layout
			header, lines, err := l.DrawList(all, reporttest.At(time.Hour), sort.Name, 78, false)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(header)
			for i, line := range lines {
				if slices.Contains(words, "FATE") && !slices.Contains(strings.Fields(line), fates[i]) {
					t.Errorf("%s by %s: no %s:\n%s\n%s", ip, sort.Name, fates[i], header, line)
				}
			}
			if !slices.Contains(words, "FATE") && sort.Name != "findings" {
				t.Errorf("%s by %s: no fate: %s", ip, sort.Name, header)
			}
			if slices.Index(words, "←PKTS") < slices.Index(words, "PKTS→") ||
				slices.Index(words, "←BYTES") < slices.Index(words, "BYTES→") {
				t.Errorf("%s by %s: the server's numbers come first: %s", ip, sort.Name, header)
			}
		}
	}
}

// The columns that a list is sorted by are shown in any width.
func TestSortIsShown(t *testing.T) {
	headers := map[string][]string{"recent": {"IDLE"}, "start": {"AGE"}, "end": {"IDLE"}, "duration": {"LASTED"},
		"rtt": {"RTT"}, "bytes": {"BYTES→", "←BYTES"}, "packets": {"PKTS→", "←PKTS"}, "retransmitted": {"RETR"},
		"findings": {"FINDINGS"}}
	for _, sort := range ListSorts() {
		var l Layout
		header, _, err := l.DrawList(reporttest.Connections(), reporttest.At(time.Hour), sort.Name, 78, false)
		if err != nil {
			t.Fatal(err)
		}
		want := headers[sort.Name]
		if want == nil {
			t.Errorf("which columns has the order %s?", sort.Name)
		}
		for _, name := range want {
			if !slices.Contains(strings.Fields(header), name) {
				t.Errorf("by %s: no %s in %s", sort.Name, name, header)
			}
		}
	}
}
