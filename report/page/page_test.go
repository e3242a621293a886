package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/testrun"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// made returns a page, and the same connections from -o jsonl.
func made(t testing.TB, again bool, segments []flows.Segment, o Options) (page string, lines []string) {
	t.Helper()
	var out, jsonl bytes.Buffer
	p, j := New(&out, o), report.NewJSONL(&jsonl)
	track := func(o analyzer.Options, emit func(*record.Connection)) *record.Result {
		a := analyzer.New(o, emit)
		for i := range segments {
			a.Segment(&segments[i])
		}
		a.Close()
		return a.Result()
	}
	result := track(analyzer.Options{}, func(c *record.Connection) {
		if err := p.Connection(c); err != nil {
			t.Fatal(err)
		}
		if err := j.Connection(c); err != nil {
			t.Fatal(err)
		}
	})
	if again {
		var o analyzer.Options
		o.Trace, o.Traced, o.Proven = p.SecondReading()
		track(o, func(*record.Connection) {})
	}
	e := &report.Ending{Result: result, Capture: &report.Capture{
		Record: "capture", Schema: record.Schema, Files: []string{"x.pcap"}, Packets: uint64(len(segments)),
		First: record.Time(segments[0].Time), Last: record.Time(segments[len(segments)-1].Time),
	}}
	for _, w := range []interface{ Finish(*report.Ending) error }{p, j} {
		if err := w.Finish(e); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), strings.Split(strings.TrimSpace(jsonl.String()), "\n")
}

// read returns what the page's own scripts read from it, in node.
func read(t *testing.T, page string) (lines []string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("NOT TESTED: what a page's scripts read from it, because node is not installed (apt-get install nodejs)")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "--no-warnings", "read.mjs", file)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func decoded(t *testing.T, line string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return m
}

// common returns want without the members that got lacks, because a page does not have every field.
func common(want, got any) any {
	switch g := got.(type) {
	case map[string]any:
		w, is := want.(map[string]any)
		if !is {
			return want
		}
		m := map[string]any{}
		for name := range g {
			if v, has := w[name]; has {
				m[name] = common(v, g[name])
			}
		}
		return m
	case []any:
		w, is := want.([]any)
		if !is {
			return want
		}
		list := make([]any, len(w))
		for i := range w {
			list[i] = w[i]
			if i < len(g) {
				list[i] = common(w[i], g[i])
			}
		}
		return list
	}
	return want
}

func captures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	return files
}

// The scripts read what -o jsonl writes: every number of every connection, every list and sum. The ladders are those of
// explain.
func TestPageHoldsWhatJSONSays(t *testing.T) {
	var segments []flows.Segment
	for _, file := range captures(t) {
		some := reporttest.SegmentsOf(t, file)
		for i := range some {
			some[i].Packet += uint64(len(segments))
		}
		segments = append(segments, some...)
	}
	slices.SortStableFunc(segments, func(a, b flows.Segment) int { return int(min(1, max(-1, a.Time-b.Time))) })
	for i := range segments {
		segments[i].Packet = uint64(i + 1)
	}
	page, lines := made(t, true, segments, Options{})
	want := map[string][]map[string]any{}
	for _, line := range lines {
		m := decoded(t, line)
		kind := m["record"].(string)
		want[kind] = append(want[kind], m)
	}
	slices.SortFunc(want["connection"], func(a, b map[string]any) int {
		return int(a["id"].(float64) - b["id"].(float64))
	})
	got := map[string][]map[string]any{}
	ladders := 0
	for _, line := range read(t, page) {
		m := decoded(t, line)
		if svg, has := m["svg"].(string); has {
			ladders++
			if !strings.Contains(svg, fmt.Sprintf("CONNECTION %v ", m["id"])) {
				t.Errorf("connection %v has the ladder of another connection", m["id"])
			}
		}
		kind := m["record"].(string)
		if delete(m, "svg"); kind == "connection" {
			delete(m, "marks")
		}
		got[kind] = append(got[kind], m)
	}
	if len(want["connection"]) < 500 || ladders < 200 {
		t.Errorf("%d connections, %d ladders", len(want["connection"]), ladders)
	}
	for kind := range want {
		if len(got[kind]) != len(want[kind]) {
			t.Errorf("%d records of kind %s, want %d", len(got[kind]), kind, len(want[kind]))
			continue
		}
		for i := range want[kind] {
			w := any(want[kind][i])
			if kind == "connection" {
				w = common(w, got[kind][i])
			}
			if diff := cmp.Diff(w, any(got[kind][i])); diff != "" {
				t.Fatalf("%s %d: the page differs:\n%s", kind, i, diff)
			}
		}
	}
}

