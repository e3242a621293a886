package main

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/spare"
)

// batchRecords is how many records are handed over at once.
const batchRecords = 32

// records has what an analyzer emits reported, by a goroutine of its own where that is worth it.
type records struct {
	report func(*record.Connection) error
	failed error // of report, as far as it is known

	batch []record.Connection      // to be handed over
	full  chan []record.Connection // nil if nothing is handed over
	free  spare.List[reported]
}

// reported is a batch that can be filled again, and the error that reporting it, or one before it, led to.
type reported struct {
	batch []record.Connection
	err   error
}

// newRecords has records reported until Close; aside says by a goroutine of its own.
func newRecords(report func(*record.Connection) error, aside bool) *records {
	r := &records{report: report}
	if !aside {
		return r
	}
	r.full = make(chan []record.Connection, batches)
	r.free = spare.New(batches, func() reported { return reported{batch: make([]record.Connection, 0, batchRecords)} })
	r.batch = r.free.Take().batch
	go func() {
		defer close(r.free)
		var err error
		for batch := range r.full {
			for i := 0; i < len(batch) && err == nil; i++ {
				err = report(&batch[i])
			}
			r.free.Put(reported{batch[:0], err})
		}
	}()
	return r
}

// add has a record reported. If that happens aside it takes over what c holds, and leaves a used record in its place.
func (r *records) add(c *record.Connection) {
	if r.full == nil {
		if r.failed == nil {
			r.failed = r.report(c)
		}
		return
	}
	n := len(r.batch)
	r.batch = r.batch[:n+1]
	r.batch[n], *c = *c, r.batch[n]
	if len(r.batch) == cap(r.batch) {
		r.flush()
	}
}

// flush hands over what was added without waiting for more. It returns the first error of report, which may be of records
// handed over before.
func (r *records) flush() error {
	if len(r.batch) > 0 {
		r.full <- r.batch
		next := r.free.Take()
		r.batch, r.failed = next.batch, next.err
	}
	return r.failed
}

// Close waits until all is reported, and returns the first error.
func (r *records) Close() error {
	if r.full != nil {
		r.full <- r.batch
		close(r.full)
		for last := range r.free {
			r.failed = last.err
		}
	}
	return r.failed
}
