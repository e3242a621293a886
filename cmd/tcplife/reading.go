package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/page"
	"github.com/tcplife/tcplife/report/query"
)

// A reading is a checked command line, with its input and output.
type reading struct {
	flags  *readFlags
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	filter  *live.Filter // nil lets all packets through
	where   *query.Where // nil reports all connections
	failOn  query.FailOn // nil for no condition
	options analyzer.Options
	bounds  capture.Options // of unpacking
	memory  int64           // the memory limit of the process, 0 for none
	report  reporter        // nil with -w -
	extract *extract        // nil without -w; made once the files to read are open
}

// files are the captures that are read, and the progress bar.
type files struct {
	*tcplife.Reading
	bar    *progress
	listen func() bool // ends listening to ctx
}

// open opens the captures. Reading stops when ctx ends.
func (r *reading) open(ctx context.Context) (*files, error) {
	f := r.flags
	o := tcplife.Options{
		Capture: r.bounds, Decoding: flows.DecoderOptions{KeyIDs: f.key, DropBadChecksums: f.dropBadChecksums},
		Tracking: r.options,
		Count:    f.count, Reuse: true,
	}
	o.Capture.Stdin = r.stdin
	if r.filter != nil {
		o.Filter = r.filter.Match
	}
	var opened *tcplife.Reading
	var err error
	if f.writeTo != "" && !r.readsTwice() {
		o.Packet = func(p *capture.Packet, segments []flows.Segment) error {
			err := r.extract.packet(opened, p, r.extract.all(p, segments))
			if r.report != nil {
				return nil // Close returns the error; the report is still written
			}
			return err
		}
	}
	opened, err = tcplife.Open(ctx, o, f.files...)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted before the first packet")
		}
		return nil, err
	}
	bar := r.stderr
	if _, terminal := terminalWidth(r.stdout); terminal && f.output != "table" {
		bar = io.Discard // it would mix with the records
	}
	return &files{opened, startProgress(bar, opened.Progress), context.AfterFunc(ctx, opened.Stop)}, nil
}

// Close stops the progress bar.
func (f *files) Close() {
	f.listen()
	f.bar.Stop()
	f.Reading.Close()
}

// read reads the capture, writes the report, and then the extract.
func (r *reading) read(ctx context.Context) error {
	table, isTable := r.report.(*report.Table)
	skips := (isTable || r.flags.suggest != "") && r.where == nil && !r.flags.commented()
	if isTable && skips && r.flags.writeTo == "" {
		r.options.Whole = table.Whole()
	}
	files, err := r.open(ctx)
	if err != nil {
		return err
	}
	if r.flags.writeTo != "" {
		if r.extract, err = r.flags.newExtract(r.stdout); err != nil {
			files.Close()
			return err
		}
	}
	if r.flags.begins() {
		if r.report, err = r.flags.newReporter(r.stdout); err != nil {
			files.Close()
			return err
		}
		defer discard(r.report)
	}
	started := time.Now()
	if skips {
		err = files.Each(context.Background(), r.connection) // a table skips most of them
	} else {
		err = r.connections(files)
	}
	files.Close()
	if err != nil {
		return err
	}

	account := r.accountOf(files.Report())
	if err := r.explainPage(ctx, files.Report().Stopped); err != nil {
		return err
	}
	if r.report != nil {
		if err := r.report.Finish(&report.Ending{Result: files.Report().Result,
			Capture: account.record(r.flags.filter)}); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if r.flags.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	omissions := account.tellOmissions(r.stderr)
	if r.extract != nil {
		if err := r.writeExtract(ctx, files.Report()); err != nil {
			return err
		}
	}
	if fault := files.Report().Fault; fault != nil {
		return fault
	}
	if alarm := checkFailOn(r.failOn, files.Report().Summary, r.stderr); omissions == nil {
		return alarm
	}
	return omissions
}

// explainPage reads the files again for the ladders of a page, if the page is wanted and the files can be read again.
func (r *reading) explainPage(ctx context.Context, stopped bool) error {
	p, asked := r.report.(*page.Page)
	if !asked || stopped || r.flags.waits() {
		return nil
	}
	again, flags := *r, *r.flags
	flags.writeTo = "" // it belongs to the first run
	again.flags = &flags
	o := &again.options
	o.Trace, o.Traced, o.Proven = p.SecondReading()
	if _, err := again.track(ctx, func(*record.Connection) {}); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		p.Forget()
	}
	return nil
}

