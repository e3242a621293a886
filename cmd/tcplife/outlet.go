package main

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/tcplife/tcplife/internal/fault"
)

// An outlet writes text in its own goroutine, so that a slow or blocked reader stops nothing else. Text that waits for
// the reader is in memory: a writer first asks whether the outlet is full.
type outlet struct {
	w    io.Writer
	room int // number of bytes that may wait

	mu      sync.Mutex
	waiting [][]byte // blocks of outletBlock bytes, except the last
	written []byte   // a block that can be filled again; nil: none
	size    int      // waiting bytes, including those that are being written
	begun   chan struct{}
	moved   chan struct{} // the reader has taken something, or there was an error
	failed  error         // error of the writer, after which nothing is written
	given   bool          // it no longer waits for the reader
}

// outletBlock is the number of bytes written at once.
const outletBlock = 64 << 10

// readerPatience is how long the program, at its end, waits for a reader that reads nothing.
const readerPatience = time.Second

func newOutlet(w io.Writer, room int) *outlet {
	o := &outlet{w: w, room: room, begun: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	go o.write()
	return o
}

// Write queues text, even if the outlet is full. It returns the error of an earlier write.
func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return 0, o.failed
	}
	for rest := p; len(rest) > 0; {
		last := len(o.waiting) - 1
		if last < 0 || len(o.waiting[last]) == outletBlock {
			o.waiting = append(o.waiting, o.block())
			last++
		}
		n := min(len(rest), outletBlock-len(o.waiting[last]))
		o.waiting[last] = append(o.waiting[last], rest[:n]...)
		rest = rest[n:]
	}
	o.size += len(p)
	signalOnce(o.begun)
	return len(p), nil
}

// block returns an empty block.
func (o *outlet) block() []byte {
	b := o.written
	if o.written = nil; b == nil {
		b = make([]byte, 0, outletBlock)
	}
	return b[:0]
}

// signalOnce makes a channel of capacity one readable.
func signalOnce(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write writes the queued text, until the process ends.
func (o *outlet) write() {
	defer fault.Catch(new(uint64), func(f *fault.Error) { o.ended(nil, f) })
	for range o.begun {
		for {
			block := o.next()
			if block == nil {
				break
			}
			_, err := o.w.Write(block)
			o.ended(block, err)
		}
	}
}

// ended records that a block is written, or that nothing will be written any more.
func (o *outlet) ended(block []byte, err error) {
	o.mu.Lock()
	o.size -= len(block)
	o.written = block
	if o.failed = err; err != nil {
		o.waiting, o.size = nil, 0
	}
	o.mu.Unlock()
	signalOnce(o.moved)
}

// next removes the next block from the queue, nil if it is empty.
func (o *outlet) next() (block []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	block, o.waiting = o.waiting[0], o.waiting[1:]
	return block
}

// full reports whether as much text waits as may wait.
func (o *outlet) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size >= o.room
}

// wait waits until fewer than n bytes wait. Once ctx is done it stops waiting for a reader that reads nothing, for
// good. It returns the number of waiting bytes.
func (o *outlet) wait(ctx context.Context, n int) (unread int) {
	done, patience := ctx.Done(), (<-chan time.Time)(nil)
	for {
		o.mu.Lock()
		unread = o.size
		given := o.given
		o.mu.Unlock()
		if unread < n || given {
			return unread
		}
		select {
		case <-o.moved:
			if patience != nil {
				patience = time.After(readerPatience)
			}
		case <-done:
			done, patience = nil, time.After(readerPatience)
		case <-patience:
			o.mu.Lock()
			o.given = true
			o.mu.Unlock()
		}
	}
}

// end waits for the reader like wait, and returns the error of the writer.
func (o *outlet) end(ctx context.Context) (unread int, err error) {
	unread = o.wait(ctx, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	return unread, o.failed
}

// Fd is the descriptor of a file; it shows whether this is a terminal.
func (o *outlet) Fd() uintptr {
	if f, is := o.w.(interface{ Fd() uintptr }); is {
		return f.Fd()
	}
	return ^uintptr(0)
}

// A lossyOutlet is an outlet that drops text when it is full.
type lossyOutlet struct{ *outlet }

func (o lossyOutlet) Write(p []byte) (int, error) {
	if o.full() {
		return len(p), nil
	}
	return o.outlet.Write(p)
}
