package wire

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// There is a test for each threshold. The numbers are written out, so that a changed threshold fails a test: make
// mutate halves and doubles each. Package analyzer tests the findings.

// A segment is at most as long as the MSS minus the twelve octets of the timestamps option. A longer one was merged
// from several, and its checksum proves nothing.
func TestMerged(t *testing.T) {
	for _, c := range []struct {
		timestamp bool
		len       uint32
		rejected  bool
	}{{false, 1460, true}, {false, 1461, false}, {true, 1448, true}, {true, 1449, false}} {
		s := Checksums{Good: true, MSS: 1460}
		seg := flows.Segment{Len: c.len, Checksum: flows.ChecksumWrong}
		seg.Options.HasTimestamp = c.timestamp
		if got := s.Rejects(&seg); got != c.rejected {
			t.Errorf("%d octets, with a timestamp %v: rejected %v, want %v", c.len, c.timestamp, got, c.rejected)
		}
	}
}

// Text is reported if it is retransmitted three times, each at least 200 ms after the time before.
func TestStuck(t *testing.T) {
	for _, c := range []struct {
		again int
		gap   int64
		times uint64
		often bool
	}{{2, 200e6, 2, false}, {3, 200e6, 3, true}, {3, 200e6 - 1, 2, false}} {
		var p Path
		seg := flows.Segment{Seq: 1000, Len: 1448}
		p.Sends(&seg, 1000, 1000)
		for range c.again {
			seg.Time += c.gap
			p.Sends(&seg, 1000, 2448)
		}
		p.stuck.small = true // a shorter segment gets through
		if times, _, _, often := p.Unanswered(); times != c.times || often != c.often || p.TooLong() != c.often {
			t.Errorf("%d times, each after %d ns: %d count, often %v, too long %v", c.again, c.gap, times, often,
				p.TooLong())
		}
	}
}
