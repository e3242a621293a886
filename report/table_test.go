package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	_ "github.com/tcplife/tcplife/internal/testrun"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"github.com/tcplife/tcplife/report/internal/text"
	"pgregory.net/rapid"
)

// table is what the options make of connections.
func table(t interface{ Fatal(...any) }, o TableOptions, connections []*record.Connection, e *Ending) string {
	var out bytes.Buffer
	w, err := NewTable(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connections {
		if err := w.Connection(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(e); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableGoldens(t *testing.T) {
	for name, o := range map[string]TableOptions{
		"width80":   {Width: 80},
		"width100":  {Width: 100},
		"width120":  {Width: 120},
		"width200":  {Width: 200},
		"unlimited": {},
		"colour":    {Width: 120, Color: true},
		"top3":      {Width: 120, Top: 3, Sort: "bytes"},
		"columns": {Width: 80, Columns: []string{"server", "id", "zeek", "encapsulation", "community_id", "role",
			"end", "tshark", "initiator"}},
	} {
		t.Run(name, func(t *testing.T) {
			reporttest.Golden(t, name+".table", table(t, o, reporttest.Connections(), sampleEnding()))
		})
	}
}

// The examples people see first are small: one connection, IPv4.
func TestTableOfOneConnection(t *testing.T) {
	e := emptyEnding()
	e.Result.Summary.Connections = 1
	reporttest.Golden(t, "one.table", table(t, TableOptions{Width: 80}, reporttest.Connections()[2:3], e))
}

func TestTableFitsItsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(connections, 1, 5).Draw(t, "connections")
		for _, c := range all {
			c.ID %= 1e7
			for i := range c.Findings { // the catalogue has no longer ones
				if code := []rune(c.Findings[i].Code); len(code) > 30 {
					c.Findings[i].Code = string(code[:30])
				}
			}
		}
		width := rapid.IntRange(80, 300).Draw(t, "width")
		for line := range strings.Lines(table(t, TableOptions{Width: width}, all, sampleEnding())) {
			if w := twwidth.Width(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("a line of %d characters in a width of %d:\n%s", w, width, line)
			}
		}
	})
}

// At 80 columns the name of every finding is in full, whatever the addresses, the id and the fate beside it.
func TestFindingsAreNotCut(t *testing.T) {
	for _, kind := range record.Catalogue() {
		c := reporttest.Connections()[0]
		c.ID = 299_999
		c.Client.IP = netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348")
		c.Server.IP = c.Client.IP
		c.Client.Port, c.Server.Port = 54321, 54320
		c.Teardown.Kind = record.TeardownThreeSegment
		for _, code := range []string{kind.Code, "another", "a_third"} {
			c.Findings = append(c.Findings, record.Finding{Code: code, Severity: record.Error})
		}
		if got := table(t, TableOptions{Width: 80}, []*record.Connection{c}, emptyEnding()); !strings.Contains(got,
			"  "+kind.Code+" +2\n") {
			t.Errorf("%s is cut:\n%s", kind.Code, got)
		}
	}
}

func TestChosenColumnsStay(t *testing.T) {
	names := make([]string, len(text.ConnectionColumns))
	for i, c := range TableColumns() {
		names[i] = c.Name
		if c.Meaning == "" {
			t.Errorf("the column %s has no meaning", c.Name)
		}
	}
	slices.Reverse(names)
	_, after, _ := strings.Cut(table(t, TableOptions{Width: 80, Columns: names}, reporttest.Connections(),
		sampleEnding()), "CONNECTIONS 10\n")
	head, _, _ := strings.Cut(after, "\n")
	if got := strings.Fields(head); got[0] != "TSHARK" || got[len(got)-1] != "ID" {
		t.Errorf("the header is %s", head)
	}
}

func TestTableOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		options TableOptions
		says    string
	}{
		{TableOptions{Columns: []string{"id", "colour"}},
			`--columns: unknown value "colour": it can be id, start, end, client`},
		{TableOptions{Sort: "size"}, `--sort: unknown value "size": it can be severity, start, end, duration`},
		{TableOptions{By: "port"}, `--by: unknown value "port": it can be server, client, finding`},
		{TableOptions{Top: -1}, "must not be negative"},
	} {
		if _, err := NewTable(io.Discard, c.options); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.options, err)
		}
	}
}

