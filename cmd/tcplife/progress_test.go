package main

import (
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		width        int
		bytes, total int64
		want         string
	}{
		{80, 1 << 29, 1 << 31, "[========                         ]  25 % of 2.0 GiB, 500000 packets/s, 6s left"},
		{200, 1 << 31, 1 << 31, "[========================================] 100 % of 2.0 GiB, 500000 packets/s, 0s left"},
		{200, 1 << 32, 1 << 31, "[========================================] 100 % of 2.0 GiB, 500000 packets/s, 0s left"}, // it grew
		{50, 1 << 29, 1 << 31, " 25 % of 2.0 GiB, 500000 packets/s, 6s left"},
		{20, 1 << 29, 1 << 31, " 25 % of 2.0 GiB, 5"},
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
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 40: "1.0 TiB", 1<<63 - 1: "8192.0 PiB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
