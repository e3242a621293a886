package parquet

import (
	"io"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/report"
)

// The benchmarks write the connections of some captures repeatedly. They also report the bytes of each connection.

func BenchmarkConnection(b *testing.B) {
	bench(b, func(out io.Writer) writer { return NewWriter(out) })
}

// BenchmarkJSONL is for comparison.
func BenchmarkJSONL(b *testing.B) {
	bench(b, func(out io.Writer) writer { return report.NewJSONL(out) })
}

type writer interface {
	Connection(*record.Connection) error
	Finish(*report.Ending) error
}

func bench(b *testing.B, open func(io.Writer) writer) {
	var all []*record.Connection
	for _, name := range []string{"real-sockets", "syn-flood", "flash-crowd", "port-reuse", "svr4-bsd"} {
		readtest.Read(b, "../../testdata/pcaps/"+name+".pcap",
			func(c *record.Connection) { all = append(all, c.Clone()) })
	}
	var out counter
	w := open(&out)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := w.Connection(all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(&report.Ending{Result: &record.Result{Summary: &record.Summary{}},
		Capture: &report.Capture{}}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(out)/float64(b.N), "bytes/conn")
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
