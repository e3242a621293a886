package metrics

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/screen"
)

var update = flag.Bool("update", false, "write testdata/scrape.txt and docs/METRICS.md instead of comparing with them")

// measured are the metrics of captures of testdata/pcaps: their vitals are those after the last packet, their records
// those at the end.
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
	live := tracker.Live()
	tracker.Close()
	stats := packets.Stats()
	kernel, iface := uint64(3), uint64(4)
	m.Vitals(&screen.Vitals{
		Live: live, Packets: stats.Packets, Bytes: stats.WireBytes, Floods: tracker.Result().SynFloods,
		Dropped: report.Dropped{Kernel: &kernel, Interface: &iface}, Evicted: 5,
	})
}

// scrape is what Prometheus would get, but for what is of the process.
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
	// of the counters those that count something, for there are many findings
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

// The names and helps are what Prometheus' own linter wants.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(measured(t, "syn-flood.pcap").registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// No traffic makes more series than there are without any.
func TestSeriesAreBounded(t *testing.T) {
	names := func(text string) (series []string) {
		for line := range strings.Lines(text) {
			// which a capture file may not tell
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tcplife_dropped") {
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

// docs/METRICS.md lists what there is.
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
