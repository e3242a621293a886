package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pulse"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/view"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

// A following is a checked command line of `tcplife live`, and the state of its run. One goroutine owns all of it, and
// handles packets, time, signals and reports one after the other.
type following struct {
	*reading
	flags *liveFlags
	until *query.Where // nil is never
	pulse *pulse.Pulse
	watch *view.Watch    // nil without a terminal
	meter *metricsServer // nil without --metrics

	out     *outlet // to standard output
	capture *live.Capture
	decoder *flows.Decoder
	tracker *analyzer.Analyzer
	ring    *capture.Ring // nil without -w
	signals *liveSignals
	started time.Time

	occasions *occasions       // nil without --on
	suggested map[floodID]bool // with --suggest: those for which rules were printed

	extracts string // the directory of the captures that the view writes

	segments []flows.Segment
	now      int64  // everything until this time is known
	packet   uint64 // number of the current packet
	shedding bool
	strained bool            // it has shed records before
	shed     uint64          // records not written because of overload,
	unread   uint64          // and because standard output was blocked
	end      context.Context // once it is done, nothing waits for a reader any more; nil before the end
	lost     []string        // devices
	blind    bool            // the view failed
	failed   error           // the first error of the callback
}

// Records of failed attempts are shed once so much of the buffer between the devices and the tracker is full, until it
// is down to so little. In a flood they are most of the output.
const (
	shedAbove = 0.75
	shedBelow = 0.25
)

// run captures until the end, and reports.
func (l *following) run(ctx context.Context) error {
	f := l.flags
	// first, because an unhandled signal ends the process
	l.signals = notifyLive(f.ring.Path != "" || f.partition != "")
	defer l.signals.stop()
	defer l.stderr.(lossyOutlet).end(ctx)
	signalled := ctx
	var err error
	if l.occasions != nil {
		if err := l.occasions.start(f.user); err != nil {
			return err
		}
		defer func() { l.occasions.close(l.stderr) }()
	}
	if f.metrics != "" {
		if l.meter, err = listenMetrics(f.metrics, f.metricsConfig); err != nil {
			return err
		}
		defer l.meter.Close()
	}
	if l.capture, err = f.openLive(); err != nil {
		return err
	}
	defer l.capture.Close()
	if err := l.secure(); err != nil {
		return err
	}
	defer discard(l.report)
	l.tellFilter()
	decoding := f.decoding()
	l.decoder = flows.NewDecoder(decoding)
	l.tracker = analyzer.New(l.options, l.ended)

	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	context.AfterFunc(ctx, l.capture.Stop)
	l.started = time.Now()
	l.pulse = pulse.New(l.tracker, l.capture.Stats)
	if l.meter != nil {
		l.meter.serve()
		warnf(l.stderr, "metrics are at %s://%v/metrics", l.meter.scheme, l.meter.listener.Addr())
	}
	if f.viewed {
		l.watch = view.NewWatch(l.tracker, view.Kept{Decoder: decoding, Tracker: l.options, Extracts: l.extracts})
		err = l.viewed(l.guarded)
	} else {
		err = l.guarded()
	}
	if err != nil {
		return err
	}
	return l.finish(signalled)
}

// guarded runs follow, and returns a panic as an error. The files of -w stay complete.
func (l *following) guarded() (err error) {
	defer fault.Catch(&l.packet, func(f *fault.Error) {
		err = f
		if l.ring != nil {
			l.ring.Close(l.now, l.capture.Stats().Drops)
		}
	})
	return l.follow()
}

// follow reads batches until the end of the capture.
func (l *following) follow() error {
	due, next := l.started.Add(l.flags.interval), l.started.Add(partsEvery)
	for {
		batch, err := l.capture.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		l.weigh(l.capture.Backlog())
		for _, c := range batch.Changes {
			l.tellChange(c)
		}
		l.take(&batch)
		if l.ring != nil {
			l.ring.Flush(l.now)
		}
		ask := false
		select {
		case <-l.signals.interim:
			ask = true
		case <-l.signals.next:
			if l.ring != nil {
				l.ring.Next(l.now, l.capture.Stats().Drops)
			}
			next = time.Time{}
		default:
		}
		now := time.Now()
		l.beat(now, batch.Until)
		if l.flags.interval > 0 && !now.Before(due) {
			ask = true
			due = now.Add(l.flags.interval)
		}
		if ask && l.failed == nil {
			l.failed = l.interim()
		}
		if l.flags.partition != "" && l.failed == nil && (ask || !now.Before(next)) {
			l.failed = rotate(l.report)
			next = now.Add(partsEvery)
		}
		if l.failed != nil {
			return l.failed
		}
	}
}

// partsEvery is the time after which the parts of a partition are completed: then they can be read, and a killed
// process loses no more than this.
const partsEvery = 5 * time.Minute

// beat gives the vitals to the view and the metrics, if they are due.
func (l *following) beat(now time.Time, until int64) {
	if l.watch == nil && l.meter == nil && l.suggested == nil && l.occasions == nil {
		return
	}
	vitals, due := l.pulse.Beat(now, until)
	vitals.Shed = l.shed + l.unread
	if due && l.occasions != nil {
		l.tellOccasions(&vitals)
	}
	if due && l.watch != nil {
		l.watch.Look(now, vitals)
	}
	if due && l.meter != nil {
		l.meter.beat(now, vitals)
	}
	if due && l.suggested != nil && l.failed == nil {
		l.failed = l.suggestNow(l.pulse.Result)
	}
}