func TestTableCannotBeTakenOver(t *testing.T) {
	e := sampleEnding()
	e.Capture.Files = []string{"a\x1b[2Jb\r\n.pcap"}
	e.Result.SynFloods[0].Evidence = []string{"\x1b]0;title\x07\u202e"}
	c := reporttest.Connections()[0]
	c.Findings = []record.Finding{{Code: "a\nb\t\x9b", Severity: record.Error}}
	out := table(t, TableOptions{}, []*record.Connection{c}, e)
	if at := strings.IndexFunc(out, func(r rune) bool {
		return r != '\n' &&
			(r < ' ' || r == 0x7f || r == 0x9b || r == '\u202e')
	}); at >= 0 {
		t.Errorf("a control character in %q", out[max(0, at-20):at+5])
	}
	if want := `a\x1b[2Jb\r\n.pcap`; !strings.Contains(out, want) {
		t.Errorf("no %s in\n%s", want, out)
	}
}

func TestSortKeys(t *testing.T) {
	want := map[string][]uint64{
		"severity":      {14, 9, 1, 3, 7, 31, 55, 60, 90, 120}, // an error, a warning, and the others by id
		"start":         {1, 3, 7, 9, 14, 31, 55, 60, 90, 120},
		"end":           {7, 1, 3, 31, 9, 90, 120, 55, 60, 14},
		"duration":      {14, 60, 55, 90, 9, 31, 3, 1, 7, 120},
		"rtt":           {14, 90, 1, 55, 60, 3, 7, 9, 31, 120}, // the last five have none
		"bytes":         {14, 60, 1, 55, 3, 90, 7, 9, 31, 120},
		"packets":       {14, 60, 1, 55, 90, 9, 31, 3, 7, 120},
		"retransmitted": {14, 9, 31, 1, 3, 7, 55, 60, 90, 120},
		"findings":      {14, 9, 1, 3, 7, 31, 55, 60, 90, 120},
	}
	for _, k := range TableSorts() {
		var got []uint64
		for line := range strings.Lines(table(t, TableOptions{Sort: k.Name, Columns: []string{"id"}},
			reporttest.Connections(), sampleEnding())) {
			if id, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64); err == nil {
				got = append(got, id)
			}
		}
		if diff := cmp.Diff(want[k.Name], got); diff != "" {
			t.Errorf("%s: %s", k.Name, diff)
		}
	}
}

func TestRankingKeepsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.Int64Range(0, 20)).Draw(t, "keys")
		limit := rapid.IntRange(0, 10).Draw(t, "limit")
		r := text.Ranking[[]text.Cell]{Limit: limit}
		var want []text.Rank
		for i, key := range keys {
			at := text.Rank{Key: key, ID: uint64(i)}
			want = append(want, at)
			r.Offer(at, func() []text.Cell { return []text.Cell{{Full: fmt.Sprint(at)}} })
		}
		slices.SortFunc(want, text.CompareRanks)
		if limit > 0 && len(want) > limit {
			want = want[:limit]
		}
		got := r.Sorted()
		if len(got) != len(want) || r.Total != uint64(len(keys)) {
			t.Fatalf("%d rows of %d, want %d of %d", len(got), r.Total, len(want), len(keys))
		}
		for i := range want {
			if got[i][0].Full != fmt.Sprint(want[i]) {
				t.Fatalf("row %d is %s, not %v", i, got[i][0].Full, want[i])
			}
		}
	})
}

func TestTableKeepsOnlyTop(t *testing.T) {
	w, err := NewTable(io.Discard, TableOptions{Top: 3})
	if err != nil {
		t.Fatal(err)
	}
	c := reporttest.Connections()[4] // embryonic
	add := func() {
		c.ID++
		c.Start++
		if err := w.Connection(c); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		add()
	}
	if n := testing.AllocsPerRun(1000, add); n != 0 {
		t.Errorf("%v allocations for a row that is not shown", n)
	}
	if len(w.connections.Rows) != 3 || len(w.embryonic.Rows) != 3 || w.embryonic.Total != w.connections.Total {
		t.Errorf("%d and %d rows are kept", len(w.connections.Rows), len(w.embryonic.Rows))
	}
}

