package tcpstate

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/internal/testrun"
)

// Repeated segments are only counted: a connection of a million segments of any kind is as large as one of a thousand.
func TestBounds(t *testing.T) {
	const iss, irs, wnd = 1000, 5000, 60000
	for name, next := range map[string]func(n uint32) (from int, s Segment){
		"text again": func(uint32) (int, Segment) {
			return 0, Segment{HasAck: true, Seq: iss + 1, Ack: irs + 1, Len: 10, Window: wnd}
		},
		"FIN again": func(uint32) (int, Segment) {
			return 0, Segment{HasAck: true, Fin: true, Seq: iss + 11, Ack: irs + 1, Window: wnd}
		},
		"SYN-ACK again": func(uint32) (int, Segment) {
			return 1, Segment{Syn: true, HasAck: true, Seq: irs, Ack: iss + 1, Window: wnd}
		},
		"SYN-ACKs of any ISN": func(n uint32) (int, Segment) {
			return 1, Segment{Syn: true, HasAck: true, Seq: Seq(n << 9), Ack: iss + 1, Window: wnd}
		},
		"RSTs outside":       func(n uint32) (int, Segment) { return 1, Segment{Rst: true, Seq: irs - 1 - Seq(n)} },
		"RSTs in the window": func(n uint32) (int, Segment) { return 1, Segment{Rst: true, Seq: irs + 2 + Seq(n%wnd)} },
		"exact RSTs":         func(uint32) (int, Segment) { return 1, Segment{Rst: true, Seq: irs + 1} },
		"RST, then text": func(n uint32) (int, Segment) {
			return int(n % 2), Segment{Rst: n%2 == 1, HasAck: true, Seq: [2]Seq{iss + 11, irs + 1}[n%2],
				Ack: [2]Seq{irs + 1, iss + 11}[n%2], Window: wnd}
		},
		"numbers far away": func(n uint32) (int, Segment) {
			return 0, Segment{HasAck: true, Seq: iss + 1<<29 + Seq(n<<8), Ack: irs + 1, Len: 1, Window: wnd}
		},
		"acknowledged unseen": func(n uint32) (int, Segment) {
			return 1, Segment{HasAck: true, Seq: irs + 1, Ack: iss + 11 + Seq(2*n), Window: wnd}
		},
		"FINs of other numbers": func(n uint32) (int, Segment) {
			return 0, Segment{HasAck: true, Fin: true, Seq: iss + 11 + Seq(n%100), Ack: irs + 1, Window: wnd}
		},
	} {
		var c Conn
		n := uint64(0)
		send := func(from int, s Segment) {
			n++
			s.At, s.Packet = int64(n)*300e6, n
			c.Segment(from, &s)
		}
		send(0, Segment{Syn: true, Seq: iss, Window: wnd})
		send(1, Segment{Syn: true, HasAck: true, Seq: irs, Ack: iss + 1, Window: wnd})
		send(0, Segment{HasAck: true, Seq: iss + 1, Ack: irs + 1, Len: 10, Window: wnd})
		size := func() int {
			return len(store.NewPacker[Conn]().Write(nil, &c))
		}
		var few int
		for i := range testrun.Size[uint32](100_000, 1_000_000) {
			if i == 1000 {
				few = size()
			}
			send(next(i))
		}
		const wider = 160 // larger numbers take more bytes
		if many := size(); many > few+wider {
			t.Errorf("%s: %d bytes after a thousand segments, %d after a million", name, few, many)
		}
		for i := range c.Ends {
			if e := &c.Ends[i]; len(e.History) > 12 || len(e.Withdrawn) > maxWithdrawn ||
				cap(e.Withdrawn) > 2*maxWithdrawn {
				t.Errorf("%s: %d states and %d withdrawn", name, len(e.History), len(e.Withdrawn))
			}
			if l := c.log; l != nil && (len(l.noted) > 2*maxNoted*int(kinds) || len(l.rejected[i]) > maxRejected ||
				len(l.proven) > maxRejected) {
				t.Errorf("%s: the log holds %d noteworthy, %d rejected, %d proven", name, len(l.noted),
					len(l.rejected[i]), len(l.proven))
			}
		}
	}
}
