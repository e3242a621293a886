package peers

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// A test for each threshold, with the numbers written out, so that one which is changed is noticed: make mutate halves
// and doubles each. What Zeek and tshark say of whole connections is tested in package analyzer.

// Zeek gives up on an end's content when 10 MiB of it are not acknowledged, or when it lies more than 16 KiB beyond a
// hole and nothing of it is acknowledged. tcplife does so too if it lies in more than 32 pieces.
func TestZeekGivesUpContent(t *testing.T) {
	for to, want := range map[uint32]bool{1 + 10<<20: false, 2 + 10<<20: true} {
		e := zeekEnd{acked: 1, whole: 1}
		if e.content(1, to); e.deaf != want {
			t.Errorf("%d octets are not acknowledged: given up %v, want %v", to-1, e.deaf, want)
		}
	}
	for to, want := range map[uint32]bool{1 + 16<<10: false, 2 + 16<<10: true} {
		e := zeekEnd{acked: 1, whole: 1}
		if e.content(2, to); e.deaf != want {
			t.Errorf("%d octets from the beginning of a hole: given up %v, want %v", to-1, e.deaf, want)
		}
	}
	for n, want := range map[uint32]bool{32: false, 33: true} {
		e := zeekEnd{acked: 100, whole: 100}
		for i := range n {
			e.content(200+10*i, 205+10*i)
		}
		if e.deaf != want {
			t.Errorf("%d pieces: given up %v, want %v", n, e.deaf, want)
		}
	}
}

// A RST that lies more than 1 MiB away does not move the numbers, nor does an acknowledgement of 0.
func TestZeekJump(t *testing.T) {
	for far, want := range map[uint32]bool{1 << 20: true, 1<<20 + 1: false} {
		const last = 5000
		e := zeekEnd{start: 1000, last: last}
		e.advance(&flows.Segment{Flags: flows.RST}, last+far)
		if got := e.last != last; got != want {
			t.Errorf("a RST is %d octets ahead: it moves the numbers %v, want %v", far, got, want)
		}
		e = zeekEnd{start: 1000, last: last}
		e.advance(&flows.Segment{Flags: flows.RST}, last-far)
		e.advance(&flows.Segment{Flags: flows.ACK}, last)
		if e.last != last {
			t.Errorf("a RST is %d octets behind: the numbers move", far)
		}
		e = zeekEnd{state: zeekEstablished, start: -far - 10, acked: -far}
		e.acknowledge(&flows.Segment{Flags: flows.ACK})
		if got := e.acked == 0; got != want {
			t.Errorf("an acknowledgement of 0 is %d octets ahead: it counts %v, want %v", far, got, want)
		}
	}
}

// Beyond a quarter of the sequence space numbers below the first one may be later ones.
func TestZeekFarNumbers(t *testing.T) {
	for sent, want := range map[uint32]bool{1 << 30: false, 1<<30 + 1: true} {
		e := zeekEnd{start: 1000, last: 1001}
		if e.advance(&flows.Segment{Flags: flows.ACK}, 1000+sent); e.far != want {
			t.Errorf("after %d octets: far %v, want %v", sent, e.far, want)
		}
	}
}

// A history has 256 letters at most.
func TestZeekLongestHistory(t *testing.T) {
	var z Zeek
	for range 257 {
		z.write(0, 'd')
	}
	if len(z.history) != 256 {
		t.Errorf("it has %d letters", len(z.history))
	}
}

// Five seconds after its end Zeek forgets a connection.
func TestZeekForgets(t *testing.T) {
	for after, want := range map[int64]uint64{5e9: 0, 5e9 + 1: 1} {
		var z Zeek
		z.Segment(0, &flows.Segment{Time: 1e9, Flags: flows.SYN, Seq: 100, Window: 1000}, false)
		z.Segment(1, &flows.Segment{Time: 2e9, Flags: flows.RST | flows.ACK, Ack: 101}, false)
		z.Segment(1, &flows.Segment{Time: 2e9 + after, Flags: flows.RST | flows.ACK, Ack: 101}, false)
		if got := z.ends[1].unheard; got != want {
			t.Errorf("%d ns later: %d segments are not heard, want %d", after, got, want)
		}
	}
}
