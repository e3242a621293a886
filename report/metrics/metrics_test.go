package metrics

import (
	"flag"
	"io"
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
)

var update = flag.Bool("update", false, "write testdata/scrape.txt instead of comparing with it")

// measured are the metrics of captures of testdata/pcaps: their vitals are those after the last packet, their records those
// at the end.
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
	m.Vitals(&report.Vitals{
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
	m := measured(t, "close-reset.pcap", "close-server-first.pcap", "half-open-data.pcap", "refused.pcap", "embryonic.pcap", "syn-flood.pcap")
	var some []string
	for line := range strings.Lines(scrape(m)) { // of the counters those that count something, for there are many findings
		if !strings.HasSuffix(line, " 0\n") {
			some = append(some, line)
		}
	}
	got := strings.Join(some, "")
	const path = "testdata/scrape.txt"
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
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tcplife_dropped") { // which a capture file may not tell
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
