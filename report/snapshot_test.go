package report

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// Snapshots of real records, in all formats: as many connections in each, the JSON as the schema says.
func TestSnapshotFormats(t *testing.T) {
	schema := reporttest.Schema(t, Schema())
	for _, file := range []string{"half-open-data", "syn-flood", "midstream", "one-way-client", "ipv6",
		"time-wait-reuse"} {
		segments := reporttest.SegmentsOf(t, "../testdata/pcaps/"+file+".pcap")
		middle := segments[len(segments)/2]
		for _, moment := range []ledger.Moment{
			{Time: record.Time(middle.Time)}, {Time: record.Time(middle.Time),
				Packet: record.PacketNumber(middle.Packet)},
		} {
			alive := ledger.NewSnapshot(moment)
			tracker := analyzer.New(analyzer.Options{}, alive.Add)
			for i := range segments {
				tracker.Segment(&segments[i])
			}
			tracker.Close()
			snapshot := alive.Record()
			n := len(snapshot.Connections)
			if n == 0 {
				t.Errorf("%s: nothing is alive in the middle", file)
			}
			var json, jsonl, csv, table strings.Builder
			for _, err := range []error{
				WriteSnapshotJSON(&json, snapshot), WriteSnapshotJSONL(&jsonl, snapshot),
				WriteSnapshotCSV(&csv, snapshot),
				WriteSnapshotTable(&table, snapshot, record.Time(segments[0].Time), TableOptions{Top: 2, Width: 80}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			reporttest.Validate(t, schema, json.String())
			for line := range strings.Lines(jsonl.String()) {
				reporttest.Validate(t, schema, line)
			}
			if lines := strings.Count(jsonl.String(), "\n"); lines != n {
				t.Errorf("%s: %d lines for %d connections", file, lines, n)
			}
			if rows := strings.Count(csv.String(), "\n"); rows != n+1 {
				t.Errorf("%s: %d rows and a header for %d connections", file, rows, n)
			}
			for line := range strings.Lines(table.String()) {
				if len([]rune(line)) > 81 {
					t.Errorf("%s: wider than 80: %s", file, line)
				}
			}
		}
	}
}