func TestTimeWaitSection(t *testing.T) {
	holding := sampleEnding().Result.TimeWait[0]
	holding.Server.Entered, holding.Server.Reused, holding.Server.LastExpiry = 3, 3, record.NoTime
	holding.ReusesDenied = 2
	holding.Ports.Rate = record.NullableNumber{Value: 941.1, Known: true}
	holding.Ports.ExhaustedAt = reporttest.At(30 * time.Second)
	summary := &record.Summary{LeftOut: record.LeftOut{TimeWait: 5}, TimeWait: record.TimeWaitTotals{Held: 257_917}}
	s := timeWaitSection(&record.Result{TimeWait: []record.TimeWaitHolding{holding, holding}, Summary: summary}, 3)
	if want := "257,917 held at the end (RFC 9293 §3.6.1)"; s.note != want {
		t.Errorf("the note is %q, not %q: pairs that are left out hold some too", s.note, want)
	}
	if len(s.grid.Rows) != 3 || s.total != 4 {
		t.Errorf("%d rows of %d", len(s.grid.Rows), s.total)
	}
	after := strings.Join(s.after, "\n")
	for _, want := range []string{
		"10.0.0.1 to 10.0.0.2:443: 941 ports a second enter TIME_WAIT, and 118 a second leave it if it lasts 4m00s " +
			"(--msl): at this rate all 28,232 from 32768 to 60999 are locked at 2023-11-14 22:13:50.000",
		"10.0.0.1 to 10.0.0.2:443: 2 SYNs met TIME_WAIT and failed",
		"left out: 5 pairs",
	} {
		if !strings.Contains(after, want) {
			t.Errorf("it does not say %q but\n%s", want, after)
		}
	}
	holding.Ports.ExhaustedAt, holding.Ports.Locked = record.NoTime, 20_000
	if got, want := exhaustion(&holding), "20,000 of 28,232 ports are locked at the end if TIME_WAIT lasts 4m00s "+
		"(--msl)"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	for _, contradicted := range []record.Duration{60e9, record.NoDuration} { // of Linux; ports were reused
		if holding.Ports.TwoMSL = contradicted; exhaustion(&holding) != "" {
			t.Errorf("with a 2MSL of %v it says %q", contradicted, exhaustion(&holding))
		}
	}
	holding.Ports.ExhaustedAt, holding.Ports.TwoMSL = reporttest.At(30*time.Second), 60e9
	if got, want := exhaustion(&holding), "941 ports a second enter TIME_WAIT, and 471 a second leave it if it lasts "+
		"1m00s (Linux's, by the options of the SYNs)"; !strings.HasPrefix(got, want) {
		t.Errorf("of Linux it says %q, want %q", got, want)
	}
}

func TestHumanUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{text.Count(0), "0"}, {text.Count(999), "999"}, {text.Count(1000), "1,000"}, {text.Count(2401282), "2,401,282"},
		{text.Count(math.MaxUint64), "18,446,744,073,709,551,615"},
		{text.Counted(1, "packet"), "1 packet"}, {text.Counted(0, "packet"), "0 packets"},
		{text.Amount(0), "0"}, {text.Amount(999), "999"}, {text.Amount(1000), "1.00k"}, {text.Amount(9994), "9.99k"},
		{text.Amount(9996), "10.0k"},
		{text.Amount(99_949), "99.9k"}, {text.Amount(99_951), "100k"}, {text.Amount(999_499), "999k"},
		{text.Amount(999_500), "1.00M"},
		{text.Amount(math.MaxUint64), "18.4E"},
		{text.Size(134), "134 B"}, {text.Size(359_102_551), "359 MB"},
		{text.Rate(0.25), "0.25"}, {text.Rate(999), "999"}, {text.Rate(2871), "2.87k"},
		{text.Percent(0), "0%"}, {text.Percent(1), "100%"}, {text.Percent(0.5), "50.0%"},
		{text.Percent(0.0003), "<0.1%"}, {text.Percent(0.9996), ">99.9%"},
		{text.Percent(math.NaN()), "-"},
		{text.Span(record.NoDuration), "-"}, {text.Span(0), "0s"}, {text.Span(7), "7ns"}, {text.Span(1500), "1.50µs"},
		{text.Span(999_499), "999µs"},
		{text.Span(999_500), "1.00ms"}, {text.Span(10_234_000), "10.2ms"}, {text.Span(999_400_000), "999ms"},
		{text.Span(999_600_000), "1.00s"},
		{text.Span(59_949_000_000), "59.9s"}, {text.Span(59_950_000_000), "1m00s"}, {text.Span(123e9), "2m03s"},
		{text.Span(3599_600_000_000), "1h00m"},
		{text.Span(3*3600e9 + 12*60e9), "3h12m"}, {text.Span(86_400e9 * 100), "100d00h"}, {text.Span(-2e9), "-2.00s"},
		{text.Clock(reporttest.At(0)), "2023-11-14 22:13:20.000"}, {text.ClockShort(reporttest.At(0)), "22:13:20.000"},
		{text.Clock(record.NoTime), "-"},
		{text.ShortSocket(netip.MustParseAddrPort("255.255.255.255:65535")), "255.255.255.255:65535"},
		{text.ShortSocket(netip.MustParseAddrPort("[::1]:80")), "[::1]:80"},
		{text.ShortSocket(netip.MustParseAddrPort("[2001:db8:1234:5678:9abc:def0:1234:5678]:40022")),
			"[2001:d…4:5678]:40022"},
		{text.ShortSocket(netip.MustParseAddrPort("[2001:db8:1234:5678:9abc:def0:1234:5678]:7")),
			"[2001:db8…234:5678]:7"},
		{text.Plain("é \x00\x1b\n\"\\\u202e\xff日"), "é \\x00\\x1b\\n\"\\\\u202e\ufffd日"},
		{strings.Join(text.Wrap([]string{"one", "two", "three four five"}, ", ", 9), "|"), "one, two,|three|four five"},
		{strings.Join(text.Wrap([]string{"one", "two"}, ", ", 0), "|"), "one, two"},
		{strings.Join(text.Wrap([]string{"unbreakable"}, ", ", 5), "|"), "unbreakable"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	benchmarkWriter(b, func(w io.Writer) writer {
		t, err := NewTable(w, TableOptions{Top: DefaultTop})
		if err != nil {
			b.Fatal(err)
		}
		return t
	})
}

