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
	count    uint64    // packets to let through; 0 is all
	progress *progress // counts the packets
}

func (r *reading) open(ctx context.Context) (*pipeline, error) {
	f := r.flags
	var options capture.Options
	if slices.Contains(f.files, "-") { // otherwise it belongs to somebody else
		options.Stdin = interruptible(ctx, r.stdin)
	}
	reader, err := capture.Open(f.files, options)
	if err != nil && ctx.Err() != nil {
		return nil, errors.New("interrupted before the first packet")
	}
	if err != nil {
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
	}, nil
}

// Close ends the reading, but not what is known of it.
func (p *pipeline) Close() {
	p.progress.Stop()
	p.capture.Close()
}

// each calls visit for each packet that the filter lets through, with the segments it holds; both are valid until visit
// returns. It ends early, without an error, when ctx does.
func (p *pipeline) each(ctx context.Context, visit func(*capture.Packet, []flows.Segment) error) error {
	var segments []flows.Segment
	for passed := uint64(0); ctx.Err() == nil; {
		packet, err := p.capture.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		p.progress.packets.Add(1)
		if p.filter != nil {
			match, err := p.filter.Match(packet)
			if err != nil {
				return err
			}
			if !match {
				continue
			}
		}
		segments = p.decoder.Decode(packet, segments[:0])
		if err := visit(packet, segments); err != nil {
			return err
		}
		if passed++; passed == p.count {
			return nil
		}
	}
	return nil
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
