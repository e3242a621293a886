package tcplife

import (
	"context"
	"iter"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// Connections reads captures, "-" for standard input, and yields each connection as it ends, and errors as described in
// the package comment. A Reading also has the Report.
func Connections(ctx context.Context, o Options, files ...string) iter.Seq2[*record.Connection, error] {
	return func(yield func(*record.Connection, error) bool) {
		r, err := Open(ctx, o, files...)
		if err != nil {
			yield(nil, err)
			return
		}
		r.Connections(ctx)(yield)
	}
}

// Connections reads the captures and yields each connection as it ends. Errors come last, without a connection, one for
// each damaged place. It can be ranged over once.
func (r *Reading) Connections(ctx context.Context) iter.Seq2[*record.Connection, error] {
	return func(yield func(*record.Connection, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		h := newHandover(r.options.Reuse)
		failed := make(chan error, 1)
		go func() {
			var err error
			defer func() {
				close(h.full)
				failed <- err
			}()
			defer fault.Catch(new(uint64), func(f *fault.Error) { err = f })
			err = r.track(ctx, h.add, h.flush)
		}()
		left := false // the loop has been
		for batch := range h.full {
			for _, c := range batch.records[:batch.filled] {
				if left = left || ctx.Err() == nil && !yield(c, nil); left {
					cancel()
					break
				}
			}
			h.free.Put(batch)
		}
		err := <-failed
		if left {
			return
		}
		if err == nil {
			err = context.Cause(ctx) // it may have ended when all was read, but not given
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if r.fault != nil && !yield(nil, r.fault) {
			return
		}
		for _, damage := range r.Report().Capture.Damage {
			if !yield(nil, &damage) {
				return
			}
		}
	}
}

// batchRecords is the number of records handed over at once.
const batchRecords = 32

// handover passes records from the goroutine that adds up connections to the one that ranges over them.
type handover struct {
	reuse bool
	batch *batch // to be handed over
	full  chan *batch
	free  spare.List[*batch]
}

// batch is some records, the first of which are filled.
type batch struct {
	records [batchRecords]*record.Connection
	filled  int
}

func newHandover(reuse bool) *handover {
	h := &handover{reuse: reuse, full: make(chan *batch, batches),
		free: spare.New(batches, func() *batch { return &batch{} })}
	h.batch = h.free.Take()
	return h
}

// add takes over the contents of c, and leaves a used record or an empty one in its place.
func (h *handover) add(c *record.Connection) {
	b := h.batch
	if b.records[b.filled] == nil || !h.reuse {
		b.records[b.filled] = &record.Connection{}
	}
	to := b.records[b.filled]
	*to, *c = *c, *to
	if b.filled++; b.filled == batchRecords {
		h.flush()
	}
}

// flush hands over the added records without waiting for more.
func (h *handover) flush() error {
	if h.batch.filled > 0 {
		h.full <- h.batch
		h.batch = h.free.Take()
		h.batch.filled = 0
	}
	return nil
}
