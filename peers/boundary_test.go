package peers

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// This file tests each threshold with its number written out, so that a changed threshold fails a test: make mutate
// halves and doubles them. Tests of package analyzer check whole connections.

// Zeek gives up on an end's content when 10 MiB of it are not acknowledged, or when it lies more than 16 KiB beyond a
// hole and nothing of it is acknowledged. tcplife also gives up if it has more than 32 pieces.
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

// An RST more than 1 MiB away does not move the numbers, nor does an acknowledgement of 0.
func TestZeekJump(t *testing.T) {
	for far, want := range map[uint32]bool{1 << 20: true, 1<<20 + 1: false} {
		const last = 5000
		e := zeekEnd{start: 1000, last: last}
		e.advance(&flows.Segment{Flags: flows.RST}, last+far)
		if got := e.last != last; got != want {
			t.Errorf("an RST %d octets ahead moves the numbers: %v, want %v", far, got, want)
		}
		e = zeekEnd{start: 1000, last: last}
		e.advance(&flows.Segment{Flags: flows.RST}, last-far)
		e.advance(&flows.Segment{Flags: flows.ACK}, last)
		if e.last != last {
			t.Errorf("an RST %d octets behind moves the numbers", far)
		}
		e = zeekEnd{state: zeekEstablished, start: -far - 10, acked: -far}
		e.acknowledge(&flows.Segment{Flags: flows.ACK})
		if got := e.acked == 0; got != want {
			t.Errorf("an acknowledgement of 0, %d octets ahead, counts: %v, want %v", far, got, want)
		}
	}
}

// After a quarter of the sequence space, numbers below the first may be later ones.
func TestZeekFarNumbers(t *testing.T) {
	for sent, want := range map[uint32]bool{1 << 30: false, 1<<30 + 1: true} {
		e := zeekEnd{start: 1000, last: 1001}
		if e.advance(&flows.Segment{Flags: flows.ACK}, 1000+sent); e.far != want {
			t.Errorf("after %d octets: far %v, want %v", sent, e.far, want)
		}
	}
}

// A history has at most 256 letters.
func TestZeekLongestHistory(t *testing.T) {
	var z Zeek
	for range 257 {
		z.write(0, 'd')
	}
	if len(z.history) != 256 {
		t.Errorf("the history has %d letters", len(z.history))
	}
}

// Zeek forgets a connection five seconds after its end.
func TestZeekForgets(t *testing.T) {
	for after, want := range map[int64]uint64{5e9: 0, 5e9 + 1: 1} {
		var z Zeek
		z.Segment(0, &flows.Segment{Time: 1e9, Flags: flows.SYN, Seq: 100, Window: 1000}, false)
		z.Segment(1, &flows.Segment{Time: 2e9, Flags: flows.RST | flows.ACK, Ack: 101}, false)
		z.Segment(1, &flows.Segment{Time: 2e9 + after, Flags: flows.RST | flows.ACK, Ack: 101}, false)
		if got := z.ends[1].unheard; got != want {
			t.Errorf("%d ns later: %d unheard segments, want %d", after, got, want)
		}
	}
}
