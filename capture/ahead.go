package capture

import (
	"io"

	"github.com/tcplife/tcplife/internal/fault"
)

// ahead reads in its own goroutine, at most as far as its chunks reach, so that the next bytes are ready when needed.
type ahead struct {
	full chan []byte // closed at the end, after err is set
	free chan []byte // unused chunks; nil for one that was not needed yet
	stop chan struct{}
	done <-chan struct{} // Options.Done, nil if reading cannot block
	err  error

	panicked *fault.Error
}

const (
	// chunks is the number of chunks: one in use, one being read, and some in between.
	chunks = 4
	// headroom is the space in front of a chunk's bytes for the rest of the chunk before.
	headroom = 64 << 10
)

// newAhead makes an ahead that reads up to size bytes at once, and closes r at the end, if it is a Closer.
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
