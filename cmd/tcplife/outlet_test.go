package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcplife/tcplife/internal/fault"
)

// An outlet writes in order, whichever side is slow, and returns an error of the writer.
func TestOutlet(t *testing.T) {
	in, out := io.Pipe()
	o := newOutlet(out, 100)
	var want bytes.Buffer
	for i := range 100_000 {
		line := []byte{byte(i), byte(i >> 8), '\n'}
		want.Write(line)
		if n, err := o.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !o.full() {
		t.Error("300,000 bytes wait with room for 100, but it is not full")
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("what comes out differs: %v", err)
	}
	if unread, err := o.end(context.Background()); unread != 0 || err != nil {
		t.Fatal(unread, err)
	}
	in.CloseWithError(os.ErrClosed)
	o.Write([]byte("x"))
	if _, err := o.end(context.Background()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the error %v, want %v", err, os.ErrClosed)
	}
	if _, err := o.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the error %v, want %v", err, os.ErrClosed)
	}
}

// After a signal, an outlet waits for a reader only while it reads.
func TestOutletGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signalled, signal := context.WithCancel(context.Background())
		in, out := io.Pipe()
		o := newOutlet(out, 100)
		o.Write(make([]byte, 4*outletBlock))
		go func() {
			for range 3 {
				time.Sleep(readerPatience - 1)
				io.ReadFull(in, make([]byte, outletBlock))
			}
		}()
		signal()
		begun := time.Now()
		unread, err := o.end(signalled)
		if took := time.Since(begun); unread != outletBlock || err != nil || took != 4*readerPatience-3 {
			t.Errorf("it leaves %d bytes unread after %v: %v", unread, took, err)
		}
		if o.wait(signalled, 1) != outletBlock {
			t.Error("it waits again after it has given up")
		}
		in.Close()
		close(o.begun) // no goroutine outlives the test
	})
}

// panicking is a writer with a mistake.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("the writer has a mistake") }

// A panic of the writer counts as its error: the run ends with a sentence and exit code 1.
func TestOutletPanics(t *testing.T) {
	o := newOutlet(panicking{}, 100)
	o.Write([]byte("x"))
	var panicked *fault.Error
	if unread, err := o.end(context.Background()); unread != 0 || !errors.As(err, &panicked) {
		t.Errorf("%d bytes are unread, and %v", unread, err)
	}
	if _, err := o.Write([]byte("x")); err == nil {
		t.Error("it accepts more after a panic")
	}
}
