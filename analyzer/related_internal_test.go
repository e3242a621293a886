package analyzer

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// The latest 4,096 SYN-ACKs without a SYN, addresses with timestamps, and hosts with ISNs are remembered.
func TestMostRelated(t *testing.T) {
	for n, want := range map[uint32]bool{4096: true, 4097: false} {
		r := newRelated()
		for i := range n {
			r.unasked.of(unaskedKey{ack: i})
			r.stamps.of(stampKey{port: uint16(i)})
			r.hosts.of(hostKey{addr: flows.Addr{byte(i), byte(i >> 8)}})
		}
		if found := r.unasked.find(unaskedKey{}) != nil; found != want {
			t.Errorf("after %d unasked SYN-ACKs the first is remembered: %v", n, found)
		}
		if found := r.stamps.find(stampKey{}) != nil; found != want {
			t.Errorf("after %d addresses the first is remembered: %v", n, found)
		}
		if found := r.hosts.find(hostKey{}) != nil; found != want {
			t.Errorf("after %d hosts the first is remembered: %v", n, found)
		}
	}
}

// A timestamp is compared with those of its minute and of the previous one. Eight minutes are remembered.
func TestRememberedTimestamps(t *testing.T) {
	const minute = int64(60e9)
	for _, test := range []struct {
		also, at int64 // of another one that was answered, and of the one that is compared
		want     bool
	}{{0, 2*minute - 1, true}, {0, 2 * minute, false}, {4 * minute, 1, true}, {8 * minute, 1, false}} {
		var s stamps
		s.answered(0, 100)
		s.answered(test.also, 100)
		if got := s.lowerThan(test.at, 50); got != test.want {
			t.Errorf("%+v: lower is %v", test, got)
		}
	}
}
