package compare

import (
	"context"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// An event is one item of a feed: a segment that passed its point, an ICMP error about one, or the end of a connection.
type event struct {
	order int64 // the latest corrected time of the capture so far: events of all points are taken in this order
	id    uint64
	sighting
	fromB bool
	key   *flows.Key   // with the first segment of a connection
	icmp  *flows.Quote // the sighting is an ICMP error, its numbers are the quoted ones
	end   *legEnd
}

// A feed is the second reading of a capture.
type feed struct {
	batches chan []event
	free    spare.List[[]event]
	account account
	err     error // once batches is closed

	batch []event
	next  int
}

const (
	batchEvents = 1024
	feedBatches = 8
)

// startFeed reads a capture in a goroutine. correct converts its times to the first point's clock.
func (s *Source) startFeed(ctx context.Context, o *Options, correct func(int64) int64) *feed {
	f := &feed{
		batches: make(chan []event, feedBatches),
		free:    spare.New(feedBatches, func() []event { return make([]event, 0, batchEvents) }),
	}
	go func() {
		defer close(f.batches)
		defer fault.Catch(new(uint64), func(e *fault.Error) { f.err = e })
		f.account, f.err = f.read(ctx, s, o, correct)
	}()
	return f
}

func (f *feed) read(ctx context.Context, s *Source, o *Options, correct func(int64) int64) (account, error) {
	batch := f.free.Take()
	order := int64(capture.NoTime)
	tell := func() *event {
		if len(batch) == batchEvents {
			f.batches <- batch
			batch = f.free.Take()
		}
		batch = append(batch, event{order: order})
		return &batch[len(batch)-1]
	}
	tracking := o.Analyzer
	tracking.Trace = func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
		at := correct(seg.Time)
		order = max(order, at)
		e := tell()
		e.id, e.fromB, e.sighting = id, seg.FromB, newSighting(seg, at)
		e.unsent = effect.Has(tcpstate.Unsent)
		e.twice = effect.Has(tcpstate.Duplicate)
		if seg.Quote != nil {
			e.icmp = seg.Quote
		} else if id == seg.Packet {
			key := seg.Key
			e.key = &key
		}
	}
	tracker := analyzer.New(tracking, func(c *record.Connection) {
		e := tell()
		e.id, e.end = c.ID, newLegEnd(c)
	})
	a, err := s.each(ctx, o, func(_ *capture.Packet, segments []flows.Segment) {
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	})
	if err == nil {
		if a.read.Until != capture.NoTime {
			tracker.Advance(a.read.Until)
		}
		tracker.Close()
		f.batches <- batch
	}
	return a, err
}

// head is the feed's next event; nil if there is none.
func (f *feed) head() *event {
	for f.next == len(f.batch) {
		if f.batch != nil {
			f.free.Put(f.batch[:0])
		}
		batch, more := <-f.batches
		if !more {
			f.batch, f.next = nil, 0
			return nil
		}
		f.batch, f.next = batch, 0
	}
	return &f.batch[f.next]
}

// drain lets a feed end after its reader has stopped.
func (f *feed) drain() {
	for batch := range f.batches {
		f.free.Put(batch[:0])
	}
}
