package main

import (
	"context"
	"io"
	"sync"
	"time"
)

// An outlet writes text in a goroutine of its own, so that a reader who is slow, or reads nothing, stops nobody. What
// waits for the reader is in memory: who writes asks first whether it is full.
type outlet struct {
	w    io.Writer
	room int // bytes that may wait

	mu      sync.Mutex
	waiting [][]byte // blocks of outletBlock bytes, but for the last
	size    int      // bytes that wait, with those that are being written
	begun   chan struct{}
	moved   chan struct{} // the reader has taken something, or there was an error
	failed  error         // of the writer, after which nothing is written
	given   bool          // the waiting was given up
}

// outletBlock is how much is written at once.
const outletBlock = 64 << 10

// readerPatience is how long a reader may take nothing once the program is to end.
const readerPatience = time.Second

func newOutlet(w io.Writer, room int) *outlet {
	o := &outlet{w: w, room: room, begun: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	go o.write()
	return o
}

// Write takes text over, however much there is already. It fails as the writing before it has.
func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return 0, o.failed
	}
	for rest := p; len(rest) > 0; {
		last := len(o.waiting) - 1
		if last < 0 || len(o.waiting[last]) == outletBlock {
			o.waiting = append(o.waiting, nil)
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

// signalOnce makes a channel with room for one value readable.
func signalOnce(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write writes what comes, as long as the process lives.
func (o *outlet) write() {
	for range o.begun {
		for {
			block := o.next()
			if block == nil {
				break
			}
			_, err := o.w.Write(block)
			o.mu.Lock()
			o.size -= len(block)
			if o.failed = err; err != nil {
				o.waiting, o.size = nil, 0
			}
			o.mu.Unlock()
			signalOnce(o.moved)
		}
	}
}

// next takes the block that is to be written next, nil if there is none.
func (o *outlet) next() (block []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	block, o.waiting = o.waiting[0], o.waiting[1:]
	return block
}

// full reports that as much is waiting as may.
func (o *outlet) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size >= o.room
}

// wait waits until less than n bytes wait. Once ctx is done it gives up on a reader that takes nothing, for good. It
// returns how many bytes wait still.
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

// end waits for the reader as wait does, and fails as the writing has.
func (o *outlet) end(ctx context.Context) (unread int, err error) {
	unread = o.wait(ctx, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	return unread, o.failed
}

// Fd is the descriptor of a file, by which a terminal is known.
func (o *outlet) Fd() uintptr {
	if f, is := o.w.(interface{ Fd() uintptr }); is {
		return f.Fd()
	}
	return ^uintptr(0)
}

// A lossyOutlet is an outlet that drops what there is no room for.
type lossyOutlet struct{ *outlet }

func (o lossyOutlet) Write(p []byte) (int, error) {
	if o.full() {
		return len(p), nil
	}
	return o.outlet.Write(p)
}
