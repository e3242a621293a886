package main

import (
	"bytes"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/fault"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		width        int
		bytes, total int64
		want         string
	}{
		{80, 1 << 29, 1 << 31, "[========                          ]  25% of 2.0 GiB, 500000 packets/s, 6s left"},
		{200, 1 << 31, 1 << 31,
			"[========================================] 100% of 2.0 GiB, 500000 packets/s, 0s left"},
		{200, 1 << 32, 1 << 31,
			"[========================================] 100% of 2.0 GiB, 500000 packets/s, 0s left"}, // it grew
		{50, 1 << 29, 1 << 31, " 25% of 2.0 GiB, 500000 packets/s, 6s left"},
		{20, 1 << 29, 1 << 31, " 25% of 2.0 GiB, 50"},
		{0, 1 << 29, 1 << 31, ""},
		{80, 1536, 0, "1.5 KiB read, 500000 packets/s"}, // a pipe
		{80, 0, 1 << 31, "0 B read, 500000 packets/s"},
	} {
		if got := progressLine(test.width, test.bytes, test.total, 1e6, 2*time.Second); got != test.want {
			t.Errorf("width %d, %d of %d bytes:\n got %q\nwant %q", test.width, test.bytes, test.total, got, test.want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 40: "1.0 TiB",
		1<<63 - 1: "8192.0 PiB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestProgressIsDrawnAndErased(t *testing.T) {
	var out bytes.Buffer
	p := &progress{stop: make(chan struct{}), stopped: make(chan struct{})}
	begin, tick := make(chan time.Time), make(chan time.Time)
	go p.draw(&out, 80, func() (int64, int64, uint64) { return 1 << 10, 1 << 11, 0 }, begin, tick)
	begin <- time.Time{}
	tick <- time.Time{}
	p.Stop()
	bar := `\r\[=+ +\]  50% of 2\.0 KiB, 0 packets/s, \d+s left\x1b\[K`
	if want := regexp.MustCompile("^" + bar + bar + `\r\x1b\[K$`); !want.Match(out.Bytes()) {
		t.Errorf("drawn: %q", out.String())
	}
}

func TestProgressOfShortWorkIsNotDrawn(t *testing.T) {
	var out bytes.Buffer
	p := &progress{stop: make(chan struct{}), stopped: make(chan struct{})}
	go p.draw(&out, 80, func() (int64, int64, uint64) { return 0, 0, 0 }, nil, nil)
	p.Stop()
	if out.Len() > 0 {
		t.Errorf("drawn: %q", out.String())
	}
}

func TestProgressPanics(t *testing.T) {
	p := &progress{stop: make(chan struct{}), stopped: make(chan struct{})}
	begin := make(chan time.Time, 1)
	begin <- time.Time{}
	p.draw(io.Discard, 80, func() (int64, int64, uint64) { panic("there is a mistake") }, begin, nil)
	var panicked *fault.Error
	func() {
		defer fault.Keep(&panicked)
		p.Stop()
	}()
	if panicked == nil {
		t.Error("the panic is lost")
	}
}
