package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/spare"
)

// A pipeline is one way of the packets from the files to segments. There is a second one where packets can be chosen
// only once the records are known.
type pipeline struct {
	capture  *capture.Reader
	filter   *live.Filter // nil lets every packet through
	decoder  *flows.Decoder
	count    uint64             // packets to let through; 0 is all
	progress *progress          // counts the packets
	ctx      context.Context    // with it the reading ends, and no error
	cancel   context.CancelFunc // of ctx

	packets []capture.Packet // as many are read at once
	passed  uint64           // packets let through so far
}

// batchPackets is how many packets go through the pipeline at once: so many that handing them over costs next to
// nothing, and so few that they stay in the processor's cache. Where packets come slowly it is as many as are there.
const batchPackets = 256

// batches is how many of these are under way.
const batches = 24

// maxShards bounds how many trackers work side by side. One goroutine reads and decodes for all of them; with more they
// would wait for it.
const maxShards = 8

func (r *reading) open(ctx context.Context) (*pipeline, error) {
	f := r.flags
	ctx, cancel := context.WithCancel(ctx)
	options := r.bounds
	options.Stdin, options.Done = r.stdin, ctx.Done()
	reader, err := capture.Open(f.files, options)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted before the first packet")
	}
	if err != nil {
		cancel()
		return nil, err
	}
	bar := r.stderr
	if _, terminal := terminalWidth(r.stdout); terminal && f.output != "table" {
		bar = io.Discard // it would stand between the records, which come while it moves
	}
	return &pipeline{
		capture:  reader,
		filter:   r.filter,
		decoder:  flows.NewDecoder(flows.DecoderOptions{KeyIDs: f.key, DropBadChecksums: f.dropBadChecksums}),
		count:    f.count,
		progress: startProgress(bar, reader.Progress),
		ctx:      ctx,
		cancel:   cancel,
		packets:  make([]capture.Packet, batchPackets),
	}, nil
}

// Close ends the reading, but not what is known of it.
func (p *pipeline) Close() {
	p.cancel()
	p.progress.Stop()
	p.capture.Close()
}

// A visitor sees each packet that the filter lets through, with the segments it holds, which are valid until it returns.
type visitor func(*capture.Packet, []flows.Segment) error

// next reads the packets that are there, at least one, and appends their segments; with io.EOF there are no more. visit
// may be nil.
func (p *pipeline) next(segments []flows.Segment, visit visitor) ([]flows.Segment, error) {
	packets := p.packets
	if p.count > 0 { // none is read that is not to be counted
		packets = packets[:min(p.count-p.passed, uint64(len(packets)))]
	}
	n, err := p.capture.Read(packets)
	p.progress.packets.Add(uint64(n))
	for i := range packets[:n] {
		packet := &packets[i]
		if p.filter != nil {
			match, err := p.filter.Match(packet)
			if err != nil {
				return segments, err
			}
			if !match {
				continue
			}
		}
		before := len(segments)
		segments = p.decoder.Decode(packet, segments)
		if visit != nil {
			if err := visit(packet, segments[before:]); err != nil {
				return segments, err
			}
		}
		p.passed++
	}
	if err == nil && p.count > 0 && p.passed == p.count {
		err = io.EOF
	}
	return segments, err
}

// each lets visit see all packets.
func (p *pipeline) each(visit visitor) error {
	var segments []flows.Segment
	for p.ctx.Err() == nil {
		var err error
		if segments, err = p.next(segments[:0], visit); err != nil {
			return unlessEOF(err)
		}
	}
	return nil
}

// track follows all connections up to the end of the capture, and has emit called with each record, and settle after those that
// a batch of packets has ended, by another goroutine. visit, if it is not nil, sees the packets before. Once settle has failed, or the reading, nothing is emitted any more.
func (p *pipeline) track(o analyzer.Options, visit visitor, emit func(*record.Connection), settle func() error) (*record.Result, error) {
	free := spare.New(batches, func() []flows.Segment { return make([]flows.Segment, 0, batchPackets) })
	var settleErr error // known once the tracker is closed
	var over atomic.Bool
	tracker := analyzer.NewShards(o, min(runtime.GOMAXPROCS(0), maxShards), func(c *record.Connection) {
		if !over.Load() {
			emit(c)
		}
	}, func(segments []flows.Segment) {
		if settleErr == nil {
			if settleErr = settle(); settleErr != nil {
				over.Store(true)
				p.cancel()
			}
		}
		free.Put(segments)
	})
	var err error
	for err == nil && p.ctx.Err() == nil {
		var segments []flows.Segment
		segments, err = p.next(free.Take()[:0], visit)
		tracker.Segments(segments)
	}
	p.Close()
	if err = unlessEOF(err); err != nil {
		over.Store(true)
	}
	p.end(tracker)
	if err = cmp.Or(settleErr, err); err != nil {
		return nil, err
	}
	return tracker.Result(), nil
}

// end ends what is tracked: when the capturing ended, where the files tell, for in the silence before that timers ran out.
func (p *pipeline) end(tracker interface {
	Advance(now int64)
	Close()
}) {
	if until := p.capture.Stats().Until; until != capture.NoTime {
		tracker.Advance(until)
	}
	tracker.Close()
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
