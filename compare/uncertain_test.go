package compare_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/internal/segtest"
)

// The fastest segments leave a clock uncertain by half of their round trip. A copy that was faster, and that no clock
// is fitted to, seems to arrive before it was sent. Its stamps say that it is the same segment: it is neither lost nor
// born.
func TestFasterThanTheClock(t *testing.T) {
	script := "C = 10.0.0.1:40000 ts=1000\nS = 10.0.0.2:80 ts=5000 ipid=700\n" +
		"C --> S SYN\nC <-- S SYN,ACK\nC --> S ACK\n"
	for range 30 { // enough segments that need no stamps
		script += "+20ms C --> S PSH,ACK len=100\n+20ms C <-- S PSH,ACK len=300\n+5ms C --> S ACK\n"
	}
	script += "+20ms C <-- S FIN,ACK\n+300ms C <-- S again\n+600ms C <-- S again\n"
	exchange, err := segtest.Parse(script)
	if err != nil {
		t.Fatal(err)
	}
	segments := exchange.Segments()
	last := len(segments) - 1
	for _, fast := range []time.Duration{2 * time.Millisecond, 20 * time.Microsecond, time.Microsecond} {
		left, right := exchange.Packets(), exchange.Packets()
		for i := range segments {
			switch toServer := segments[i].Key.A == segments[0].Key.A == !segments[i].FromB; {
			case toServer:
				right[i].Time += int64(time.Millisecond)
			case i == last:
				left[i].Time += int64(fast)
			default:
				left[i].Time += int64(3 * time.Millisecond)
			}
		}
		folder := t.TempDir()
		sources := []compare.Source{
			{Name: "left", Files: []string{filepath.Join(folder, "left.pcapng")}},
			{Name: "right", Files: []string{filepath.Join(folder, "right.pcapng")}},
		}
		writeCapture(t, sources[0].Files[0], left)
		writeCapture(t, sources[1].Files[0], right)
		var kinds []string
		_, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
			for _, v := range c.Verdicts {
				kinds = append(kinds, fmt.Sprintf("%s of packet %d", v.Kind, v.Segment.Packet))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(kinds) > 0 {
			t.Errorf("%v: %q", fast, kinds)
		}
	}
}
