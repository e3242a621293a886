package metrics

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/screen"
)

var update = flag.Bool("update", false, "write testdata/scrape.txt and docs/METRICS.md instead of comparing with them")

// measured returns the metrics of captures of testdata/pcaps: vitals after the last packet, records at the end.
func measured(t *testing.T, names ...string) *Metrics {
	t.Helper()
	m := New("test")
	measure(t, m, names...)
	return m
}

func measure(t *testing.T, m *Metrics, names ...string) {
	t.Helper()
	for i := range names {
		names[i] = filepath.Join("../../testdata/pcaps", names[i])
	}
	packets, err := capture.Open(names, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	tracker := analyzer.New(analyzer.Options{}, m.Connection)
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		packet, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range decoder.Decode(packet, nil) {
			tracker.Segment(&s)
		}
	}
	live, result := tracker.Live(), tracker.Result()
	tracker.Close()
	stats := packets.Stats()
	kernel, iface := uint64(3), uint64(4)
	m.Vitals(&screen.Vitals{
		Live: live, Packets: stats.Packets, Bytes: stats.WireBytes, Floods: tracker.Result().SynFloods,
		Listeners: result.Listeners, Holdings: tracker.Result().TimeWait,
		Dropped: report.Dropped{Kernel: &kernel, Interface: &iface}, Evicted: 5,
		Events: &report.Events{Matched: 9, Run: 5, Failed: 2, Killed: 1, Dropped: 4, Dumps: 8, DumpsDropped: 1},
	})
}

// scrape returns what Prometheus would get, without the metrics of the process.
func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var own strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "tcplife_") {
			own.WriteString(line)
		}
	}
	return own.String()
}

func TestScrape(t *testing.T) {
	m := measured(t, "close-reset.pcap", "close-server-first.pcap", "half-open-data.pcap", "refused.pcap",
		"embryonic.pcap", "syn-flood.pcap")
	var some []string
	// only counters above 0, because there are many findings
	for line := range strings.Lines(scrape(m)) {
		if !strings.HasSuffix(line, " 0\n") {
			some = append(some, line)
		}
	}
	golden(t, "testdata/scrape.txt", strings.Join(some, ""))
}

// golden compares got with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

// The names and helps satisfy Prometheus' own linter.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(measured(t, "syn-flood.pcap").registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// boundedSeries are those whose labels are addresses.
var boundedSeries = regexp.MustCompile(`\{(client|listener|target)="`)

