package whole

import (
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/internal/testrun"
)

// The capture's clock steps by hours, forward or back, in the middle: for all later packets, for one packet, or for all
// packets of one direction. In any case all reports agree, and no record contradicts itself.
func TestClockSteps(t *testing.T) {
	const small = 6 << 10
	files := slices.DeleteFunc(seeds(t)[:len(readtest.Captures(t, 2))/2], func(b []byte) bool { return len(b) > small })
	if len(files) < 10 {
		t.Fatalf("%d captures, want at least 10", len(files))
	}
	for i, file := range testrun.Some(4, files) {
		for j, step := range []time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -26 * time.Hour, -time.Second} {
			packets := packetsOf(t, file)
			for k := range packets {
				from := k >= len(packets)/2
				switch (i + j) % 3 {
				case 1:
					from = k == len(packets)/2
				case 2:
					from = k%2 == 1
				}
				if from {
					packets[k].Time += int64(step)
				}
			}
			hold(t, segtest.Pcap(packets...))
		}
	}
}
