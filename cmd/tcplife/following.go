package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
)

// live is what a sound command line of `tcplife live` asks for, and how far it has come. All of it belongs to one
// goroutine: packets, time, signals and reports come one after the other.
type live struct {
	*reading
	flags *liveFlags
	until *condition // nil is never
	pulse *pulse
	watch *watch         // nil but on a terminal
	meter *metricsServer // nil without --metrics

	capture *capture.Live
	decoder *flows.Decoder
	tracker *analyzer.Analyzer

	segments []flows.Segment
	packets  uint64
	lost     bool  // a device
	failed   error // to hand on what the analyzer emits
}

// run captures until the end, and reports.
func (l *live) run(ctx context.Context) error {
	f := l.flags
	var err error
	if f.metrics != "" {
		if l.meter, err = listenMetrics(f.metrics); err != nil {
			return err
		}
		defer l.meter.Close()
	}
	l.capture, err = capture.OpenLive(f.devices, capture.LiveOptions{
		Filter: f.filter, Snaplen: f.snaplen, Buffer: f.buffer << 10, Promiscuous: !f.noPromiscuous, Immediate: f.immediate || f.viewed,
	})
	if err != nil {
		return err
	}
	defer l.capture.Close()
	l.tellFilter()
	decoding := flows.DecoderOptions{KeyIDs: f.key, DropBadChecksums: f.dropBadChecksums}
	l.decoder = flows.NewDecoder(decoding)
	l.tracker = analyzer.New(l.options, l.ended)

	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	context.AfterFunc(ctx, l.capture.Stop)
	started := time.Now()
	l.pulse = newPulse(l.tracker, l.capture.Stats)
	if l.meter != nil {
		l.meter.serve()
		complain(l.stderr, "metrics are at http://%v/metrics", l.meter.listener.Addr())
	}
	follow := l.follow
	if f.viewed {
		l.watch = newWatch(l.tracker, keptOptions{decoding, l.options})
		follow = l.viewed
	}
	if err := follow(); err != nil {
		return err
	}
	l.tracker.Close()
	if l.failed != nil {
		return l.failed
	}
	result := l.tracker.Result()
	account := &account{read: l.capture.Stats(), decoded: l.decoder.Stats(), evicted: result.Evicted}
	if err := l.report.Finish(&report.Ending{Result: result, Capture: account.record(f.filter)}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if f.verbose {
		account.tellSpeed(l.stderr, time.Since(started))
	}
	err = account.tellOmissions(l.stderr)
	if l.lost {
		err = errIncomplete
	}
	return err
}

// follow takes in what comes until the end.
func (l *live) follow() error {
	for {
		batch, err := l.capture.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range batch.Changes {
			l.tellChange(c)
		}
		for i := range batch.Packets {
			if l.packet(&batch.Packets[i]); l.failed != nil {
				return l.failed
			}
			if l.packets == l.flags.count {
				l.capture.Close()
				return nil
			}
		}
		if batch.Until != capture.NoTime {
			l.tracker.Advance(batch.Until)
		}
		l.beat(time.Now(), batch.Until)
	}
}

// beat lets who looks on have the vitals, if they are due.
func (l *live) beat(now time.Time, until int64) {
	if l.watch == nil && l.meter == nil {
		return
	}
	vitals, due := l.pulse.beat(now, until)
	if due && l.watch != nil {
		l.watch.look(now, vitals)
	}
	if due && l.meter != nil {
		l.meter.beat(now, vitals)
	}
}

// packet takes in a packet.
func (l *live) packet(p *capture.Packet) {
	l.packets++
	if l.watch != nil {
		l.watch.packet(p)
	}
	l.segments = l.decoder.Decode(p, l.segments[:0])
	for i := range l.segments {
		l.tracker.Segment(&l.segments[i])
	}
}

// ended hands on a connection that has ended.
func (l *live) ended(c *analyzer.Connection) {
	l.pulse.ended(c)
	if l.meter != nil {
		l.meter.Connection(c)
	}
	if l.failed != nil {
		return
	}
	if l.failed = l.connection(c); l.failed != nil || l.until == nil {
		return
	}
	var holds bool
	if holds, l.failed = l.until.Holds(c); holds {
		l.capture.Stop()
	}
}

func (l *live) tellFilter() {
	if l.flags.filter == "" {
		complain(l.stderr, "no filter: every packet is looked into")
		return
	}
	complain(l.stderr, "filter: %s", l.flags.filter)
}

// tellChange says what has happened to a device.
func (l *live) tellChange(c capture.Change) {
	switch c.State {
	case capture.DeviceRemoved, capture.DeviceFailed:
		l.lost = true
	}
	if c.Err != nil {
		complain(l.stderr, "%s %v: %v", c.Device, c.State, c.Err)
		return
	}
	complain(l.stderr, "%s %v", c.Device, c.State)
}
