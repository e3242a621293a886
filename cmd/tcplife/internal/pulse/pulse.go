package pulse

import (
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/screen"
)

// A pulse measures the vitals of a running capture, a few times a second. It belongs to the goroutine of the tracker.
type Pulse struct {
	tracker *analyzer.Analyzer
	stats   func() capture.Stats

	vitals screen.Vitals
	due    time.Time
	result time.Time // when to make the tracker's result again

	Result *record.Result // the tracker's latest
}

const (
	Every       = 250 * time.Millisecond
	resultShare = 50 // the tracker's result takes at most one part in this many of the time
)

func New(tracker *analyzer.Analyzer, stats func() capture.Stats) *Pulse {
	return &Pulse{tracker: tracker, stats: stats, vitals: screen.Vitals{At: record.NoTime}}
}

// Ended must be called with every record.
func (p *Pulse) Ended(c *record.Connection) {
	p.vitals.Ended++
	if c.Teardown.Reset != nil {
		p.vitals.Resets++
	}
}

// Beat returns the vitals, if they are due at now. until is the current time of the capture, capture.NoTime if unknown.
func (p *Pulse) Beat(now time.Time, until int64) (v screen.Vitals, due bool) {
	if now.Before(p.due) {
		return v, false
	}
	p.due = now.Add(Every)
	stats := p.stats()
	p.vitals.At = max(p.vitals.At, record.Time(stats.Last), record.Time(until))
	p.vitals.Live = p.tracker.Live()
	p.vitals.Packets, p.vitals.Bytes = stats.Packets, stats.WireBytes
	p.vitals.Dropped = report.Dropped{Kernel: &stats.Drops.Kernel, Interface: &stats.Drops.Interface}
	if !now.Before(p.result) {
		began := time.Now()
		result := p.tracker.Result()
		p.Result = result
		p.vitals.Floods, p.vitals.Evicted = result.SynFloods, result.Evicted
		p.vitals.Listeners, p.vitals.Holdings = result.Listeners, result.TimeWait
		p.result = now.Add(resultShare * time.Since(began))
	}
	return p.vitals, true
}
