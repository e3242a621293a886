package report

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// What a user sees, whatever the width and however many connections: a line of each kind, IPv6 in full or cut in the
// middle, findings by name before bytes, counts that add up, and nothing wider than the screen.
func TestLooks(t *testing.T) {
	for _, n := range []int{1, 1000, 300_000} {
		e := sampleEnding()
		e.Result.Summary.Connections = uint64(n)
		if n == 1 {
			e = emptyEnding()
			e.Result.Summary.Connections = 1
		}
		if testing.Short() && n > 1000 {
			continue
		}
		for _, width := range []int{80, 120, 200} {
			var out bytes.Buffer
			w, err := NewTable(&out, TableOptions{Width: width, Top: 12})
			if err != nil {
				t.Fatal(err)
			}
			kinds := reporttest.Connections()
			for i := range n {
				c := many(kinds, i)
				if err := w.Connection(&c); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Finish(e); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, fmt.Sprintf("looks/%d-%d.table", n, width), out.String())
		}
	}
}

// many is one of many connections: every third of IPv6, with the ten kinds of reporttest in turn.
func many(kinds []*record.Connection, i int) record.Connection {
	c := *kinds[(i+5)%len(kinds)]
	c.ID = uint64(i + 1)
	moved := record.Time(i) * record.Time(time.Millisecond)
	c.Start, c.End = c.Start+moved, c.End+moved
	if i%3 == 0 {
		c.Client.IP = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 0x85, 0xa3, 8, 0xd3, 0x13, 0x19, 0x8a, 0x2e, 3,
			0x70,
			byte(i >> 8), byte(i)})
	}
	return c
}
