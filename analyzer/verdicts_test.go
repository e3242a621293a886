package analyzer_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/ledger"
)

// verdicts has the verdicts of every capture that has any. All others must have none.
var verdicts = map[string]string{
	"syn-flood.pcap": `
		spoofed_flood 198.51.100.80:443 22:13:20.500 401 SYNs 400 sources 0 completed`,
	"syn-flood-cookies.pcap": `
		spoofed_flood 198.51.100.80:443 22:13:21.000 242 SYNs 242 sources 0.0207 completed, cookies since 22:13:21.200`,
	"syn-flood-one-source.pcap": `
		single_source_flood 198.51.100.80:443 22:13:20.500 201 SYNs 2 sources 0.005 completed`,
	"flash-crowd.pcap": `
		flash_crowd 198.51.100.80:443 22:13:24.000 180 SYNs 180 sources 1 completed`,
	"syn-scan.pcap": `
		syn vertical 203.0.113.66 22:13:20.000 1 targets 60 ports {3 56 1 0} 22 80 443`,
	"scan-horizontal.pcap": `
		syn horizontal 203.0.113.99 22:13:20.000 24 targets 1 ports {2 8 14 0} 23 23`,
	"scan-kinds.pcap": `
		connect vertical 203.0.113.10 22:13:20.000 1 targets 24 ports {2 21 1 0} 22 80
		fin vertical 203.0.113.11 22:13:21.000 1 targets 24 ports {3 21 0 0} 22 25 80
		null vertical 203.0.113.12 22:13:22.000 1 targets 24 ports {3 21 0 0} 22 25 80
		xmas vertical 203.0.113.13 22:13:23.000 1 targets 24 ports {3 21 0 0} 22 25 80
		maimon vertical 203.0.113.14 22:13:24.000 1 targets 24 ports {3 21 0 0} 22 25 80
		ack vertical 203.0.113.15 22:13:25.000 1 targets 24 ports {0 0 1 23}
		window vertical 203.0.113.16 22:13:26.000 1 targets 24 ports {2 21 1 0} 22 80`,
	"backscatter.pcap": `
		backscatter 203.0.113.80 22:13:20.0 40 sockets`,
	"reflection.pcap": `
		syn_ack_reflection 192.0.2.10 22:13:20.0 30 sockets`,
}

func TestVerdicts(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		a := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
		for _, seg := range segmentsOf(t, file) {
			a.Segment(&seg)
		}
		a.Close()
		if diff := gocmp.Diff(trimmed(verdicts[filepath.Base(file)]), verdictsOf(a.Result())); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", file, diff)
		}
	}
}

func trimmed(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// verdictsOf writes the verdicts, one line each.
func verdictsOf(r *record.Result) string {
	clock := func(t record.Time) string { return string(t.Append(nil)[11:23]) }
	var lines []string
	for _, f := range r.SynFloods {
		target := f.Target.IP.String()
		if f.Target.Port != nil {
			target += fmt.Sprint(":", *f.Target.Port)
		}
		line := fmt.Sprintf("%s %s %s %d SYNs %d sources %v completed", f.Verdict, target, clock(f.Onset), f.Syns,
			f.Sources, f.CompletionRatio)
		if f.SynCookies != nil {
			line += ", cookies since " + clock(f.SynCookies.Since)
		}
		lines = append(lines, line)
	}
	for _, s := range r.Scans {
		line := fmt.Sprintf("%s %s %s %s %d targets %d ports %v", s.Kind, s.Direction, s.Source, clock(s.Start),
			s.Targets, s.Ports, s.Found)
		for _, o := range s.Open {
			line += fmt.Sprint(" ", o.Port)
		}
		lines = append(lines, line)
	}
	for _, b := range r.Backscatter {
		lines = append(lines, fmt.Sprintf("%s %s %s %d sockets", b.Kind, b.Victim, clock(b.Start)[:10], b.Sockets))
	}
	return strings.Join(lines, "\n")
}

// segmentsOf reads a capture.
func segmentsOf(t *testing.T, file string) (all []flows.Segment) {
	t.Helper()
	reader, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		packet, err := reader.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = decoder.Decode(packet, all)
	}
}

