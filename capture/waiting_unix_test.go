//go:build unix

package capture

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestNamedPipe holds that nothing waits for a named pipe once Done is closed: not its opening, nor its next byte.
func TestNamedPipe(t *testing.T) {
	before := runtime.NumGoroutine()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	later := func(done chan struct{}) { time.AfterFunc(10*time.Millisecond, func() { close(done) }) }
	within := func(what string, do func()) {
		t.Helper()
		over := make(chan struct{})
		go func() { defer close(over); do() }()
		select {
		case <-over:
		case <-time.After(time.Minute):
			t.Fatalf("%s does not end", what)
		}
	}
	within("the opening of a pipe that nobody writes into", func() {
		done := make(chan struct{})
		later(done)
		if r, err := Open([]string{path}, Options{Done: done}); err == nil {
			t.Errorf("it was opened: %v", r.Stats())
		}
	})

	for _, packed := range []bool{false, true} {
		done := make(chan struct{})
		opened := make(chan *os.File)
		go func() {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
			}
			b, next := append(append([]byte{}, plainHeader...), plainPacket...), plainPacket
			if packed {
				b, next = pack(t, "zstd", b), pack(t, "zstd", next)
			}
			w.Write(append(b, next[:5]...)) // the writer stays, in the middle of a packet
			opened <- w
		}()
		within("a pipe that says no more", func() {
			r, err := Open([]string{path}, Options{Done: done})
			if err != nil {
				t.Error(err)
				return
			}
			w := <-opened
			defer w.Close()
			if p, err := r.Next(); err != nil || string(p.Data) != "abc" {
				t.Errorf("got %v, %v", p, err)
			}
			later(done)
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("got %v, want io.EOF", err)
			}
			if s := r.Stats(); s.Packets != 1 || len(s.Damage) > 0 {
				t.Errorf("%d packets, damage %v", s.Packets, s.Damage)
			}
			r.Close()
		})
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left of what was interrupted", runtime.NumGoroutine()-before)
		}
	}
}
