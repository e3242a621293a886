package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// A pipeline is one way of the packets from the files to segments. There is a second one where packets can be chosen
// only once the records are known.
type pipeline struct {
	capture  *capture.Reader
	filter   *capture.Filter // nil lets every packet through
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

// batches is how many of these are under way between two goroutines.
const batches = 4

func (r *reading) open(ctx context.Context) (*pipeline, error) {
	f := r.flags
	ctx, cancel := context.WithCancel(ctx)
	var options capture.Options
	if slices.Contains(f.files, "-") { // otherwise it belongs to somebody else
		options.Stdin = interruptible(ctx, r.stdin)
	}
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

// track has take take in all segments, while a goroutine of its own reads and decodes the packets after them, and lets
// visit see those. Where that goroutine fails, what it read before is taken in all the same.
func (p *pipeline) track(visit visitor, take func([]flows.Segment) error) error {
	full, free := make(chan []flows.Segment, batches), make(chan []flows.Segment, batches)
	for range batches {
		free <- make([]flows.Segment, 0, batchPackets)
	}
	var readErr error // known once full is closed
	go func() {
		defer close(full)
		for readErr == nil && p.ctx.Err() == nil {
			var segments []flows.Segment
			segments, readErr = p.next((<-free)[:0], visit)
			full <- segments // never waits: there are no more than places
		}
	}()
	var err error
	for segments := range full {
		if err == nil {
			if err = take(segments); err != nil {
				p.cancel()
			}
		}
		free <- segments
	}
	if err == nil {
		err = unlessEOF(readErr)
	}
	return err
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// interruptible ends stdin when ctx does, for nothing else would end the wait for a pipe's next packet. A file keeps
// nobody waiting, and is left as it is.
func interruptible(ctx context.Context, stdin io.Reader) io.Reader {
	if file, ok := stdin.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.Close() })
	go func() {
		// The methods that would copy without this buffer, 32 KiB at a time, are hidden.
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{stdin}, make([]byte, 1<<20))
		w.CloseWithError(err)
	}()
	return r
}
