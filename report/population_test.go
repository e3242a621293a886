package report

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// The population of a capture agrees with snapshots of its moments, in all formats.
func TestPopulationFormats(t *testing.T) {
	schema := reporttest.Schema(t, Schema())
	for _, file := range []string{"syn-flood", "half-closed", "real-half-close", "vlan"} {
		segments := reporttest.SegmentsOf(t, "../testdata/pcaps/"+file+".pcap")
		first, last := record.Time(segments[0].Time), record.Time(segments[len(segments)-1].Time)
		population := ledger.NewPopulation(37*time.Millisecond, true)
		var snapshots []*ledger.Snapshot
		for at := first; at <= last; at++ {
			if at += 37e6 - 1; at%37e6 != 0 {
				at -= at % 37e6
			}
			if at <= last {
				snapshots = append(snapshots, ledger.NewSnapshot(ledger.Moment{Time: at}))
			}
		}
		tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
			population.Add(c)
			for _, s := range snapshots {
				s.Add(c)
			}
		})
		for i := range segments {
			tracker.Segment(&segments[i])
		}
		tracker.Close()
		p := Populations{Series: population.Series(first, last), LeftOut: population.LeftOut()}
		all := &p.Series[0]
		if all.Moments != len(snapshots) || len(snapshots) == 0 {
			t.Fatalf("%s: %d moments, want %d", file, all.Moments, len(snapshots))
		}
		for m, instant := range snapshots {
			s := instant.Record()
			for _, state := range countedStates {
				n := uint64(0)
				if counts := all.States[state.String()]; counts != nil {
					n = counts[m]
				}
				if n != s.ByState[state.String()] {
					t.Fatalf("%s: %d in %s at %s, the snapshot has %d", file, n, state, s.Time.Append(nil),
						s.ByState[state.String()])
				}
			}
		}
		var json, jsonl, csv, table strings.Builder
		for _, err := range []error{
			p.WriteJSON(&json), p.WriteJSONL(&jsonl), p.WriteCSV(&csv),
			p.WriteTable(&table, TableOptions{Top: 2, Width: 80}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		reporttest.Validate(t, schema, json.String())
		for line := range strings.Lines(jsonl.String()) {
			reporttest.Validate(t, schema, line)
		}
		if rows := strings.Count(csv.String(), "\n"); rows != 1+len(snapshots)*len(p.Series) {
			t.Errorf("%s: %d rows for %d series of %d moments", file, rows, len(p.Series), len(snapshots))
		}
		for line := range strings.Lines(table.String()) {
			if len([]rune(line)) > 81 {
				t.Errorf("%s: wider than 80: %s", file, line)
			}
		}
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		counts []uint64
		per    int
		want   string
	}{
		{[]uint64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 1, "·▁▂▃▄▅▆▇█"},
		{[]uint64{0, 1, 0, 0, 1000}, 2, "▁·█"},
		{[]uint64{1 << 63, 0, 1}, 1, "█·▁"},
		{nil, 1, ""},
	} {
		peak := uint64(0)
		for _, n := range c.counts {
			peak = max(peak, n)
		}
		if got := sparkline(c.counts, c.per, peak); got != c.want {
			t.Errorf("%d by %d is drawn as %s, want %s", c.counts, c.per, got, c.want)
		}
	}
}
