package capture

import (
	"io"

	"github.com/tcplife/tcplife/internal/fault"
)

// ahead reads in a goroutine of its own, so that it has the next bytes ready when they are wanted: at most its chunks.
type ahead struct {
	full chan []byte // closed at the end, after err is set
	free chan []byte // chunks that are not in use; nil for one that was not needed yet
	stop chan struct{}
	done <-chan struct{} // Options.Done, nil for what nobody waits for
	err  error

	panicked *fault.Error
}

const (
	// chunks is how many there are: one that is looked at, one that is read, and some in between.
	chunks = 4
	// headroom is the part of a chunk before its bytes, where what is left of the chunk before finds room.
	headroom = 64 << 10
)

// newAhead makes one that reads up to size bytes at once, and closes r at the end, if it can be closed.
func newAhead(r io.Reader, size int) *ahead {
	a := &ahead{
		full: make(chan []byte, chunks),
		free: make(chan []byte, chunks),
		stop: make(chan struct{}),
	}
	for range chunks {
		a.free <- nil
	}
	go a.run(r, size)
	return a
}

func (a *ahead) run(r io.Reader, size int) {
	defer close(a.full)
	defer fault.Keep(&a.panicked)
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	for a.err == nil {
		var chunk []byte
		select {
		case chunk = <-a.free:
		case <-a.stop:
			return
		}
		if chunk == nil {
			chunk = make([]byte, headroom+size)
		}
		var n int
		n, a.err = r.Read(chunk[headroom:cap(chunk)])
		a.full <- chunk[:headroom+n] // never blocks: there are no more chunks than places
	}
}

// Close ends the goroutine as soon as its read returns.
func (a *ahead) Close() error {
	close(a.stop)
	return nil
}
