//go:build linux

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/parquet"
	"github.com/tcplife/tcplife/report/zeek"
)

// A format has the cost of writing a connection in it.
type format struct {
	name  string
	bytes float64
	time  time.Duration // of a processor
}

// formats writes connections from memory repeatedly, and keeps the least time of each format.
func (b *bench) formats() error {
	b.connections = b.scaled(50_000)
	file, done, err := b.capture("formats", 1200*b.connections, "-kind", "short", "-n", strconv.Itoa(b.connections))
	if err != nil {
		return err
	}
	defer done()
	connections, err := connectionsOf(file)
	if err != nil {
		return err
	}
	open := []struct {
		name string
		open func(io.Writer) connectionWriter
	}{
		{"jsonl", func(w io.Writer) connectionWriter { return report.NewJSONL(w) }},
		{"csv", func(w io.Writer) connectionWriter { return report.NewCSV(w) }},
		{"zeek", func(w io.Writer) connectionWriter { return zeek.NewTSV(w, zeek.PrivateNets()) }},
		{"parquet", func(w io.Writer) connectionWriter { return parquet.NewWriter(w) }},
	}
	b.written = make([]format, len(open))
	for round := range max(b.runs, 2) {
		for i, o := range open {
			var out counter
			began := processorTime()
			if err := writeAll(o.open(&out), connections); err != nil {
				return err
			}
			f := format{o.name, float64(out) / float64(len(connections)),
				(processorTime() - began) / time.Duration(len(connections))}
			if round == 0 || f.time < b.written[i].time {
				b.written[i] = f
			}
		}
	}
	return nil
}

type connectionWriter interface {
	Connection(*record.Connection) error
	Finish(*report.Ending) error
}

func writeAll(w connectionWriter, connections []*record.Connection) error {
	for _, c := range connections {
		if err := w.Connection(c); err != nil {
			return err
		}
	}
	return w.Finish(&report.Ending{Result: &record.Result{Summary: &record.Summary{}}, Capture: &report.Capture{}})
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// processorTime is the processor time of this process, which is the same on a busy machine.
func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it cannot fail for the calling process
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// connectionsOf reads the connections of a capture.
func connectionsOf(file string) (all []*record.Connection, err error) {
	r, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) { all = append(all, c.Clone()) })
	var segments []flows.Segment
	for {
		p, err := r.Next()
		if err == io.EOF {
			tracker.Close()
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		segments = decoder.Decode(p, segments[:0])
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	}
}

// formatsMarkdown is the text with the table of the formats.
func (b *bench) formatsMarkdown(cpus int) string {
	var text strings.Builder
	text.WriteString(b.conditions(machine(cpus)))
	fmt.Fprintf(&text, "\n%s short connections:\n\n", count(b.connections))
	rows := [][]string{{"", "bytes a connection", "a connection", "rows a second"}}
	for _, f := range b.written {
		rows = append(rows, []string{f.name, fmt.Sprintf("%.0f", f.bytes), nanoseconds(float64(f.time)),
			count(int(time.Second / f.time))})
	}
	writeTable(&text, rows)
	return text.String()
}
