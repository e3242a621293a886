// Package readtest reads captures for tests of the formats written from them.
package readtest

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
)

// Captures returns the paths of the project's captures, for a package depth directories below the root.
func Captures(t testing.TB, depth int) []string {
	t.Helper()
	up := ""
	for range depth {
		up += "../"
	}
	paths, err := filepath.Glob(up + "testdata/pcaps/*.pcap*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no captures in testdata/pcaps: %v", err)
	}
	return paths
}

// Read tracks the connections of a capture. Each record is valid until emit returns.
func Read(t testing.TB, path string, emit func(*record.Connection)) *report.Ending {
	t.Helper()
	r, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	tracker := analyzer.New(analyzer.Options{}, emit)
	var segments []flows.Segment
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		segments = decoder.Decode(p, segments[:0])
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	}
	tracker.Close()
	stats := r.Stats()
	return &report.Ending{
		Result: tracker.Result(),
		Capture: &report.Capture{
			Record: "capture", Schema: record.Schema, Files: []string{filepath.Base(path)},
			Packets: stats.Packets, Bytes: stats.WireBytes,
			First: record.Time(stats.First), Last: record.Time(stats.Last),
		},
	}
}