func BenchmarkCSV(b *testing.B) {
	benchmarkWriter(b, func(w io.Writer) writer { return NewCSV(w) })
}

// Each kind of fault has a line: servers with a great share of it one of their own, the others one together. What a
// scan causes by the thousand is left to the scan's line.
func TestMatters(t *testing.T) {
	connection := func(id uint64, client, server string, codes ...record.FindingCode) *record.Connection {
		c := &record.Connection{ID: id, Start: reporttest.At(time.Duration(id) * time.Second)}
		c.Client.IP = netip.MustParseAddr(client)
		s := netip.MustParseAddrPort(server)
		c.Server.IP, c.Server.Port = s.Addr(), s.Port()
		for _, code := range codes {
			c.Findings = append(c.Findings, record.Finding{Code: code.String(), Severity: code.Kind().Severity})
		}
		return c
	}
	var all []*record.Connection
	for id := range uint64(4) {
		all = append(all, connection(id+1, "10.0.0.1", "10.0.0.2:443", record.FindingRefused,
			record.FindingSynRetransmitted))
	}
	all = append(all,
		connection(5, "10.0.0.1", "10.0.0.3:80", record.FindingRefused),
		connection(6, "10.0.0.4", "10.0.0.5:80", record.FindingRefused),
		connection(7, "10.0.0.1", "10.0.0.6:22", record.FindingDataUnanswered),
		connection(8, "10.0.0.1", "10.0.0.2:443"),
		connection(9, "192.0.2.9", "10.0.0.7:1", record.FindingRefused))
	e := emptyEnding()
	e.Result.Scans = []record.Scan{{Kind: "syn", Source: netip.MustParseAddr("192.0.2.9"), Targets: 1, Ports: 1,
		Probes: 1, Start: reporttest.At(0)}}
	got, _, _ := strings.Cut(table(t, TableOptions{}, all, e), "\n\n")
	want := `WHAT MATTERS  worst first
error data unanswered: 1 of 1 connection to 10.0.0.6:22, since 22:13:27.000: segments were retransmitted and never acknowledged
warning refused: 4 of 5 connections to 10.0.0.2:443 (1, 2, 3, …), since 22:13:21.000: an RST answered the SYN
warning refused: 2 of 9 connections, to 2 other servers (5, 6), since 22:13:25.000: an RST answered the SYN
warning SYN scan: 192.0.2.9 tries 1 port of 1 address, since 22:13:20.000`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A group's percentiles are right to one part in eight, and never beyond the largest.
func TestRTTCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r rttCounts
		var all []record.Duration
		for _, d := range rapid.SliceOfN(rapid.Int64Range(0, 1e12), 1, 50).Draw(t, "times") {
			r.add(record.Duration(d))
			all = append(all, record.Duration(d))
		}
		slices.Sort(all)
		exact := all[(len(all)+1)/2-1]
		if got := r.at(0.5); got < exact || got > exact+exact/8+1 || got > all[len(all)-1] {
			t.Fatalf("the median is %d, not %d", got, exact)
		}
	})
}
