package pipeline

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkSteps measures the processor time of each step by itself, without an engine, for the captures that the
// variable CAPTURES names, or those of testdata. two-workers is the time of the busier of two workers, if each takes
// every other element and one of them the plan and the merge.
func BenchmarkSteps(b *testing.B) {
	glob := os.Getenv("CAPTURES")
	if glob == "" {
		glob = "../../testdata/pcaps/*.pcap"
	}
	files, _ := filepath.Glob(glob)
	c := Config{Files: files, Parts: 8, Stretch: 1, Format: JSONL, MaxUnpacked: 1 << 30}
	for b.Loop() {
		c.Output = b.TempDir()
		costs := stepByStep(b, c)
		segments := float64(costs.segments)
		for name, d := range costs.spent {
			b.ReportMetric(float64(d)/segments, name+"-ns/segment")
		}
		for name, n := range costs.bytes {
			b.ReportMetric(float64(n)/segments, name+"-B/segment")
		}
		b.ReportMetric(float64(costs.twoWorkers)/segments, "two-workers-ns/segment")
		b.ReportMetric(segments, "segments")
		b.ReportMetric(0, "ns/op") // it would depend on other processes
	}
}