// Without a second reading there are no ladders, and what comes from the record alone is marked.
func TestPageWithoutSecondReading(t *testing.T) {
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/svr4-bsd.pcap")
	page, _ := made(t, false, segments, Options{})
	if m := decoded(t, last(read(t, page))); m["svg"] != nil || fmt.Sprint(m["marks"]) != "[client FIN]" {
		t.Errorf("%v", m)
	}
	page, _ = made(t, true, segments, Options{})
	if m := decoded(t, last(read(t, page))); m["svg"] == nil || fmt.Sprint(m["marks"]) != "[client FIN server FIN]" {
		t.Errorf("%v", m)
	}
}

func last(lines []string) string { return lines[len(lines)-1] }

var (
	policy  = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
	scripts = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	styles  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// The policy allows exactly the scripts and styles of the file, and no request.
func TestPolicy(t *testing.T) {
	page, _ := made(t, true, reporttest.SegmentsOf(t, "../../testdata/pcaps/refused.pcap"), Options{})
	given := policy.FindStringSubmatch(page)
	if given == nil || !strings.HasPrefix(given[1], "default-src 'none'; script-src 'sha256-") {
		t.Fatalf("policy %q", given)
	}
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	ran := 0
	for _, s := range scripts.FindAllStringSubmatch(page, -1) {
		if strings.Contains(s[1], "text/plain") {
			continue
		}
		ran++
		if !strings.Contains(given[1], "script-src "+hash(s[2])+";") {
			t.Error("a script has another hash than the policy")
		}
	}
	sheets := styles.FindAllStringSubmatch(page, -1)
	if ran != 1 || len(sheets) != 1 || !strings.Contains(given[1], "style-src "+hash(sheets[0][1])+";") {
		t.Errorf("%d scripts, %d style sheets, policy %s", ran, len(sheets), given[1])
	}
	for _, asks := range []string{
		"src=\"http", "href=\"http", "url(http", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(",
	} {
		if strings.Contains(page, asks) {
			t.Errorf("the page has %q", asks)
		}
	}
	for _, last := range []string{"start", "app"} {
		s := script(append(slices.Clip(modules), last)...)
		for _, no := range []string{"import ", "\nexport ", "</script"} {
			if strings.Contains(s, no) {
				t.Errorf("%q is left in the script", no)
			}
		}
	}
}

// Names from a capture cannot end an element.
func TestPageEscapes(t *testing.T) {
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/refused.pcap")
	const hostile = `</script><script>alert(1)</script><!--`
	command := func(next string) string { return hostile + next }
	page, _ := made(t, true, segments, Options{Where: hostile, Chosen: true, Command: command})
	if strings.Contains(page, "alert(1)") || strings.Count(page, "</script>") != 3 {
		t.Error("a text of the command line became markup")
	}
}

func TestPageIsTheSameAgain(t *testing.T) {
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/scan-kinds.pcap")
	a, _ := made(t, true, segments, Options{})
	b, _ := made(t, true, segments, Options{})
	if a != b {
		t.Error("two pages of the same capture differ")
	}
}

// many adds n connections of two packets to a page, those that found accepts with a finding.
func many(p *Page, n int, found func(i int) bool) {
	c := reporttest.Connections()[0].Clone()
	for i := range n {
		c.ID, c.Start, c.End = uint64(2*i+1), record.Time(i)*1000, record.Time(i)*1000+500
		c.Client.IP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.Findings = c.Findings[:0]
		if found(i) {
			f := record.Finding{Code: "refused", Severity: record.Warning, Side: record.Server}
			c.Findings = append(c.Findings, f)
		}
		p.Connection(c)
	}
}

// Up to MostWhole connections, all have their times. If there are more, those with findings and the first ones have.
func TestWhole(t *testing.T) {
	for _, tt := range []struct{ connections, found, timed int }{
		{MostWhole, 0, MostWhole},
		{MostWhole + 1, 0, FirstWhole},
		{MostWhole + 1, 500, FirstWhole + 500},
		{MostWhole + 1, mostTimed, mostTimed},
	} {
		p := New(&bytes.Buffer{}, Options{})
		many(p, tt.connections, func(i int) bool { return i >= FirstWhole && i < FirstWhole+tt.found })
		p.choose()
		if len(p.chosen) != tt.timed || len(p.rows) != tt.connections {
			t.Errorf("of %d connections, %d with findings, %d have times and %d rows", tt.connections, tt.found,
				len(p.chosen), len(p.rows))
		}
	}
}

// Beyond MostRows only a sample has rows, but the sums still count all.
func TestSample(t *testing.T) {
	p := New(&bytes.Buffer{}, Options{})
	many(p, MostRows, func(int) bool { return false })
	if len(p.rows) != MostRows {
		t.Errorf("%d rows", len(p.rows))
	}
	p = New(&bytes.Buffer{}, Options{})
	many(p, MostRows+1, func(int) bool { return false })
	if len(p.rows) < MostRows*4/10 || len(p.rows) > MostRows*6/10 || p.total != MostRows+1 {
		t.Errorf("%d rows of %d", len(p.rows), p.total)
	}
}

// The ladders in the file are drawn by the same code as those of explain, and have room that is bounded.
func TestLaddersAreBounded(t *testing.T) {
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/syn-flood.pcap")
	p := New(&bytes.Buffer{}, Options{})
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) { p.Connection(c) })
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	var o analyzer.Options
	o.Trace, o.Traced, o.Proven = p.SecondReading()
	a = analyzer.New(o, func(*record.Connection) {})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	const room = 40 << 10
	ids, blocks := p.packLadders(room)
	size := len(strings.Join(blocks, "\n"))
	if len(ids) < 2 || len(ids) != len(blocks) || size > room || size < room/2 {
		t.Errorf("%d blocks of ladders, %d bytes", len(ids), size)
	}
}

