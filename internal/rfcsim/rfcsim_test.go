package rfcsim

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

const (
	ms     = 1e6
	second = 1e9
)

func history(e *Endpoint) string {
	var names []string
	for _, entry := range e.History[1:] {
		if !entry.Passing {
			names = append(names, string(entry.State))
		}
	}
	return strings.Join(names, " ")
}

// play runs calls on two endpoints with ISS 100 and 300, a path of 10 ms on either side of the observer, and returns
// what passed it.
func play(t *testing.T, a, b Options, calls func(*Sim)) (*Sim, []string) {
	t.Helper()
	a.ISS, b.ISS = 100, 300
	sim := New(a, b)
	for i := range 2 {
		sim.Before[i].Delay, sim.Behind[i].Delay = 10*ms, 10*ms
	}
	var passed []string
	sim.Observe = func(p *Passing) { passed = append(passed, p.String()) }
	calls(sim)
	sim.Run(60 * second)
	if !sim.Quiet() {
		t.Errorf("not quiet after a minute")
	}
	return sim, passed
}

func TestFigures(t *testing.T) {
	open := func(sim *Sim) {
		sim.Do(0, 1, (*Endpoint).Listen)
		sim.Do(0, 0, (*Endpoint).Open)
	}
	for _, test := range []struct {
		name   string
		calls  func(*Sim)
		a, b   string
		passed []string
	}{
		{"6, three-way handshake", open, "SYN_SENT ESTABLISHED", "LISTEN SYN_RCVD ESTABLISHED", []string{
			"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=101><ACK=301><CTL=ACK>"}},
		{"7, simultaneous open", func(sim *Sim) {
			sim.Do(0, 0, (*Endpoint).Open)
			sim.Do(5*ms, 1, (*Endpoint).Open)
		}, "SYN_SENT SYN_RCVD ESTABLISHED", "SYN_SENT SYN_RCVD ESTABLISHED", []string{
			"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><CTL=SYN>",
			"<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=100><ACK=301><CTL=SYN,ACK>"}},
		{"12, normal close", func(sim *Sim) {
			open(sim)
			sim.Do(second, 0, (*Endpoint).Close)
			sim.Do(2*second, 1, (*Endpoint).Close)
		}, "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
			"LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED", []string{
				"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=101><ACK=301><CTL=ACK>",
				"--> <SEQ=101><ACK=301><CTL=FIN,ACK>", "<-- <SEQ=301><ACK=102><CTL=ACK>",
				"<-- <SEQ=301><ACK=102><CTL=FIN,ACK>", "--> <SEQ=102><ACK=302><CTL=ACK>"}},
		{"13, simultaneous close", func(sim *Sim) {
			open(sim)
			sim.Do(second, 0, (*Endpoint).Close)
			sim.Do(second+5*ms, 1, (*Endpoint).Close)
		}, "SYN_SENT ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT",
			"LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT", []string{
				"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=101><ACK=301><CTL=ACK>",
				"--> <SEQ=101><ACK=301><CTL=FIN,ACK>", "<-- <SEQ=301><ACK=101><CTL=FIN,ACK>",
				"<-- <SEQ=302><ACK=102><CTL=ACK>", "--> <SEQ=102><ACK=302><CTL=ACK>"}},
		{"10, half-open connection discovery", func(sim *Sim) {
			open(sim)
			sim.Do(second, 0, (*Endpoint).Crash)
			sim.Do(2*second, 1, func(e *Endpoint) { e.Send(10) })
		}, "SYN_SENT ESTABLISHED CLOSED", "LISTEN SYN_RCVD ESTABLISHED CLOSED", []string{
			"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=101><ACK=301><CTL=ACK>",
			"<-- <SEQ=301><ACK=101><LEN=10><CTL=ACK>", "--> <SEQ=101><CTL=RST>"}},
		{"refused", func(sim *Sim) { sim.Do(0, 0, (*Endpoint).Open) }, "SYN_SENT CLOSED", "", []string{
			"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=0><ACK=101><CTL=RST,ACK>"}},
		{"three segments to close", func(sim *Sim) {
			open(sim)
			sim.Do(second, 0, func(e *Endpoint) { e.SendClose(5) })
			sim.Ends[1].CloseOnFin = true
		}, "SYN_SENT ESTABLISHED FIN_WAIT_1 TIME_WAIT", "LISTEN SYN_RCVD ESTABLISHED LAST_ACK CLOSED", []string{
			"--> <SEQ=100><CTL=SYN>", "<-- <SEQ=300><ACK=101><CTL=SYN,ACK>", "--> <SEQ=101><ACK=301><CTL=ACK>",
			"--> <SEQ=101><ACK=301><LEN=5><CTL=FIN,ACK>", "<-- <SEQ=301><ACK=107><CTL=FIN,ACK>",
			"--> <SEQ=107><ACK=302><CTL=ACK>"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim, passed := play(t, Options{}, Options{}, test.calls)
			if a, b := history(sim.Ends[0]), history(sim.Ends[1]); a != test.a || b != test.b {
				t.Errorf("histories %s | %s, want %s | %s", a, b, test.a, test.b)
			}
			if !reflect.DeepEqual(passed, test.passed) {
				t.Errorf("passed\n\t%s\nwant\n\t%s", strings.Join(passed, "\n\t"), strings.Join(test.passed, "\n\t"))
			}
		})
	}
}