// At most 20 listeners, floods and pairs of hosts have series: the largest.
func TestAddressesAreBounded(t *testing.T) {
	v := screen.Vitals{}
	for i := range 50 {
		ip, port := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), uint16(80)
		v.Listeners = append(v.Listeners, record.Listener{IP: ip, Port: port, Attempts: uint64(i)})
		v.Floods = append(v.Floods, record.SynFlood{Target: record.Target{IP: ip, Port: &port},
			UnresolvedPeak: uint64(i)})
		v.Holdings = append(v.Holdings, record.TimeWaitHolding{Client: record.TimeWaitHolder{IP: ip},
			Server: record.TimeWaitHolder{IP: ip, Port: &port}, Ports: record.EphemeralPorts{Locked: uint64(i + 1),
				ExhaustedAt: record.NoTime}})
	}
	m := New("test")
	m.Vitals(&v)
	text := scrape(m)
	for name, lines := range map[string]int{"tcplife_listener_attempts{": 20, "tcplife_listener_pending{": 20,
		"tcplife_flood_unresolved_peak{": 20, "tcplife_client_ports_locked{": 20} {
		if n := strings.Count(text, "\n"+name); n != lines {
			t.Errorf("%s: %d series, want %d", name, n, lines)
		}
	}
	for _, line := range []string{`tcplife_listener_attempts{listener="10.0.0.49:80"} 49`,
		`tcplife_client_ports_locked{client="10.0.0.49",server="10.0.0.49:80"} 50`} {
		if !strings.Contains(text, line) {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

// Unanswered attempts count while a flood lasts, not only when they end.
func TestUnansweredAttemptsMove(t *testing.T) {
	text := scrape(measured(t, "syn-flood.pcap"))
	for _, line := range []string{"tcplife_unanswered_attempts 273\n",
		`tcplife_listener_pending{listener="198.51.100.80:443"} 128`} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
}

// Alerts and dashboard use only metrics that exist, and Prometheus accepts the rules.
func TestAlertsAndDashboard(t *testing.T) {
	families, err := measured(t, "syn-flood-cookies.pcap", "real-backlog-overflow.pcap").registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"up": true}
	for _, f := range families {
		known[f.GetName()] = true
		if f.GetType().String() == "HISTOGRAM" {
			known[f.GetName()+"_bucket"], known[f.GetName()+"_count"], known[f.GetName()+"_sum"] = true, true, true
		}
	}
	asked := regexp.MustCompile(`\btcplife_[a-z_]+\b`)
	for _, file := range []string{"../../contrib/alerts.yml", "../../contrib/grafana.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := asked.FindAllString(string(text), -1)
		if len(names) < 8 {
			t.Errorf("%s uses %d metrics, which is too few", file, len(names))
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s uses %s, which is no metric", file, name)
			}
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, _ := os.ReadFile("../../contrib/grafana.json")
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Error(err)
	}
	for _, p := range dashboard.Panels {
		if p.Title == "" || len(p.Targets) == 0 || p.Targets[0].Expr == "" {
			t.Errorf("a panel has no query: %+v", p)
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("SKIPPED: the rules by promtool, which is not installed (apt-get install prometheus)")
		return
	}
	rules := []string{"check", "rules", "../../contrib/alerts.yml"}
	if out, err := exec.Command(promtool, rules...).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	tests := []string{"test", "rules", "../../contrib/alerts_test.yml"}
	if out, err := exec.Command(promtool, tests...).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	var expressions strings.Builder
	expressions.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, p := range dashboard.Panels {
		for j, target := range p.Targets {
			fmt.Fprintf(&expressions, "  - record: p%d_%d\n    expr: %q\n", i, j, target.Expr)
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(expressions.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// Traffic adds no series except those with addresses.
func TestSeriesAreBounded(t *testing.T) {
	names := func(text string) (series []string) {
		for line := range strings.Lines(text) {
			// a capture file may not have these
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tcplife_dropped") &&
				!boundedSeries.MatchString(line) {
				series = append(series, line[:strings.LastIndexByte(line, ' ')])
			}
		}
		return series
	}
	files, err := filepath.Glob("../../testdata/pcaps/*.pcap")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	m := New("test")
	without := names(scrape(m))
	for _, file := range files {
		measure(t, m, filepath.Base(file))
	}
	if with := names(scrape(m)); !slices.Equal(without, with) {
		t.Errorf("traffic changes the series:\n%s", cmp.Diff(without, with))
	}
}

// docs/METRICS.md lists all metrics.
func TestDocs(t *testing.T) {
	families, err := measured(t, "syn-flood.pcap").registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tcplife_") {
			continue
		}
		labels := map[string][]string{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels[l.GetName()], l.GetValue()) {
					labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
				}
			}
		}
		var told []string
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			values := strings.Join(labels[name], ", ")
			switch name {
			case "code":
				values = "see [FINDINGS.md](FINDINGS.md)"
			case "listener", "target", "client", "server":
				values = "an address, 20 at most"
			case "version":
				values = "of tcplife"
			}
			told = append(told, "`"+name+"`: "+values)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()),
			f.GetHelp(), strings.Join(told, "; "))
	}
	const path, begin = "../../docs/METRICS.md", "| --- | --- | --- | --- |\n"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(doc), begin)
	_, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatalf("%s has no table", path)
	}
	golden(t, path, before+begin+table.String()+"\n"+after)
}

// Every value that the schema of the records knows has its series.
func TestLabelsAreThoseOfTheSchema(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Enum       []string
			Properties map[string]struct{ Enum []string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(report.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		series string // of a value
		values []string
	}{
		{`tcplife_connections_total{outcome="%s"} 0`, schema.Defs["outcome"].Enum},
		{`tcplife_teardowns_total{kind="%s"} 0`, schema.Defs["teardown_kind"].Enum},
		{`tcplife_syn_floods{verdict="%s"} 0`, schema.Defs["syn_flood"].Properties["verdict"].Enum},
	} {
		text := scrape(New("test"))
		if len(test.values) == 0 {
			t.Errorf("the schema has no values for %s", test.series)
		}
		for _, v := range test.values {
			if want := fmt.Sprintf(test.series, v); !strings.Contains(text, want+"\n") {
				t.Errorf("not scraped: %s", want)
			}
		}
	}
}
