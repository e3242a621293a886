package crowd

import (
	"fmt"
	"testing"
)

// Boundary tests of overflow.go and proxy.go, like those in boundary_test.go.

// pend begins n attempts that the listener answers and then holds.
func (s *story) pend(seconds float64, n int) (attempts []*Attempt) {
	for range n {
		a := s.syn(seconds, s.n, 80)
		s.synAck(seconds, a)
		attempts = append(attempts, a)
	}
	return attempts
}

// answer opens n connections.
func (s *story) answer(seconds float64, n int) {
	for range n {
		s.open(seconds)
	}
}

// open opens a connection at once.
func (s *story) open(seconds float64) *Attempt {
	a := s.pend(seconds, 1)[0]
	s.complete(seconds, a)
	return a
}

// ignored makes n attempts whose SYN has no answer and is sent again a second later.
func (s *story) ignored(seconds float64, n int) {
	var attempts []*Attempt
	for range n {
		attempts = append(attempts, s.syn(seconds, s.n, 80))
	}
	for _, a := range attempts {
		s.c.SynRetransmitted(at(seconds+1), a, true, false)
	}
}

// resetAcks makes n attempts whose ACK draws an RST.
func (s *story) resetAcks(seconds float64, n int) {
	for range n {
		a := s.open(seconds)
		s.c.TakeBackCompletion(a.AckAt, a, Withdrawn, false, false, 0, a.AckAt)
	}
}

