package tcpstate

import (
	"testing"

	"github.com/tcplife/tcplife/internal/rfcsim"
	"pgregory.net/rapid"
)

// With loss, duplication and reordering only before the observer, segments that pass arrive, at once and in order.
// After each arrival the tracked states of both ends are the true ones, and in the end so are the histories, except
// where the packets do not show it (open, truth): if an end's user has called and the end has not sent a segment since,
// or that segment was lost; if a late copy makes the end look as it was earlier; if its answers are lost, as if no
// segment had reached it.
func TestTruthAtEveryStep(t *testing.T) {
	hold(t, func(t *rapid.T) {
		sim := rfcsim.New(drawOptions(t, "0", 100), drawOptions(t, "1", 300))
		for i := range 2 {
			sim.Before[i] = rfcsim.Path{Delay: drawDelay(t, "delay"), Fates: drawFates(t, "fates")}
		}
		p := newPlay(sim)
		for _, op := range drawOps(t, sim.Before[0].Delay, calls) {
			op.do(sim)
		}
		sim.Arrived = func(s *rfcsim.Passing) {
			p.arrived(s)
			for end := range 2 {
				if !p.open(end) && !p.agrees(end) {
					t.Fatalf("end %d is %s, tracked as %s\n%s", end, sim.Ends[end].State(), p.conn.Ends[end].State(),
						p.log.String())
				}
			}
		}
		sim.Run(1800e9)
		if !sim.Quiet() {
			t.Fatalf("not quiet\n%s", p.log.String())
		}
		for end := range 2 {
			if p.open(end) || p.ends[end].stale.since > 0 {
				continue
			}
			if got, want := stateNames(&p.conn.Ends[end]), p.truth(end); !matches(want, got) {
				t.Fatalf("end %d: %s\ntracked as %s\n%s", end, words(want), got, p.log.String())
			}
		}
	})
}

// With loss, duplication and reordering behind the observer, all sent segments pass. After the last one the tracked
// histories are the true ones, except for what no packet shows: an RST that was lost or late, and segments that a
// CLOSED sender could not retransmit; a lost ACK, if the next segment acknowledged the same; the order of a FIN and of
// the ACK of the other one, if either was lost or late; late segments that drew no answer.
func TestTruthDisclosed(t *testing.T) {
	hold(t, func(t *rapid.T) {
		sim := rfcsim.New(drawOptions(t, "0", 100), drawOptions(t, "1", 300))
		for i := range 2 {
			sim.Before[i] = rfcsim.Path{Delay: drawDelay(t, "delay before")}
			sim.Behind[i] = rfcsim.Path{Delay: drawDelay(t, "delay behind"), Fates: drawFates(t, "fates")}
		}
		p := newPlay(sim)
		var resets [2]int // to each end, that did not arrive in time
		observe := sim.Observe
		sim.Observe = func(s *rfcsim.Passing) {
			observe(s)
			if s.Rst {
				resets[1-s.From]++
			}
		}
		sim.Arrived = func(s *rfcsim.Passing) {
			p.arrived(s)
			if s.Rst && !s.Late && s.Seq != 0 {
				resets[1-s.From]--
			}
		}
		for _, op := range drawOps(t, sim.Before[0].Delay+sim.Behind[0].Delay, append(calls, "stall")) {
			op.do(sim)
		}
		sim.Run(1800e9)
		if !sim.Quiet() {
			t.Fatalf("not quiet\n%s", p.log.String())
		}
		for end := range 2 {
			p.ends[end].impaired = p.ends[end].impaired || len(p.ends[end].flying) > 0 ||
				len(p.ends[1-end].underWay) > 0
			peer := sim.Ends[1-end].History
			gone := peer[len(peer)-1].State == rfcsim.Closed && peer[len(peer)-1].Cause != rfcsim.Timer
			if p.open(end) || gone && len(p.ends[1-end].underWay) > 0 {
				continue // the sender did not retransmit the lost segment
			}
			want := p.truth(end)
			if resets[end] > 0 {
				// Only its receiver could show whether an RST arrived, and when, but a CLOSED end is silent. With
				// number 0 it counts only in SYN_SENT, and no packet shows whether that end was in SYN_RCVD already.
				if n := len(want) - 1; want[n].name == "CLOSED" {
					want[n].optional = true
				} else {
					want = append(want, part{name: "CLOSED", optional: true})
				}
			}
			if got := stateNames(&p.conn.Ends[end]); !matches(want, got) {
				t.Fatalf("end %d: %s\ntracked as %s\n%s", end, words(want), got, p.log.String())
			}
		}
	})
}
