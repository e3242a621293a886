package tcplife

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// Options are the options of a Reading. The zero value reads everything.
type Options struct {
	// the reader of "-", and limits of unpacking; the Reading sets Done
	Capture  capture.Options
	Decoding flows.DecoderOptions // what identifies a connection, and which checksums count
	Tracking analyzer.Options     // time limits and limits of memory

	// Filter reports whether a packet is used; nil uses all. An error ends the reading. Several goroutines may call it,
	// one after the other.
	Filter func(*capture.Packet) (bool, error)
	// Packet, if not nil, is called with each used packet and its segments, before they are tracked. Both are valid
	// until it returns. One goroutine calls it. An error ends the reading.
	Packet func(*capture.Packet, []flows.Segment) error
	// Count is the number of packets that are used at most; 0 is no limit.
	Count uint64
	// Workers is how many goroutines track connections; 0 is one for each processor, at most 8. As many others decode a
	// single uncompressed file, one everything else.
	Workers int
	// Reuse reuses records: one that Connections yields is valid only until the next. It saves most of the memory that
	// is allocated.
	Reuse bool
}

const (
	// batchPackets is how many packets go through at once at most: so many that handing them over costs next to
	// nothing, and so few that they stay in a processor's cache. Where packets come slowly it is as many as are there.
	batchPackets = 2048
	// batches is how many of these are under way: so few that together they stay there too.
	batches = 8
	// mostWorkers bounds Workers where nobody chose: they would wait for the goroutine that adds up what they find.
	mostWorkers = 8
)

// Reading reads captures once, from beginning to end. Its methods must be called by one goroutine, except Stop and
// Progress.
type Reading struct {
	options Options
	capture *capture.Reader
	decoder *flows.Decoder
	passed  uint64        // packets let through so far
	read    atomic.Uint64 // packets read so far

	stopped atomic.Bool
	done    chan struct{} // closed when nobody waits for more
	once    sync.Once
	report  atomic.Pointer[Report]
	fault   *fault.Error // a panic that ended the reading
}

// Open opens captures, "-" for standard input, to be read as one in order of time. It fails if none of them can be
// opened; Report has the error of one among several. Connections, Each or Packets then reads them, and closes them at
// the end. If none of these is called, the Reading needs Close. Cancelling ctx ends the wait for the beginning of a
// pipe; afterwards ctx is not used.
func Open(ctx context.Context, o Options, files ...string) (*Reading, error) {
	if o.Workers == 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), mostWorkers)
	}
	r := &Reading{options: o, decoder: flows.NewDecoder(o.Decoding), done: make(chan struct{})}
	defer context.AfterFunc(ctx, r.wake)()
	o.Capture.Done = r.done
	var err error
	if r.capture, err = capture.Open(files, o.Capture); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return r, nil
}

// Stop ends the reading as if the captures ended here: connections that are open then are reported as open. Any
// goroutine may call it, at any time.
func (r *Reading) Stop() {
	r.stopped.Store(true)
	r.wake()
}

// wake ends the wait for a pipe's next bytes.
func (r *Reading) wake() { r.once.Do(func() { close(r.done) }) }

// Progress returns how many bytes of the files were read, before decompression, the total, 0 if unknown, and the number
// of packets. Any goroutine may call it.
func (r *Reading) Progress() (done, total int64, packets uint64) {
	done, total = r.capture.Progress()
	return done, total, r.read.Load()
}

// Stats returns the counts so far. It may be called in Options.Packet and in the visit of Packets, or after the
// reading.
func (r *Reading) Stats() capture.Stats { return r.capture.Stats() }

// Close ends a Reading. It is needed only for one that was not read.
func (r *Reading) Close() error {
	r.wake()
	return r.capture.Close()
}

// Packets reads the packets without tracking connections, and calls visit with each used packet and its segments, which
// are valid until visit returns. An error of visit ends the reading, and so does ctx. The Report has the counts.
func (r *Reading) Packets(ctx context.Context, visit func(*capture.Packet, []flows.Segment) error) error {
	defer r.Close()
	defer context.AfterFunc(ctx, r.Stop)() // or a pipe would keep it waiting
	p := newPortion(1)                     // nothing is known yet of the packets behind the one to see
	var err error
	for err == nil && !r.stopped.Load() {
		err = r.fetch(p)
		err = cmp.Or(r.decode(r.decoder, p, visit), err)
	}
	if err = unlessEOF(err); err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		r.summarize(&record.Result{Summary: &record.Summary{}})
	}
	return err
}

// Fragments is about the packet with which Options.Packet or the visit of Packets is called now. It returns whether a
// fragment of it waits for others, and the numbers of the earlier packets whose datagram it completes, valid as long as
// the packet.
func (r *Reading) Fragments() (waits bool, joined []uint64) {
	return r.decoder.Held(), r.decoder.Joined()
}

// Each reads the captures and calls visit with each connection, which is valid until visit returns and must not be
// changed. It is faster than Connections for programs that skip most connections: the goroutine that adds up
// connections calls visit, at any time until Each returns. An error of visit ends the reading, and so does ctx. Damage
// is not an error here: Report has it.
func (r *Reading) Each(ctx context.Context, visit func(*record.Connection) error) error {
	var failed error
	return r.track(ctx, func(c *record.Connection) {
		if failed == nil {
			failed = visit(c)
		}
	}, func() error { return failed })
}

// track follows all connections up to the end of the captures. It has emit called with each record, and settle after
// those that a batch of packets has ended, both by another goroutine. Once settle, the reading or ctx has failed
// nothing is emitted any more.
func (r *Reading) track(ctx context.Context, emit func(*record.Connection), settle func() error) error {
	defer r.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, r.Stop)() // or a pipe would keep it waiting

	readers := 1
	if r.capture.Single() && r.options.Packet == nil {
		readers = r.options.Workers
	}
	free := spare.New(batches+readers, func() []flows.Segment { return make([]flows.Segment, 0, batchPackets/2) })
	tracker := analyzer.NewShards(r.options.Tracking, r.options.Workers, func(c *record.Connection) {
		if ctx.Err() == nil {
			emit(c)
		}
	}, func(segments []flows.Segment) {
		if ctx.Err() == nil {
			if err := settle(); err != nil {
				cancel(err)
			}
		}
		free.Put(segments)
	})
	err := (&feeding{Reading: r, tracker: tracker, free: &free, readers: readers}).run()
	if err = unlessEOF(err); errors.As(err, &r.fault) && tracker.Fault() == nil {
		err = nil // what was read before is as good as that of a damaged file
	}
	if err != nil {
		cancel(err)
	}
	r.capture.Close()
	if ctx.Err() != nil {
		tracker.Abandon()
		return context.Cause(ctx)
	}
	// in the silence before the end of the capturing timers ran out
	if until := r.capture.Stats().Until; until != capture.NoTime {
		tracker.Advance(until)
	}
	tracker.Close()
	if err := tracker.Fault(); err != nil {
		return err
	}
	if err := settle(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.summarize(tracker.Result())
	return nil
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
