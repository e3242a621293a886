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

// starts are where the columns of a header begin.
func starts(header string) (at []int) {
	for i := range header {
		if header[i] != ' ' && (i == 0 || header[i-1] == ' ') {
			at = append(at, i)
		}
	}
	return at
}

// From frame to frame the columns stay where they are, whatever is shown in them; they move once for what is wider than
// usual.
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

// At 80 columns, of which the view needs two, no cell is cut, whatever the list is sorted by.
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

// What a list is sorted by is shown, however narrow the list is.
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
