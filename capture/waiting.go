package capture

import (
	"errors"
	"io"
	"os"
	"sync"
)

// errInterrupted is why no more is read of a pipe.
var errInterrupted = errors.New("interrupted")

// waiting is a file that may keep its reader waiting, such as a named pipe, also while it is opened. So that is done by
// the first Read.
type waiting struct {
	path string
	fifo bool // a named pipe, whose opening waits for somebody who writes

	mu     sync.Mutex // guards what follows
	file   *os.File
	closed bool
}

func (w *waiting) Read(p []byte) (int, error) {
	if w.file == nil {
		file, err := os.Open(w.path)
		if err != nil {
			return 0, err
		}
		w.mu.Lock()
		w.file = file
		closed := w.closed
		w.mu.Unlock()
		if closed {
			file.Close()
			return 0, io.EOF
		}
	}
	return w.file.Read(p)
}

// Close ends the wait.
func (w *waiting) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.file == nil {
		if w.fifo {
			releaseOpen(w.path)
		}
		return nil
	}
	return w.file.Close()
}