// If a listener did not accept at the ACK, its times in SYN_RCVD are those of the connections' histories.
func TestSynRcvdOfOverflow(t *testing.T) {
	var longest record.Duration
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		if s := c.Server.States; len(s) > 1 {
			longest = max(longest, record.Duration(s[1].At-c.Handshake.SynAckAt))
		}
	})
	for _, seg := range segmentsOf(t, "../testdata/pcaps/real-backlog-overflow.pcap") {
		a.Segment(&seg)
	}
	a.Close()
	l := a.Result().Listeners[0]
	if l.SynRcvd.Max != longest || longest < 3e9 || l.FellBack == 0 || l.Embryonic != 0 {
		t.Errorf("%+v, and %v", l, longest)
	}
}

// Listeners count as completed exactly the handshakes that records show as completed.
func TestListenersAgreeWithRecords(t *testing.T) {
	check := func(name string, segments []flows.Segment) {
		accepted := uint64(0)
		a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
			if c.Client.IP == c.Server.IP && c.Client.Port == c.Server.Port {
				return // to itself: no listener
			}
			switch c.Handshake.Outcome {
			case record.OutcomeComplete, record.OutcomeFastOpen, record.OutcomeSimultaneous:
				accepted++
			}
		})
		for _, seg := range segments {
			a.Segment(&seg)
		}
		a.Close()
		completed := uint64(0)
		for _, l := range a.Result().Listeners {
			completed += l.Completed
		}
		if completed != accepted {
			t.Errorf("%s: listeners completed %d, records show %d", name, completed, accepted)
		}
	}
	files, _ := filepath.Glob("../testdata/pcaps/*.pcap*")
	for _, file := range files {
		check(file, segmentsOf(t, file))
	}
	cases, _ := filepath.Glob("testdata/hardcases/*.txtar")
	for _, file := range cases {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		x, err := segtest.Parse(string(txtar.Parse(text).Files[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		check(file, x.Segments())
	}
}

// A client that sends nothing after the SYN-ACK counts as in SYN_SENT, because its address may be forged. A listener
// that sends SYN cookies holds nothing in SYN_RCVD (RFC 4987 §3.6), except what it held before: 32 attempts, and those
// until the cookies show.
func TestForgedClients(t *testing.T) {
	for file, want := range map[string]map[string]uint64{
		"syn-flood-one-source.pcap": {"SYN_SENT": 200, "SYN_RCVD": 200, "ESTABLISHED": 4},
		"syn-flood-cookies.pcap":    {"SYN_SENT": 240, "SYN_RCVD": 40, "ESTABLISHED": 12},
	} {
		var last record.Time
		var records []*record.Connection
		a := analyzer.New(analyzer.Options{}, func(c *record.Connection) { records = append(records, c.Clone()) })
		for _, seg := range segmentsOf(t, "../testdata/pcaps/"+file) {
			a.Segment(&seg)
			last = record.Time(seg.Time)
		}
		live := a.Live()
		a.Close()
		snapshot := ledger.NewSnapshot(ledger.Moment{Time: last})
		for _, c := range records {
			snapshot.Add(c)
		}
		if got := snapshot.Record().ByState; !maps.Equal(got, want) {
			t.Errorf("%s: a snapshot has %v, want %v", file, got, want)
		}
		for state, n := range want {
			for s := range live.Client {
				if tcpstate.State(s).String() == state && live.Client[s]+live.Server[s] != n {
					t.Errorf("%s: live has %d in %s, want %d", file, live.Client[s]+live.Server[s], state, n)
				}
			}
		}
		for _, series := range a.Result().Population {
			for state, counts := range series.States {
				if n := counts[len(counts)-1]; n != want[state] {
					t.Errorf("%s: the population has %d in %s at last, want %d", file, n, state, want[state])
				}
			}
		}
	}
}