// connections reports the connections as they end.
func (r *reading) connections(files *files) error {
	for c, err := range files.Connections(context.Background()) {
		if damage := (*capture.Damage)(nil); errors.As(err, &damage) {
			continue // the account reports it
		}
		if err != nil {
			if whole := files.Report(); whole != nil && err == whole.Fault {
				continue // and the end of this
			}
		}
		if err == nil {
			err = r.connection(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// connection reports a connection that has ended, if --where chooses it.
func (r *reading) connection(c *record.Connection) error {
	if chosen, err := r.chosen(c); err != nil || !chosen {
		return err
	}
	if r.extract != nil {
		r.extract.add(c, r.where != nil)
	}
	return r.hand(c)
}

// chosen reports whether --where chooses a connection.
func (r *reading) chosen(c *record.Connection) (bool, error) {
	if r.where == nil {
		return true, nil
	}
	return r.where.Holds(c)
}

// hand passes a connection to the report.
func (r *reading) hand(c *record.Connection) error {
	if r.report == nil {
		return nil
	}
	if err := r.report.Connection(c); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeExtract ends the extract. For comments and for --where it first reads the files again, up to where they were
// read.
func (r *reading) writeExtract(ctx context.Context, first *tcplife.Report) error {
	x, again := r.extract, r.readsTwice()
	if again {
		if first.Stopped {
			ctx = context.WithoutCancel(ctx)
		}
		if err := r.readExtract(ctx, first.Capture.Packets); err != nil && ctx.Err() == nil {
			if closeErr := x.Close(); closeErr != nil { // the same error, with the fate of the file
				err = closeErr
			}
			return err
		}
	}
	if err := x.Close(); err != nil {
		return err
	}
	if x.removed > 0 {
		warnf(r.stderr, "%d comments of the input are not in %s: they could reveal what --anonymize or --headers-only "+
			"hides",
			x.removed, r.flags.writeTo)
	}
	if !again && !r.flags.noComments {
		warnf(r.stderr, "%s has no comments, because a pipe cannot be read twice; --no-comments avoids this warning",
			r.flags.writeTo)
	}
	if again && ctx.Err() != nil {
		warnf(r.stderr, "interrupted: %s is incomplete", r.flags.writeTo)
		return errIncomplete
	}
	if x.ordered.unknown > 0 {
		warnf(r.stderr, "%s may be missing from %s: other parts of the datagrams came too late",
			counted(uint64(x.ordered.unknown), "fragment"), r.flags.writeTo)
		return errIncomplete
	}
	return nil
}

// readExtract reads the files for the extract, up to the last packet of the report.
func (r *reading) readExtract(ctx context.Context, last uint64) error {
	x := r.extract
	if x.notes != nil {
		x.notes.Sort()
	}
	choose := choice(x.all)
	if r.where != nil {
		choose = x.chosen()
	}
	files, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer files.Close()
	return files.Packets(context.Background(), func(p *capture.Packet, segments []flows.Segment) error {
		if p.Number > last {
			files.Stop()
			return nil
		}
		return x.packet(files.Reading, p, choose(p, segments))
	})
}

// track reads the files completely, without a report.
func (r *reading) track(ctx context.Context, emit func(*record.Connection)) (*account, error) {
	return r.whole(ctx, func(files *files) error {
		return files.Each(context.Background(), func(c *record.Connection) error {
			emit(c)
			return nil
		})
	})
}

// whole reads the files, and fails if it was interrupted.
func (r *reading) whole(ctx context.Context, read func(*files) error) (*account, error) {
	files, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	err = read(files)
	files.Close()
	if err == nil && files.Report().Fault != nil {
		err = files.Report().Fault
	}
	if err == nil && files.Report().Stopped {
		err = errors.New("interrupted; the states depend on the rest of the capture")
	}
	if err != nil {
		return nil, err
	}
	return r.accountOf(files.Report()), nil
}

// trackSeeing reads the files packet by packet, and calls see before it tracks each packet.
func (r *reading) trackSeeing(ctx context.Context, see func(*files, *capture.Packet),
	emit func(*record.Connection)) (*account, error) {
	tracker := analyzer.New(r.options, emit)
	return r.whole(ctx, func(files *files) error {
		err := files.Packets(context.Background(), func(packet *capture.Packet, segments []flows.Segment) error {
			see(files, packet)
			for i := range segments {
				tracker.Segment(&segments[i])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if until := files.Stats().Until; until != capture.NoTime {
			tracker.Advance(until)
		}
		tracker.Close()
		result := tracker.Result()
		report := files.Report()
		report.Evicted, report.AfterEviction, report.FlagsOnly = result.Evicted, result.AfterEviction, result.FlagsOnly
		return nil
	})
}
