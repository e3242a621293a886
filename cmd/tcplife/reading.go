package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

// A reading is what a sound command line asks for.
type reading struct {
	flags  *readFlags
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	filter  *live.Filter // nil lets all packets through
	where   *query.Where // nil reports all connections
	failOn  query.FailOn // nil asks nothing
	options analyzer.Options
	bounds  capture.Options // of unpacking
	report  reporter        // nil with -w -
	extract *extract        // nil without -w; made once the files to read are open
}

// read reads the capture and writes the report, then the extract.
func (r *reading) read(ctx context.Context) error {
	p, err := r.open(ctx)
	if err != nil {
		return err
	}
	if r.flags.writeTo != "" {
		if r.extract, err = newExtract(r.flags.writeTo, r.stdout); err != nil {
			p.Close()
			return err
		}
	}
	if r.flags.begins() {
		if r.report, err = r.flags.newReporter(r.stdout); err != nil {
			p.Close()
			return err
		}
		defer discard(r.report)
	}
	started := time.Now()
	_, table := r.report.(*report.Table) // which keeps few rows, and passes over the others sooner than they could be handed over
	out := newRecords(r.connection, !table || r.where != nil)
	var visit visitor
	if r.extract != nil && r.where == nil {
		visit = r.extract.all
	}
	result, err := p.track(r.options, visit, out.add, out.flush)
	if failed := out.Close(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}

	account := p.account(ctx.Err() != nil)
	account.evicted = result.Evicted
	if r.report != nil {
		if err := r.report.Finish(&report.Ending{Result: result, Capture: account.record(r.flags.filter)}); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if r.flags.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	omissions := account.tellOmissions(r.stderr)
	if r.extract != nil {
		if err := r.writeExtract(ctx); err != nil {
			return err
		}
	}
	if alarm := checkFailOn(r.failOn, result.Summary, r.stderr); omissions == nil {
		return alarm
	}
	return omissions
}

// connection hands on one that has ended, if --where lets it.
func (r *reading) connection(c *record.Connection) error {
	if r.where != nil {
		if holds, err := r.where.Holds(c); err != nil || !holds {
			return err
		}
		if r.extract != nil {
			r.extract.ends[c.ID] = c.End
		}
	}
	if r.report == nil {
		return nil
	}
	if err := r.report.Connection(c); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeExtract ends the extract; with --where it first reads the files again for it.
func (r *reading) writeExtract(ctx context.Context) error {
	if r.where != nil {
		p, err := r.open(ctx)
		if err != nil {
			return err
		}
		err = r.extract.chosen(p)
		p.Close()
		if err != nil {
			return err
		}
	}
	if err := r.extract.Close(); err != nil {
		return err
	}
	if r.where != nil && ctx.Err() != nil {
		complain(r.stderr, "interrupted: %s is incomplete", r.flags.writeTo)
		return errIncomplete
	}
	return nil
}

// track reads the files from their beginning to their end, and no less, without a report. It calls see, if it is not
// nil, before the analyzer gets what is in a packet.
func (r *reading) track(ctx context.Context, see func(*pipeline, *capture.Packet), emit func(*record.Connection)) (*account, error) {
	p, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var result *record.Result
	if see == nil {
		result, err = p.track(r.options, nil, emit, func() error { return nil })
	} else {
		result, err = p.trackSeeing(r.options, see, emit)
	}
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted before the end of the capture, which the states depend on")
	}
	if err != nil {
		return nil, err
	}
	account := p.account(false)
	account.evicted = result.Evicted
	return account, nil
}

// trackSeeing follows all connections packet by packet, and calls see before each.
func (p *pipeline) trackSeeing(o analyzer.Options, see func(*pipeline, *capture.Packet), emit func(*record.Connection)) (*record.Result, error) {
	p.packets = p.packets[:1] // nothing is known yet of the packets behind the one to see
	tracker := analyzer.New(o, emit)
	err := p.each(func(packet *capture.Packet, segments []flows.Segment) error {
		see(p, packet)
		for i := range segments {
			tracker.Segment(&segments[i])
		}
		return nil
	})
	p.Close()
	if err != nil {
		return nil, err
	}
	p.end(tracker)
	return tracker.Result(), nil
}
