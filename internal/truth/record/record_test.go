//go:build linux

package main

import (
	"slices"
	"testing"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/truth"
)

// TestRecord records two scenes, one with two incarnations of the same sockets, and checks the states.
func TestRecord(t *testing.T) {
	netlab.Start(t, netlab.Options{}) // or skip
	dir := t.TempDir()
	if err := record(dir, []string{"time-wait-reuse", "abort-lost"}); err != nil {
		t.Fatal(err)
	}
	states := func(e *truth.Endpoint) (names []string) {
		for _, s := range e.States {
			// on a busy machine the other side's FIN may carry the ACK of a FIN, or not
			if s.State != "FIN_WAIT_2" {
				names = append(names, s.State)
			}
		}
		return names
	}
	closes := []string{"SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "TIME_WAIT"}
	closed := []string{"SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"}
	for name, want := range map[string][][2][]string{
		"time-wait-reuse": {{closed, append(slices.Clone(closes), "CLOSED")}, {closed, closes}},
		"abort-lost":      {{{"SYN_SENT", "ESTABLISHED", "CLOSED"}, {"SYN_RCVD", "ESTABLISHED", "CLOSED"}}},
	} {
		s, err := truth.Load(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Connections) != len(want) {
			t.Errorf("%s: %d connections, want %d", name, len(s.Connections), len(want))
			continue
		}
		for i, c := range s.Connections {
			if got := [2][]string{states(&c.Client), states(&c.Server)}; !slices.Equal(got[0], want[i][0]) ||
				!slices.Equal(got[1], want[i][1]) {
				t.Errorf("%s, connection %d: %v, want %v", name, c.Number, got, want[i])
			}
			if c.Client.ISN == nil || c.Server.ISN == nil || c.Packets < 6 || c.FirstPacket < s.CaptureStart ||
				c.FirstPacket > s.CaptureStop {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	if err := record(dir, []string{"no such scene"}); err == nil {
		t.Error("a scene that does not exist is recorded")
	}
}
