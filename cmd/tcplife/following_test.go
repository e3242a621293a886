package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pulse"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/view"
	"github.com/tcplife/tcplife/report"
)

// TestShed checks what overload sheds: only failed attempts, and they are counted.
func TestShed(t *testing.T) {
	var out, stderr bytes.Buffer
	lines := report.NewJSONL(&out)
	lines.FlushLines = true
	l := &following{reading: &reading{flags: &readFlags{}, stderr: &stderr, report: lines}, flags: &liveFlags{},
		pulse: pulse.New(nil, nil), out: newOutlet(nil, 1)}
	outcomes := []record.Outcome{record.OutcomeUnanswered, record.OutcomeEmbryonic, record.OutcomeComplete,
		record.OutcomeRefused}
	for i, backlog := range []float64{0, 0.5, 0.8, 0.5, 0.2} {
		l.weigh(backlog)
		for _, outcome := range outcomes {
			l.ended(&record.Connection{ID: uint64(i + 1), Handshake: record.Handshake{Outcome: outcome}})
		}
	}
	if l.failed != nil {
		t.Fatal(l.failed)
	}
	if n := strings.Count(out.String(), "\n"); n != 16 || l.shed != 4 {
		t.Errorf("%d records written and %d shed, want 16 and 4:\n%s", n, l.shed, out.String())
	}
	if n := strings.Count(out.String(), `"outcome":"complete"`) +
		strings.Count(out.String(), `"outcome":"refused"`); n != 10 {
		t.Errorf("%d of 10 records that must never be shed were written", n)
	}
	if n := strings.Count(stderr.String(), "overloaded: failed attempts are counted but not written"); n != 1 {
		t.Errorf("the warning is written %d times, want once: %s", n, &stderr)
	}
	a := &account{shed: l.shed, devices: []string{"eth0"}}
	if err := a.tellOmissions(&stderr); err != errIncomplete || a.record("").Shed != 4 {
		t.Errorf("a report with shed records does not end as incomplete: %v", err)
	}
}

// panics is a program whose capture panics while the view is shown, once something was written to its FIFO.
func panics() {
	l := &following{reading: &reading{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, flags: &liveFlags{},
		capture: &live.Capture{}}
	l.watch = view.NewWatch(nil, view.Kept{})
	l.viewed(func() error {
		os.ReadFile(os.Args[1])
		panic("there is a mistake")
	})
}
