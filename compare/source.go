package compare

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// Source is the capture of one point.
type Source struct {
	Name  string
	Files []string // one capture in order of time; none can be the standard input, because all are read twice
}

// MaxPoints is how many points can be compared.
const MaxPoints = 8

// Options configure a comparison. The zero value has the defaults.
type Options struct {
	Filter   func(*capture.Packet) (bool, error) // which packets are read; nil is all
	Decoder  flows.DecoderOptions
	Analyzer analyzer.Options
	// Offsets fix how far the clocks of points are ahead of the first point's, in nanoseconds by the point's name.
	Offsets map[string]int64
	// Ladder is the id of the connection whose journeys are all reported, 0 for none.
	Ladder uint64
	// Packets, if it is set, counts the packets that were read.
	Packets *atomic.Uint64
	// Opened, if not nil, is called with each opened capture, to watch how much of it is read. It may be called by
	// several goroutines at once.
	Opened func(*capture.Reader)
}

// account is what was read of a source.
type account struct {
	read    capture.Stats
	decoded flows.Stats
}

// batchPackets is how many packets are read at once.
const batchPackets = 256

// each lets visit see the segments of each packet of the source.
func (s *Source) each(ctx context.Context, o *Options, visit func(*capture.Packet, []flows.Segment)) (account, error) {
	reader, err := capture.Open(s.Files, capture.Options{})
	if err != nil {
		return account{}, err
	}
	defer reader.Close()
	if o.Opened != nil {
		o.Opened(reader)
	}
	decoder := flows.NewDecoder(o.Decoder)
	packets := make([]capture.Packet, batchPackets)
	var segments []flows.Segment
	for ctx.Err() == nil {
		n, err := reader.Read(packets)
		if o.Packets != nil {
			o.Packets.Add(uint64(n))
		}
		for i := range packets[:n] {
			p := &packets[i]
			if o.Filter != nil {
				match, err := o.Filter(p)
				if err != nil {
					return account{}, err
				}
				if !match {
					continue
				}
			}
			segments = decoder.Decode(p, segments[:0])
			visit(p, segments)
		}
		if err == io.EOF {
			return account{reader.Stats(), decoder.Stats()}, nil
		}
		if err != nil {
			return account{}, fmt.Errorf("read %q: %w", s.Name, err)
		}
	}
	return account{}, ctx.Err()
}