// A page of 100,000 connections has at most FileBytes, with clients anywhere and times of any nanosecond: then the
// times of rows are cut to microseconds. Where there is room they are exact. The times of states always are.
func TestPageOfManyIsSmall(t *testing.T) {
	type kind struct {
		connections int
		unit        record.Time
		cut         bool
	}
	for _, tt := range testrun.Some(3, []kind{{100_000, 1, true}, {100_000, 1000, false}, {30_000, 1, false}}) {
		var out bytes.Buffer
		p := New(&out, Options{})
		random := rand.New(rand.NewPCG(1, 2))
		c := reporttest.Connections()[0].Clone()
		c.Start = 1_700_000_000_123_456_789 / tt.unit * tt.unit
		want := map[uint64]*record.Connection{}
		clients := make([][4]byte, 20_000)
		for i := range clients {
			binary.BigEndian.PutUint32(clients[i][:], random.Uint32())
		}
		span := func(most int64) record.Time { return record.Time(random.Int64N(most)) / tt.unit * tt.unit }
		for range tt.connections {
			c.ID += uint64(random.IntN(16) + 1)
			c.Start += span(1e6)
			c.End = c.Start + span(3e8)
			c.Duration = record.Duration(c.End - c.Start)
			c.Handshake.ServerRTT, c.Handshake.ClientRTT = record.Duration(span(5e7)), record.Duration(span(1e6))
			c.Client.IP = netip.AddrFrom4(clients[random.IntN(len(clients))])
			c.Client.Port = uint16(random.Uint32())
			c.Client.Bytes, c.Server.Bytes = uint64(random.IntN(300)), uint64(random.IntN(600))
			for _, states := range [][]record.StateEntry{c.Client.States, c.Server.States} {
				for i := range states {
					states[i].At = c.Start + record.Time(i)*(c.End-c.Start)/3/tt.unit*tt.unit
				}
			}
			if err := p.Connection(c); err != nil {
				t.Fatal(err)
			}
			if len(want) < 2000 {
				want[c.ID] = c.Clone()
			}
		}
		nothing := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
		nothing.Close()
		e := &report.Ending{
			Result:  nothing.Result(),
			Capture: &report.Capture{Record: "capture", Schema: record.Schema},
		}
		if err := p.Finish(e); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d connections in %d ns: %d bytes", tt.connections, tt.unit, out.Len())
		if out.Len()+fewLadderBytes > FileBytes {
			t.Errorf("%d connections in %d ns: %d bytes", tt.connections, tt.unit, out.Len())
		}
		whole := func(n int64) float64 {
			if tt.cut {
				n = n / 1000 * 1000
			}
			return float64(n) / 1e9
		}
		for _, line := range read(t, out.String()) {
			if len(want) == 0 {
				break
			}
			m := decoded(t, line)
			id, _ := m["id"].(float64)
			c := want[uint64(id)]
			if c == nil {
				continue
			}
			delete(want, c.ID)
			start, err := time.Parse(time.RFC3339Nano, m["start"].(string))
			if err != nil {
				t.Fatal(err)
			}
			wantStart := int64(c.Start)
			if tt.cut {
				wantStart = wantStart / 1000 * 1000
			}
			rtts := m["handshake"].(map[string]any)
			if start.UnixNano() != wantStart || m["duration_s"] != whole(int64(c.Duration)) ||
				rtts["server_rtt_s"] != whole(int64(c.Handshake.ServerRTT)) ||
				rtts["client_rtt_s"] != whole(int64(c.Handshake.ClientRTT)) {
				t.Fatalf("%s, of which start %d, duration %d", line, c.Start, c.Duration)
			}
			states, _ := m["client"].(map[string]any)["states"].([]any)
			for i := range states {
				at, err := time.Parse(time.RFC3339Nano, states[i].(map[string]any)["at"].(string))
				if err != nil || at.UnixNano() != int64(c.Client.States[i].At) {
					t.Fatalf("%s, of which state %d began at %d", line, i, c.Client.States[i].At)
				}
			}
		}
		if len(want) > 0 {
			t.Errorf("%d connections are not in the page", len(want))
		}
	}
}