// take processes a batch.
func (l *following) take(batch *live.Batch) {
	drops := l.capture.Drops()
	for i := range batch.Packets {
		p := &batch.Packets[i]
		l.now, l.packet = max(l.now, p.Time), p.Number
		if l.watch != nil {
			l.watch.Packet(p)
		}
		if l.occasions != nil && l.occasions.dumper != nil {
			l.occasions.dumper.Packet(p)
		}
		if l.ring != nil {
			l.ring.Write(p, drops)
		}
		l.segments = l.decoder.Decode(p, l.segments[:0])
		for i := range l.segments {
			l.tracker.Segment(&l.segments[i])
		}
	}
	if batch.Until != capture.NoTime {
		l.now = max(l.now, batch.Until)
		l.tracker.Advance(l.now)
	}
}

// weigh decides whether to shed, by how full the buffer between the devices and the tracker is.
func (l *following) weigh(backlog float64) {
	switch {
	case backlog > shedAbove && !l.shedding:
		l.shedding = true
		if !l.strained {
			warnf(l.stderr, "overloaded: failed attempts are counted but not written until the backlog clears")
		}
		l.strained = true
	case backlog < shedBelow && l.shedding:
		l.shedding = false
	}
}

// ended handles a connection that has ended.
func (l *following) ended(c *record.Connection) {
	l.pulse.Ended(c)
	if l.meter != nil {
		l.meter.Connection(c)
	}
	if l.failed != nil {
		return
	}
	if l.shedding && (c.Handshake.Outcome == record.OutcomeUnanswered ||
		c.Handshake.Outcome == record.OutcomeEmbryonic) {
		l.shed++
		return
	}
	if l.occasions != nil {
		if l.failed = l.occasions.connection(c); l.failed != nil {
			return
		}
	}
	if l.failed = l.connection(c); l.failed != nil || l.until == nil {
		return
	}
	var holds bool
	if holds, l.failed = l.until.Holds(c); holds {
		l.capture.Stop()
	}
}

// connection reports a connection that --where chooses, if the buffer of unread output has room. At the end, when no
// packets wait, it waits for the reader.
func (l *following) connection(c *record.Connection) error {
	chosen, err := l.chosen(c)
	if err != nil || !chosen {
		return err
	}
	if l.end != nil {
		l.out.wait(l.end, l.out.room)
	}
	if l.out.full() {
		if l.unread++; l.unread == 1 {
			warnf(l.stderr,
				"standard output is blocked: connections are counted but not written until it is read again")
		}
		return nil
	}
	return l.hand(c)
}

// interim writes an interim report.
func (l *following) interim() error {
	if l.flags.open {
		l.tracker.Open(l.now-int64(l.flags.interval), func(c *record.Connection) {
			if l.failed == nil {
				l.failed = l.connection(c)
			}
		})
	}
	if l.failed != nil {
		return l.failed
	}
	aside := l.aside()
	if aside == l.report && l.out.full() {
		return nil
	}
	result := l.tracker.Result()
	account := l.account(result)
	record := account.record(l.flags.filter)
	record.Interim = true
	if err := aside.Finish(&report.Ending{Result: result, Capture: record}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// aside returns where an interim report goes: not into a document, among rows of another kind, or over the view.
func (l *following) aside() reporter {
	if f := l.flags; f.output == "jsonl" || f.output == "table" && !f.viewed {
		return l.report
	}
	table, err := report.NewTable(l.stderr, report.TableOptions{Follow: true})
	if err != nil {
		panic(err) // these options cannot fail
	}
	return table
}

// finish writes the final report. It waits for the reader, but after a signal only while the reader reads.
func (l *following) finish(signalled context.Context) error {
	l.end = signalled
	if l.ring != nil {
		l.ring.Close(l.now, l.capture.Stats().Drops)
	}
	l.tracker.Close()
	if l.failed != nil {
		return l.failed
	}
	result := l.tracker.Result()
	if l.occasions != nil {
		if err := l.endOccasions(result); err != nil {
			return err
		}
	}
	account := l.account(result)
	err := l.report.Finish(&report.Ending{Result: result, Capture: account.record(l.flags.filter)})
	if err == nil {
		account.unreadBytes, err = l.out.end(signalled)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if l.flags.verbose {
		account.tellSpeed(l.stderr, time.Since(l.started))
	}
	omissions := account.tellOmissions(l.stderr)
	if l.blind {
		omissions = errIncomplete
	}
	if alarm := checkFailOn(l.failOn, result.Summary, l.stderr); omissions == nil {
		return alarm
	}
	return omissions
}

func (l *following) account(result *record.Result) *account {
	a := &account{
		read: l.capture.Stats(), decoded: l.decoder.Stats(), evicted: result.Evicted, after: result.AfterEviction,
		memory: uint64(l.memory), flagsOnly: result.FlagsOnly,
		devices: l.flags.devices, lost: l.lost, shed: l.shed, unread: l.unread,
	}
	if l.occasions != nil {
		a.events = l.occasions.counts()
	}
	if l.ring != nil {
		a.unwritten, a.writeError = l.ring.Unwritten()
	}
	return a
}

func (l *following) tellFilter() {
	if l.flags.filter == "" {
		warnf(l.stderr, "no filter: all packets are captured, because TCP may be in tunnels and fragments")
		return
	}
	warnf(l.stderr, "filter: %s", l.flags.filter)
}

// tellChange writes what has happened to a device.
func (l *following) tellChange(c live.Change) {
	if c.State == live.DeviceRemoved || c.State == live.DeviceFailed {
		l.lost = append(l.lost, c.Device)
	}
	switch {
	case c.Err != nil:
		warnf(l.stderr, "%s %v: %v", c.Device, c.State, c.Err)
		return
	case c.Name != "":
		warnf(l.stderr, "%s %v: it is %s now; the capture goes on", c.Device, c.State, c.Name)
		return
	}
	warnf(l.stderr, "%s %v", c.Device, c.State)
}
