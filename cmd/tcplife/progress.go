package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tcplife/tcplife/internal/fault"
	"golang.org/x/term"
)

// A progress bar on standard error shows how much was read. Runs shorter than progressAfter show none.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// progress draws the bar in its own goroutine.
type progress struct {
	stop    chan struct{}
	stopped chan struct{}

	panicked *fault.Error
}

// startProgress draws on stderr until Stop. done returns the bytes read, the total if known, and the packets.
func startProgress(stderr io.Writer, done func() (bytes, total int64, packets uint64)) *progress {
	p := &progress{stop: make(chan struct{}), stopped: make(chan struct{})}
	width, ok := terminalWidth(stderr)
	if !ok {
		close(p.stopped)
		return p
	}
	go func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		p.draw(stderr, width, done, time.After(progressAfter), tick.C)
	}()
	return p
}

// Stop erases the bar. It is called once.
func (p *progress) Stop() {
	close(p.stop)
	<-p.stopped
	p.panicked.Again()
}

// draw draws the bar at begin, and again at each tick.
func (p *progress) draw(stderr io.Writer, width int, done func() (int64, int64, uint64), begin, tick <-chan time.Time) {
	defer close(p.stopped)
	defer fault.Keep(&p.panicked)
	start := time.Now()
	select {
	case <-p.stop:
		return
	case <-begin:
	}
	defer io.WriteString(stderr, "\r\x1b[K")
	for {
		bytes, total, packets := done()
		fmt.Fprintf(stderr, "\r%s\x1b[K", progressLine(width, bytes, total, packets, time.Since(start)))
		select {
		case <-p.stop:
			return
		case <-tick:
		}
	}
}

// progressLine fits into width columns.
func progressLine(width int, bytes, total int64, packets uint64, elapsed time.Duration) string {
	rate := fmt.Sprintf("%.0f packets/s", float64(packets)/elapsed.Seconds())
	if total <= 0 || bytes <= 0 {
		return clip(fmt.Sprintf("%s read, %s", byteSize(bytes), rate), width)
	}
	part := min(float64(bytes)/float64(total), 1)
	left := time.Duration(float64(elapsed) * (1 - part) / part).Round(time.Second)
	text := fmt.Sprintf(" %3.0f%% of %s, %s, %v left", 100*part, byteSize(total), rate, left)
	bar := min(width-len(text)-3, 40)
	if bar < 5 {
		return clip(text[1:], width)
	}
	full := int(part * float64(bar))
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "]" + text
}

// clip leaves the last column free, because a cursor after it would wrap.
func clip(s string, width int) string { return s[:min(len(s), max(width-1, 0))] }

// byteSize is n as people write it: 512 B, 1.5 GiB.
func byteSize(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for size >= 1024 && unit < len("KMGTP")-1 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTP"[unit])
}

// terminalWidth is the number of columns if w is a terminal.
func terminalWidth(w io.Writer) (columns int, ok bool) {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		columns = 80
	}
	return columns, true
}