// Figure 8: an old duplicate SYN arrives first.
func TestOldDuplicateSyn(t *testing.T) {
	sim, _ := play(t, Options{}, Options{}, func(sim *Sim) {
		sim.Do(0, 1, (*Endpoint).Listen)
		sim.Do(0, 0, (*Endpoint).Open)
		sim.Before[0].Fates = []Fate{{500 * ms}}
		sim.Inject(1*ms, 0, Segment{Seq: 90, Syn: true})
	})
	// The old SYN has used up the listener, and its user closes it. So the new SYN is refused.
	if a, b := history(sim.Ends[0]), history(sim.Ends[1]); a != "SYN_SENT CLOSED" || b != "LISTEN SYN_RCVD CLOSED" {
		t.Errorf("%s | %s", a, b)
	}
}

// RFC 5961 §3.2 and §4.2: an RST in the window, but not exact, draws an ACK. So does a SYN. An RST outside the window
// draws nothing.
func TestChallenge(t *testing.T) {
	for _, test := range []struct {
		name  string
		blind Segment
		want  string // what passes in answer; empty for nothing
		state State
	}{
		{"exact", Segment{Seq: 101, Rst: true}, "", Closed},
		{"in the window", Segment{Seq: 102, Rst: true}, "<-- <SEQ=301><ACK=101><CTL=ACK>", Established},
		{"below it", Segment{Seq: 100, Rst: true}, "", Established},
		{"beyond it", Segment{Seq: 101 + 32000, Rst: true}, "", Established},
		{"SYN", Segment{Seq: 150, Syn: true}, "<-- <SEQ=301><ACK=101><CTL=ACK>", Established},
		{"an ACK of the future", Segment{Seq: 101, Len: 5, HasAck: true, Ack: 302}, "<-- <SEQ=301><ACK=101><CTL=ACK>",
			Established},
		{"FIN without ACK", Segment{Seq: 101, Fin: true}, "", Established},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim, passed := play(t, Options{}, Options{}, func(sim *Sim) {
				sim.Do(0, 1, (*Endpoint).Listen)
				sim.Do(0, 0, (*Endpoint).Open)
				sim.Inject(second, 0, test.blind)
			})
			answer := ""
			if len(passed) > 4 {
				answer = passed[4]
			}
			if sim.Ends[1].State() != test.state || answer != test.want {
				t.Errorf("%s, answered by %q; want %s, %q", sim.Ends[1].State(), answer, test.state, test.want)
			}
		})
	}
}

// However bad the path, all text arrives, both ends close, and the same inputs give the same run.
func TestLossy(t *testing.T) {
	for seed := range uint64(200) {
		run := func() (*Sim, string) {
			r := rand.New(rand.NewPCG(seed, 0))
			sim := New(Options{ISS: 1<<32 - 1500, DelayAck: 40 * ms},
				Options{ISS: 300, Buffer: 2500, InOrder: seed%2 == 0, Strict: seed%3 == 0, Forgets: seed%5 == 0})
			for i := range 2 {
				sim.Before[i] = Path{Delay: 10 * ms, Fates: Fates(r, 40, 0.2, 0.1, 0.1, second)}
				sim.Behind[i] = Path{Delay: 10 * ms, Fates: Fates(r, 40, 0.2, 0.1, 0.1, second)}
			}
			var log strings.Builder
			sim.Trace = func(at int64, what string) { fmt.Fprintln(&log, at, what) }
			sim.Do(0, 1, (*Endpoint).Listen)
			sim.Do(0, 0, (*Endpoint).Open)
			sim.Do(500*ms, 1, func(e *Endpoint) { e.Stall(3 * second) })
			sim.Do(600*ms, 0, func(e *Endpoint) { e.Send(5000) })
			sim.Do(20*second, 1, func(e *Endpoint) { e.Send(3000) })
			sim.Do(60*second, 0, (*Endpoint).Close)
			sim.Do(61*second, 1, (*Endpoint).Close)
			sim.Run(1000 * second)
			return sim, log.String()
		}
		sim, log := run()
		a, b := sim.Ends[0], sim.Ends[1]
		if a.State() != Closed || b.State() != Closed || !sim.Quiet() {
			t.Fatalf("seed %d: %s | %s\n%s", seed, history(a), history(b), log)
		}
		if got, want := b.RcvNxt(), a.ISS+1+5000+1; got != want {
			t.Fatalf("seed %d: received up to %d, want %d\n%s", seed, got, want, log)
		}
		if got, want := a.RcvNxt(), b.ISS+1+3000+1; got != want {
			t.Fatalf("seed %d: received up to %d, want %d\n%s", seed, got, want, log)
		}
		if _, again := run(); again != log {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}
