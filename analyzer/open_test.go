package analyzer_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/invariant"
)

// recordsIn returns the JSON of all records of a capture, in the order of their ends. It calls ask after each packet.
func recordsIn(t *testing.T, file string, o analyzer.Options, ask func(a *analyzer.Analyzer, packet uint64)) []string {
	t.Helper()
	return recordsCut(t, file, 1<<18, o, ask)
}

// recordsCut does the same with only the first snaplen bytes of each packet.
func recordsCut(t *testing.T, file string, snaplen int, o analyzer.Options,
	ask func(a *analyzer.Analyzer, packet uint64)) []string {
	t.Helper()
	packets, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	var records []string
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	tracker := analyzer.New(o, func(c *record.Connection) { records = append(records, marshal(t, c)) })
	var segments []flows.Segment
	for {
		packet, err := packets.Next()
		if err != nil {
			break
		}
		packet.Data = packet.Data[:min(len(packet.Data), snaplen)]
		segments = decoder.Decode(packet, segments[:0])
		for i := range segments {
			tracker.Segment(&segments[i])
		}
		ask(tracker, packet.Number)
	}
	ask(tracker, 0) // at the end
	tracker.Close()
	return records
}

func nothing(*analyzer.Analyzer, uint64) {}

func marshal(t *testing.T, c *record.Connection) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func captures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// Listing the open connections at any moment does not change their records.
func TestOpenChangesNothing(t *testing.T) {
	asked := 0
	for _, file := range captures(t) {
		for _, o := range []analyzer.Options{{}, {MSL: time.Second, EmbryonicLimit: time.Second}} {
			want := recordsIn(t, file, o, nothing)
			got := recordsIn(t, file, o, func(a *analyzer.Analyzer, packet uint64) {
				if packet > 100 && packet%50 > 0 {
					return
				}
				last := uint64(0)
				a.Open(1<<62, func(c *record.Connection) {
					asked++
					if c.EndedBy != record.EndOpen || c.ID <= last {
						t.Errorf("%s: connection %d after %d ended by %q", file, c.ID, last, c.EndedBy)
					}
					last = c.ID
				})
			})
			if !slices.Equal(got, want) {
				t.Errorf("%s: Open changed the records", file)
			}
		}
	}
	if asked == 0 {
		t.Error("nothing was ever open")
	}
}

const ofOther = `\{"code":"(?:isn_predictable|backlog_overflow)"[^}]*\}`

// ofOthers matches what a record has because of other records.
var ofOthers = regexp.MustCompile(`"joins":\d+|` + ofOther + `,|,?` + ofOther)

// After the last packet, Open returns the same records as the end of the capture, except for ended_by and for facts
// that depend on other records.
func TestOpenEqualsTheEnd(t *testing.T) {
	for _, file := range captures(t) {
		var open []string
		all := recordsIn(t, file, analyzer.Options{}, func(a *analyzer.Analyzer, packet uint64) {
			if packet == 0 {
				analyzer.ReleaseAll(a) // at the end waiting segments are in the records
				a.Open(1<<62, func(c *record.Connection) { open = append(open, marshal(t, c)) })
			}
		})
		for i, record := range all[len(all)-len(open):] {
			want := strings.NewReplacer(`"ended_by":"capture_end"`,
				`"ended_by":"open"`).Replace(ofOthers.ReplaceAllString(record, ""))
			got := strings.NewReplacer(`"ended_by":"running"`, `"ended_by":"open"`, `"joins":null`, "").Replace(open[i])
			want = strings.ReplaceAll(want, `"joins":null`, "")
			if got != want {
				t.Errorf("%s:\nopen %s\nend  %s", file, got, want)
			}
		}
	}
}

// With AtClose each connection is reported once, and a closed one no later than without.
func TestAtClose(t *testing.T) {
	early := 0
	for _, file := range captures(t) {
		ids := func(records []string) (ids []uint64, closed int) {
			for _, record := range records {
				var c struct {
					ID      uint64 `json:"id"`
					EndedBy string `json:"ended_by"`
				}
				if err := json.Unmarshal([]byte(record), &c); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, c.ID)
				if c.EndedBy == "closed" || c.EndedBy == "reset" {
					closed++
				}
			}
			slices.Sort(ids)
			return ids, closed
		}
		want, closedLate := ids(recordsIn(t, file, analyzer.Options{}, nothing))
		got, closed := ids(recordsIn(t, file, analyzer.Options{AtClose: true}, nothing))
		if !slices.Equal(got, want) {
			t.Errorf("%s: connections %v, want %v", file, got, want)
		}
		early += closed - closedLate
	}
	if early <= 0 {
		t.Error("no connection was reported at its close")
	}
}

// With AtClose the ledger has the same TIME_WAITs at the end as without.
func TestAtCloseTimeWaits(t *testing.T) {
	ledger := func(file string, o analyzer.Options) string {
		var tracker *analyzer.Analyzer
		recordsIn(t, file, o, func(a *analyzer.Analyzer, _ uint64) { tracker = a })
		text, err := json.Marshal(tracker.Result().TimeWait)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, file := range captures(t) {
		for _, msl := range []time.Duration{30 * time.Second, 50 * time.Millisecond} {
			want := ledger(file, analyzer.Options{MSL: msl})
			if got := ledger(file, analyzer.Options{MSL: msl, AtClose: true}); got != want {
				t.Errorf("%s: with an MSL of %v the ledger is %s, want %s", file, msl, got, want)
			}
		}
	}
}

// The first DefaultSnaplen bytes of each packet give the records of the whole packets. Only Zeek's history notes the
// cut, as Zeek does.
func TestDefaultSnaplen(t *testing.T) {
	zeek := regexp.MustCompile(`"zeek":\{[^}]*\}`)
	for _, file := range captures(t) {
		want := recordsIn(t, file, analyzer.Options{}, nothing)
		got := recordsCut(t, file, live.DefaultSnaplen, analyzer.Options{}, nothing)
		for i := range want {
			if i >= len(got) || zeek.ReplaceAllString(got[i], "") != zeek.ReplaceAllString(want[i], "") {
				t.Errorf("%s: with cut packets record %d of %d differs", file, i, len(want))
				break
			}
		}
	}
}

// The first captured segment after the SYN-ACK may be a keepalive (RFC 9293 §3.8.4). If it has an octet, its ACK field
// counts (appendix A.2): it completes the handshake, and its number is the client's ISN. A bare one ends before
// RCV.NXT, and does not count.
func TestKeepaliveCompletesHandshake(t *testing.T) {
	for text, outcome := range map[string]record.Outcome{
		"": record.OutcomeEmbryonic, " len=1": record.OutcomeComplete,
	} {
		c := tracked("C --> S SYN\n+10ms C <-- S SYN,ACK\n+10ms C ~~> S ACK\n+60s C --> S ACK seq=-1"+text+
			"\n+10ms C <-- S ACK\n", 1)[0]
		h := &c.Handshake
		completes := outcome == record.OutcomeComplete
		if h.Outcome != outcome || h.AckSeq.Known != completes || completes && h.AckSeq.Number != c.Client.ISN.Number {
			t.Errorf("%q: %s, %+v, ISN %d", text, h.Outcome, h.AckSeq, c.Client.ISN.Number)
		}
		for _, wrong := range invariant.Connection(c) {
			t.Errorf("%q: %s", text, wrong)
		}
	}
}