// wantQueue compares the overflows with want: "syn 16 (1 s to 3 s)" is a SYN queue with 16 places.
func (s *story) wantQueue(t *testing.T, what string, seconds float64, want string) {
	t.Helper()
	got := ""
	for _, o := range s.listener(seconds).Overflows {
		got += fmt.Sprintf("%v %d (%g s to %g s) ", o.Queue, o.Size, float64(o.From-at(0))/1e9, float64(o.To-at(0))/1e9)
	}
	if want != "" {
		want += " "
	}
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// A SYN queue was full if it had the same number of attempts when each of three SYNs was ignored, or if two ignored
// SYNs came again while it still had at least half of them.
func TestManyIgnored(t *testing.T) {
	for n, want := range map[int]string{2: "", 3: "syn 16 (1 s to 1 s)"} {
		s := newStory()
		s.pend(0, 16)
		var ignored []*Attempt
		for range n {
			ignored = append(ignored, s.syn(1, s.n, 80))
		}
		for _, a := range ignored {
			s.end(2, a, Unanswered)
		}
		s.wantQueue(t, fmt.Sprint(n, " are ignored"), 3, want)
	}
	for n, want := range map[int]string{1: "", 2: "syn 16 (1 s to 1 s)"} {
		s := newStory()
		s.pend(0, 16)
		s.ignored(1, n)
		s.wantQueue(t, fmt.Sprint(n, " are ignored and sent again"), 3, want)
	}
}

// A SYN queue has room for at least two.
func TestShortestSynQueue(t *testing.T) {
	for n, want := range map[int]string{1: "", 2: "syn 2 (1 s to 1 s)"} {
		s := newStory()
		s.pend(0, n)
		s.ignored(1, 3)
		s.wantQueue(t, fmt.Sprint(n, " are pending"), 3, want)
	}
}

// If more than two SYNs are answered for each ignored one, the cause is loss.
func TestIgnoredByLoss(t *testing.T) {
	for n, want := range map[int]string{8: "syn 16 (1 s to 5 s)", 9: ""} {
		s := newStory()
		s.pend(0, 16)
		s.ignored(1, 2)
		s.answer(3, n)
		s.ignored(5, 2)
		s.wantQueue(t, fmt.Sprint(n, " are answered between them"), 7, want)
	}
}

// A queue that once held more, by over an eighth, was not full.
func TestNearlyFull(t *testing.T) {
	for n, want := range map[int]string{55: "", 56: "syn 56 (2 s to 2 s)"} {
		s := newStory()
		for _, a := range s.pend(0, 64)[n:] {
			s.complete(1, a)
		}
		s.ignored(2, 3)
		s.wantQueue(t, fmt.Sprint(n, " of 64 are left"), 3, want)
	}
}

// Attempts whose SYN-ACK comes up to 100 ms after an ignored SYN were pending before that SYN.
func TestPendingBeforeAnIgnoredSyn(t *testing.T) {
	for after, want := range map[int64]string{100e6: "syn 16 (1 s to 1 s)", 100e6 + 1: ""} {
		s := newStory()
		s.pend(0, 4)
		var pending, ignored []*Attempt
		for range 12 {
			pending = append(pending, s.syn(1, s.n, 80))
		}
		for range 3 {
			ignored = append(ignored, s.syn(1, s.n, 80))
		}
		for _, a := range pending {
			a.SynAckAt = at(1) + after
			s.c.SynAck(a.SynAckAt, a, &Probe{}, 0, false)
		}
		for _, a := range ignored {
			s.c.SynRetransmitted(at(2), a, true, false)
		}
		s.wantQueue(t, fmt.Sprint("12 are held ", after, " ns later"), 4, want)
	}
}

// Two ACKs that are reset or ignored show that the accept queue was full, if a connection waits for the program.
func TestSignsOfAFullAcceptQueue(t *testing.T) {
	for n, want := range map[int]string{1: "", 2: "accept 1 (1 s to 1 s)"} {
		s := newStory()
		waits := s.open(0)
		s.resetAcks(1, n)
		s.c.Open(waits, waits.AckAt, 0, 0, 0)
		s.wantQueue(t, fmt.Sprint(n, " resets"), 3, want)

		s = newStory()
		waits = s.open(0)
		for range n {
			s.c.FellBack(at(2), s.open(1), true, true)
		}
		s.c.Open(waits, waits.AckAt, 0, 0, 0)
		s.wantQueue(t, fmt.Sprint(n, " ACKs are ignored"), 3, want)
	}
}

// An overflow ends after 60 s without a sign. At most eight overflows are listed.
func TestTimesOfAFullQueue(t *testing.T) {
	for gap, want := range map[float64]string{
		60:   "accept 1 (1 s to 61 s)",
		60.1: "accept 1 (1 s to 1 s) accept 1 (61.1 s to 61.1 s)",
	} {
		s := newStory()
		waits := s.open(0)
		s.resetAcks(1, 2)
		s.resetAcks(1+gap, 2)
		s.c.Open(waits, waits.AckAt, 0, 0, 0)
		s.wantQueue(t, fmt.Sprint(gap, " s later"), 63, want)
	}
	for n, want := range map[int]int{8: 8, 9: 8} {
		s := newStory()
		waits := s.open(0)
		for i := range n {
			s.resetAcks(float64(100*i+1), 2)
		}
		s.c.Open(waits, waits.AckAt, 0, 0, 0)
		if got := len(s.listener(1000).Overflows); got != want {
			t.Errorf("of %d overflows %d are listed", n, got)
		}
	}
}

// At most sixteen clients of an overflow are named.
func TestNamedClientsAreBounded(t *testing.T) {
	for n, want := range map[int]int{16: 16, 17: 16} {
		s := newStory()
		s.pend(0, 16)
		s.ignored(1, n)
		if o := s.listener(3).Overflows; len(o) != 1 || len(o[0].Clients) != want {
			t.Errorf("of %d clients are named: %+v", n, o)
		}
	}
}

// An overflow affects attempts whose SYN or SYN-ACK was seen up to a second before its first sign.
func TestAttemptsOfAFullQueue(t *testing.T) {
	for before, want := range map[int64]Queue{1e9: SynQueue, 1e9 + 1: NoQueue} {
		s := newStory()
		pending := s.pend(0, 16)
		s.ignored(10, 3)
		if got := s.c.Overflowed(pending[0], at(10)-before); got != want {
			t.Errorf("%d ns before: %v, want %v", before, got, want)
		}
	}
}

// Three connections show a SYN proxy.
func TestManyProxied(t *testing.T) {
	for n, want := range map[int]uint64{2: 0, 3: 3} {
		s := newStory()
		for range n {
			s.c.Proxied(s.open(0), 64, 57)
		}
		if got := s.listener(1).Proxy.Connections; got != want {
			t.Errorf("%d connections: %d show a proxy, want %d", n, got, want)
		}
	}
}
