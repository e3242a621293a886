package crowd

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// There is a test for each threshold: input on one side of it has another result than input on the other. The numbers
// are written out, so that a changed threshold fails a test: make mutate halves and doubles each.

// A story sends events of attempts to a Crowd. Times are in seconds after 1000 s.
type story struct {
	c     *Crowd
	n     uint32 // attempts
	probe *Probe // of the last attempt
}

func newStory() *story {
	s := &story{c: New()}
	s.c.AckPassed()
	return s
}

func at(seconds float64) int64 { return 1000*second + int64(seconds*1e9+0.5) }

// unlike returns a SYN that has nothing in common with the others.
func (s *story) unlike() *Probe {
	return &Probe{
		Seq: s.n * s.n * 2654435761, IPID: uint16(s.n * 40503), TTL: uint8(40 + s.n*37%89), Window: uint16(s.n * 7919),
		Flags:   flows.SYN,
		Options: hasMSS | hasWScale | s.n*97%1000,
	}
}

// syn sends a SYN from one of 2^32 hosts to a port of server 1.
func (s *story) syn(seconds float64, source uint32, port uint16) *Attempt {
	return s.synTo(seconds, source, 1<<24, port)
}

func (s *story) synTo(seconds float64, source, target uint32, port uint16) *Attempt {
	s.n++
	a := &Attempt{Source: host(source), Target: host(target), TargetPort: port, SynAt: at(seconds)}
	s.probe = s.unlike()
	s.c.Syn(a.SynAt, a, s.probe)
	return a
}

func (s *story) synAck(seconds float64, a *Attempt) {
	a.SynAckAt = at(seconds)
	s.c.SynAck(a.SynAckAt, a, &Probe{}, 0, false)
}

func (s *story) complete(seconds float64, a *Attempt) {
	a.AckAt = at(seconds)
	s.c.Complete(a.AckAt, a, false)
}

func (s *story) end(seconds float64, a *Attempt, end End) {
	s.c.End(at(seconds), a, end, false, 0, s.unlike(), false)
}

// burst begins n attempts in one period of the CUSUM, from several sources in turn.
func (s *story) burst(seconds float64, n int, sources uint32) (attempts []*Attempt) {
	for i := range n {
		attempts = append(attempts, s.syn(seconds+0.15*float64(i)/float64(n), 7000+s.n%sources, 80))
	}
	return attempts
}

// listener returns the busiest listener at a time.
func (s *story) listener(seconds float64) Listener {
	s.c.Finish(at(seconds))
	list, _ := s.c.Listeners()
	return list[0]
}

// verdicts returns the verdicts of all floods until a time.
func (s *story) verdicts(seconds float64) (list []Verdict) {
	s.c.Finish(at(seconds))
	for _, f := range s.c.Floods() {
		list = append(list, f.Verdict)
	}
	return list
}

// flood returns the only flood until a time.
func (s *story) flood(t *testing.T, seconds float64) Flood {
	t.Helper()
	s.c.Finish(at(seconds))
	floods := s.c.Floods()
	if len(floods) != 1 {
		t.Fatalf("%d floods, want one: %+v", len(floods), floods)
	}
	return floods[0]
}

func wantVerdicts(t *testing.T, what string, got []Verdict, want ...Verdict) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: verdicts %v, want %v", what, got, want)
	}
}

// 128 unresolved attempts, held for a slot or two, are a flood even if they come too slowly for the CUSUM.
func TestManyHeld(t *testing.T) {
	for n, want := range map[int][]Verdict{127: nil, 128: {SpoofedFlood}} {
		s := newStory()
		for i := range n {
			s.syn(float64(i)/50, uint32(i*i), 80)
		}
		s.syn(12, 1, 80)
		wantVerdicts(t, fmt.Sprint(n, " held"), s.verdicts(12), want...)
	}
}

// A listener is assumed to hold an attempt for 64 s.
func TestHeldFor64s(t *testing.T) {
	s := newStory()
	s.synAck(0, s.syn(0, 1, 80))
	if l := s.listener(63.9); l.Unresolved != 1 || l.Embryonic != 1 {
		t.Errorf("after 63.9 s %d are unresolved, %d embryonic", l.Unresolved, l.Embryonic)
	}
	if l := s.listener(64); l.Unresolved != 0 || l.Embryonic != 0 {
		t.Errorf("after 64 s %d are unresolved, %d embryonic", l.Unresolved, l.Embryonic)
	}
}

// A burst is a flood even if silence follows for so long that its attempts are forgotten.
func TestBurstBeforeSilence(t *testing.T) {
	s := newStory()
	s.burst(0, 200, 200)
	wantVerdicts(t, "200 SYNs in 0.15 s", s.verdicts(60), SpoofedFlood)
}

// A burst after a slow trickle is a flood, though it fits into one period of the CUSUM and silence follows. Its onset
// is the burst, and all attempts of the burst, and only those, are evidence.
func TestBurstAfterTrickle(t *testing.T) {
	for _, test := range []struct {
		acks, answered bool
		want           []Verdict
	}{
		{acks: true, answered: true, want: []Verdict{SpoofedFlood}},
		{acks: true, want: []Verdict{SpoofedFlood}},
		{want: []Verdict{SpoofedFlood}},
		{answered: true}, // what looks like ordinary clients: see docs/VERDICTS.md
	} {
		for _, trickle := range []int{8, 20, 100} { // of five a period, which is less than the drift
			s := &story{c: New()}
			if test.acks {
				s.c.AckPassed()
			}
			syn := func(seconds float64) {
				if a := s.syn(seconds, s.n*s.n, 80); test.answered {
					s.synAck(seconds, a)
				}
			}
			for i := range trickle {
				syn(float64(i) / 25)
			}
			begin := float64(trickle/5+1) / 5
			for i := range 250 {
				syn(begin + 0.15*float64(i)/250)
			}
			what := fmt.Sprintf("acks %v, answered %v, after %d slow ones", test.acks, test.answered, trickle)
			wantVerdicts(t, what, s.verdicts(begin+60), test.want...)
			for _, f := range s.c.Floods() {
				if f.Onset != at(begin) || f.Syns != 250 || f.UnresolvedPeak != uint64(250+trickle) ||
					f.Answered != 250 && test.answered {
					t.Errorf("%s: the flood is %+v", what, f)
				}
				if n := f.Sources; n != 250 && (trickle > 25 || n != uint64(250+trickle)) { // begun within 1 s
					t.Errorf("%s: %d sources", what, n)
				}
			}
		}
	}
}

// A burst is a flood though the capture ends in the same period of the CUSUM, unless a handshake was completed in it:
// then others may have been about to complete.
func TestBurstAtTheEnd(t *testing.T) {
	for completed, want := range map[int][]Verdict{0: {SpoofedFlood}, 1: nil} {
		s := newStory()
		for _, a := range s.burst(0, 200, 200)[:completed] {
			s.complete(0.16, a)
		}
		wantVerdicts(t, fmt.Sprint(completed, " of 200 completed"), s.verdicts(0.16), want...)
		wantVerdicts(t, fmt.Sprint(completed, " of 200 completed, asked again"), s.verdicts(0.16), want...)
	}
}

// 30 s without too many attempts end a flood.
func TestFloodPause(t *testing.T) {
	for pause, want := range map[float64][]Verdict{29: {SpoofedFlood}, 31: {SpoofedFlood, SpoofedFlood}} {
		s := newStory()
		s.burst(0, 200, 200)
		s.burst(pause, 200, 200)
		wantVerdicts(t, fmt.Sprint("again after s: ", pause), s.verdicts(pause+1), want...)
	}
}

// The CUSUM's parameters: a period of 0.2 s, a drift of 0.35 of at least 16 attempts, an alarm at 4, a cap at 8, a
// memory of 0.9.
func TestCusumParameters(t *testing.T) {
	var c cusum
	c.advance(at(0.2))
	for _, step := range []struct {
		attempts, completed int
		at                  float64 // of the next call
		closed, rose        bool
		y, usual            float64
	}{
		{5, 0, 0.3999, false, false, 0, 0},
		{0, 0, 0.4, true, false, 0, 0}, // 5/16 is less than the drift
		{6, 0, 0.6, true, true, 0.025, 0},
		{0, 100, 0.8, true, false, 0, 10},
		{116, 100, 1, true, true, 0.65, 19}, // 16/16 above the drift
		{20, 20, 1.2, true, false, 0.3, 19.1},
		{1000, 0, 1.4, true, true, 8, 19.1},
		{0, 0, 1.6, true, false, 7.65, 17.19},
	} {
		for range step.attempts {
			c.attempt(at(step.at) - 1)
		}
		c.completed += uint64(step.completed)
		if closed, rose := c.advance(at(step.at)); closed != step.closed || rose != step.rose {
			t.Errorf("at %v: closed %v, rose %v", step.at, closed, rose)
		}
		if near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }; !near(c.y, step.y) ||
			!near(c.usual, step.usual) {
			t.Errorf("at %v: y %v, usual %v, want %v and %v", step.at, c.y, c.usual, step.y, step.usual)
		}
	}
}

// Four times as many attempts as usual must stay incomplete.
func TestCusumAlarm(t *testing.T) {
	for n, want := range map[int][]Verdict{425: nil, 445: {SpoofedFlood}} {
		s := newStory()
		period := func(i int) float64 { return float64(i) / 5 }
		const usual = 100 // completed in each period, for so long that the average is near it
		for i := range 80 {
			for range usual {
				s.complete(period(i)+0.1, s.syn(period(i), s.n, 80))
			}
		}
		// The burst is the onset, so earlier attempts do not count.
		for range n {
			s.syn(period(80), s.n*s.n, 80)
		}
		wantVerdicts(t, fmt.Sprint(n, " incomplete where 100 are usual"), s.verdicts(period(81)), want...)
	}
}

// A flood counts events before its onset only if they came less than a second before it.
func TestFloodRestart(t *testing.T) {
	for gap, want := range map[float64]uint64{0.8: 1, 1.2: 0} {
		s := newStory()
		early := s.syn(0.1, 1, 80)
		for i := range uint32(10) {
			s.syn(0.1+float64(i/5)/5, 2+i, 80) // five in a period are less than the drift
		}
		s.c.SynRetransmitted(at(0.35), early, true, false)
		s.burst(0.1+gap, 300, 300)
		if f := s.flood(t, 0.1+gap+1); f.SynRetransmitted != want {
			t.Errorf("a SYN sent again %v s before the onset: counted %d times, want %d", gap, f.SynRetransmitted, want)
		}
	}
}

// All sources of a flood are kept, up to 16,384.
func TestSampledSources(t *testing.T) {
	for n, exact := range map[int]bool{16384: true, 16385: false} {
		s := newStory()
		for i := range n {
			s.syn(float64(i)/float64(n), uint32(i), 80)
		}
		if f := s.flood(t, 2); f.SourcesExact != exact || exact && f.Sources != uint64(n) {
			t.Errorf("%d sources: %d, exact: %v", n, f.Sources, f.SourcesExact)
		}
	}
}

// Once 64 targets are observed, 512 sources of each further one are kept. A port is a target, and its address another.
func TestManyFloods(t *testing.T) {
	for _, test := range []struct {
		before uint32 // servers
		n      int    // sources
		exact  bool
	}{{31, 600, true}, {32, 512, true}, {32, 513, false}} {
		s := newStory()
		for server := range test.before {
			for i := range uint32(8) {
				s.synTo(0, i, 2<<24+server, 80)
			}
		}
		for i := range test.n {
			s.syn(0.1*float64(i)/float64(test.n), uint32(i), 80)
		}
		if f := s.flood(t, 1); f.SourcesExact != test.exact {
			t.Errorf("%d sources of a flood after %d servers: exact is %v", test.n, test.before, f.SourcesExact)
		}
	}
}

// Eight sources are few.
func TestFewSources(t *testing.T) {
	for sources, want := range map[uint32]Verdict{8: SingleSource, 9: SpoofedFlood} {
		s := newStory()
		s.burst(0, 360, sources)
		wantVerdicts(t, fmt.Sprint(sources, " sources"), s.verdicts(1), want)
	}
}

// If one source in twenty sends its SYN again, loss does not explain it, and forged sources do not send it again.
func TestSomeSendAgain(t *testing.T) {
	for again, want := range map[int]Verdict{16: SpoofedFlood, 20: Suspicious} {
		s := newStory()
		attempts := s.burst(0, 400, 400)
		for _, a := range attempts[:again] {
			s.c.SynRetransmitted(at(0.16), a, true, false)
		}
		wantVerdicts(t, fmt.Sprint(again, " of 400 send their SYN again"), s.verdicts(1), want)
	}
}

// Forged sources have at least nine tenths of the entropy that they could have.
func TestSpreadOfSources(t *testing.T) {
	for often, want := range map[int]Verdict{6: SpoofedFlood, 12: Suspicious} {
		s := newStory()
		n := 0
		for source := range 64 { // four send most: 0.94 of 6 bits, or 0.85
			times := 4
			if source < 4 {
				times = 4 * often
			}
			for range times {
				s.syn(0.15*float64(n)/500, uint32(source), 80)
				n++
			}
		}
		f := s.flood(t, 1)
		if f.Verdict != want {
			t.Errorf("entropy of %.2f bits, of 6: %v, want %v", f.Entropy, f.Verdict, want)
		}
	}
}

// On a whole address, attempts of fewer than 16 sources are a scan of its ports.
func TestFloodOnPorts(t *testing.T) {
	for sources, want := range map[uint32][]Verdict{15: nil, 16: {SpoofedFlood}} {
		s := newStory()
		for i := range 480 {
			s.syn(0.15*float64(i)/480, 7000+uint32(i)%sources, uint16(i))
		}
		wantVerdicts(t, fmt.Sprint(sources, " sources"), s.verdicts(1), want...)
	}
}

// A flash crowd comes suddenly, from at least 16 sources, at four times the rate before, and not at the capture's
// start.
func TestFlashCrowd(t *testing.T) {
	crowd := []Verdict{FlashCrowd}
	for name, test := range map[string]struct {
		quiet   int // periods before, with ten attempts in each
		n       int
		sources uint32
		want    []Verdict
	}{
		"16 sources":           {60, 170, 16, crowd},
		"15 sources":           {60, 170, 15, nil},
		"more than four times": {60, 170, 100, crowd}, // 40 in the second before, so 42 in a period
		"less than four times": {60, 150, 100, nil},
		"after 2 s":            {10, 170, 100, crowd},
		"after less than 2 s":  {9, 170, 100, nil},
	} {
		s := newStory()
		for i := range test.quiet {
			for range 10 {
				s.complete(float64(i)/5+0.1, s.syn(float64(i)/5, 7000+s.n%test.sources, 80))
			}
		}
		begin := float64(test.quiet) / 5
		attempts := s.burst(begin, test.n, test.sources)
		for _, a := range attempts { // in the next period
			s.complete(begin+0.25, a)
		}
		wantVerdicts(t, name, s.verdicts(begin+1), test.want...)
	}
}

// Unanswered SYN-ACKs are cookies if 16 of them are not sent again when they are due, after 3.5 s. They are counted
// from the eighth unresolved attempt on.
func TestUnrepeated(t *testing.T) {
	for n, want := range map[int]uint64{7 + 15: 0, 7 + 16: 16} {
		s := newStory()
		for i := range n {
			s.synAck(0.2, s.syn(0.2, uint32(i), 80))
		}
		if l := s.listener(0.2 + 3.5); l.Cookies.Unrepeated != 0 {
			t.Errorf("%d SYN-ACKs are judged before they are due: %+v", n, l.Cookies)
		}
		if l := s.listener(0.2 + 3.6); l.Cookies.Unrepeated != want {
			t.Errorf("of %d SYN-ACKs %d are unrepeated, want %d", n, l.Cookies.Unrepeated, want)
		}
	}
}

// Eight SYN-ACKs in a row without options are SYN cookies.
func TestBare(t *testing.T) {
	for n, want := range map[int]uint64{7: 0, 8: 8} {
		s := newStory()
		offer, nothing := &Probe{Options: hasSACK}, &Probe{}
		for i := range 8 + n {
			a := s.syn(0, uint32(i), 80)
			answer := nothing
			if i < 8 {
				answer = offer
			}
			a.SynAckAt = a.SynAt
			s.c.SynAck(a.SynAckAt, a, offer, answer.Options, false)
		}
		if l := s.listener(0); l.Cookies.Bare != want {
			t.Errorf("of %d SYN-ACKs %d are bare, want %d", n, l.Cookies.Bare, want)
		}
	}
}

// A course begins with the eighth embryonic attempt. Its steps are 0.1 s, and there are at most 128.
func TestCourseSteps(t *testing.T) {
	for seconds, want := range map[float64]int64{1: second / 10, 12.7: second / 10, 12.8: second / 5} {
		s := newStory()
		for i := range uint32(8) {
			if l := s.c; i == 7 {
				if list, _ := l.Listeners(); list[0].EmbryonicCourse != nil {
					t.Error("there is a course of seven")
				}
			}
			s.synAck(0, s.syn(0, i, 80))
		}
		s.synAck(seconds, s.syn(seconds, 9, 80))
		if l := s.listener(seconds); l.EmbryonicCourse == nil || l.EmbryonicCourse.Step != want {
			t.Errorf("after %v s: %+v, want steps of %d", seconds, l.EmbryonicCourse, want)
		}
	}
}

// An attempt without an answer was ignored if it waited for a second and others, which did not begin earlier, were
// answered. Such answers are remembered for 256 s.
func TestIgnored(t *testing.T) {
	for waited, want := range map[float64]uint64{0.999: 0, 1: 1, 255: 1, 257: 0} {
		s := newStory()
		ignored := s.syn(0, 1, 80)
		other := s.syn(0, 2, 80)
		s.synAck(0.1, other)
		s.complete(0.2, other)
		if waited > 1 {
			last := s.syn(waited, 3, 80)
			s.synAck(waited, last)
			s.complete(waited, last)
		}
		s.end(waited, ignored, Unanswered)
		if l := s.listener(waited); l.Ignored != want {
			t.Errorf("after %v s %d are ignored, want %d", waited, l.Ignored, want)
		}
	}
}

// SYN-ACKs sent again at least seven times are counted together.
func TestRetransmissions(t *testing.T) {
	s := newStory()
	for times := range 10 {
		a := s.syn(0, uint32(times), 80)
		s.synAck(0, a)
		s.c.End(at(1), a, Abandoned, false, times, &Probe{}, false)
	}
	if l := s.listener(1); !slices.Equal(l.Retransmissions, []uint64{1, 1, 1, 1, 1, 1, 1, 3}) {
		t.Errorf("%v", l.Retransmissions)
	}
}

// 64 latencies are held exactly.
func TestFewLatencies(t *testing.T) {
	for n, exact := range map[int]bool{64: true, 65: false} {
		var l latency
		for range n {
			l.add(1_234_567)
		}
		if got := l.percentiles().P50; (got == 1_234_567) != exact {
			t.Errorf("the median of %d is %d", n, got)
		}
	}
}

// A mark needs at least eight SYNs, and nine in ten of them.
func TestManyMarked(t *testing.T) {
	for _, test := range []struct {
		marked, others int
		want           bool
	}{{7, 0, false}, {8, 0, true}, {18, 2, true}, {17, 3, false}} {
		var m marks
		s := newStory()
		for i := range test.marked + test.others {
			s.n++
			p := *s.unlike()
			if i < test.marked {
				p.IPID = 54321
			}
			m.add(&Attempt{Target: host(1)}, &p)
		}
		found := slices.ContainsFunc(m.found(), func(m Mark) bool { return m.Name == "zmap_ip_id" })
		if found != test.want {
			t.Errorf("%d of %d: found is %v", test.marked, test.marked+test.others, found)
		}
	}
}

// At most 1,000 listeners are listed.
func TestMostListeners(t *testing.T) {
	s := newStory()
	for i := range uint32(1001) {
		s.synAck(0, s.synTo(0, 1, i, 80))
	}
	if list, all := s.c.Listeners(); len(list) != 1000 || all != 1001 {
		t.Errorf("%d of %d listeners", len(list), all)
	}
}

// 32,768 targets are remembered, and each address with one port needs two. If all listen, there is no room for more;
// otherwise one of the next eight that does not listen makes room.
func TestMaxTargets(t *testing.T) {
	const all = 16384
	for _, test := range []struct {
		n      int
		silent int // this one does not listen; -1 is none
		want   uint64
	}{{all, -1, 0}, {all + 1, -1, 1}, {all + 1, 4, 0}, {all + 1, 5, 1}} {
		s := newStory()
		for i := range test.n {
			a := s.synTo(0, 1, uint32(i), 80)
			if i != test.silent {
				s.synAck(0, a)
			}
		}
		if n := s.c.Unjudged(); n != test.want {
			t.Errorf("%d addresses, %d does not listen: %d attempts are not judged, want %d", test.n, test.silent, n,
				test.want)
		}
	}
}

// 1,024 floods that are over are remembered.
func TestMaxFloods(t *testing.T) {
	for n, want := range map[int]uint64{1024: 0, 1025: 1} {
		s := newStory()
		for server := range n {
			for i := range uint32(144) {
				s.synTo(float64(server)/1000, i, uint32(server), 80)
			}
		}
		s.c.Finish(at(100))
		if floods, lost := len(s.c.Floods()), s.c.Unjudged(); floods != n-int(want) || lost != want {
			t.Errorf("%d floods: %d and %d without room", n, floods, lost)
		}
	}
}

// probes makes unanswered attempts of one source on n ports of a server.
func (s *story) probes(source, server uint32, from, n int) {
	for port := from; port < from+n; port++ {
		s.end(2, s.synTo(0, source, server, uint16(port)), Unanswered)
	}
}

// scan returns the scan of a source, or nil.
func (s *story) scan(source uint32) *Scan {
	scans, _ := s.c.Scans()
	for i := range scans {
		if scans[i].Addr == host(source) {
			return &scans[i]
		}
	}
	return nil
}

// Sixteen probes are a scan; eight are enough if no connection begins with such segments.
func TestManyProbes(t *testing.T) {
	for n, want := range map[int]bool{15: false, 16: true} {
		s := newStory()
		s.probes(1, 2, 1, n)
		if found := s.scan(1) != nil; found != want {
			t.Errorf("%d ports: a scan is %v", n, found)
		}
	}
	for n, want := range map[int]bool{7: false, 8: true} {
		s := newStory()
		for i := range n + 7 { // the others on another address
			a := Attempt{Source: host(1), Target: host(2), TargetPort: uint16(i), SynAt: at(0)}
			if i >= n {
				a.Target = host(3)
			}
			s.c.Stray(at(0), &a, &Probe{Flags: flows.FIN}, false)
		}
		if found := s.scan(1) != nil; found != want {
			t.Errorf("%d FINs: a scan is %v", n, found)
		}
	}
}

// A source is followed from its eighth probe on: the marks of earlier probes do not count.
func TestCandidateTry(t *testing.T) {
	for before, want := range map[int]int{7: 1, 8: 0} {
		s := newStory()
		for i := range 16 {
			a := s.synTo(0, 1, 2, uint16(i))
			p := s.unlike()
			if i >= before {
				p.IPID = 54321
			}
			s.c.End(at(2), a, Unanswered, false, 0, p, false)
		}
		if scan := s.scan(1); scan == nil || len(scan.Marks) != want {
			t.Errorf("after %d without a mark: %+v, want %d marks", before, scan, want)
		}
	}
}

// At most 256 sources are followed at once. One that has tried sixteen sockets does not make room for another.
func TestMaxScans(t *testing.T) {
	for n, want := range map[uint32]uint64{256: 0, 257: 1} {
		s := newStory()
		for source := range n {
			n := 16
			if source == 256 {
				n = 8
			}
			s.probes(source, 1<<24, 1, n)
		}
		scans, _ := s.c.Scans()
		if missed := s.c.Unjudged(); len(scans) != 256 || missed != want {
			t.Errorf("of %d scans %d are found, %d had no room", n, len(scans), missed)
		}
	}
}

// All probes of a scan are kept, up to 65,536; of the ninth scan and further ones up to 4,096.
func TestProbesKept(t *testing.T) {
	for _, test := range []struct {
		before uint32
		n      int
		exact  bool
	}{{0, 65536, true}, {0, 65537, false}, {7, 4097, true}, {8, 4096, true}, {8, 4097, false}} {
		s := newStory()
		for source := range test.before {
			s.probes(100+source, 1<<24, 1, 8)
		}
		p := Probe{Flags: flows.SYN}
		for i := range test.n { // only ends: scans do not need the beginning
			a := Attempt{Source: host(1), Target: host(uint32(2 + i>>12)), TargetPort: uint16(i & 0xfff), SynAt: at(0)}
			s.c.End(at(2), &a, Unanswered, false, 0, &p, false)
		}
		if scan := s.scan(1); scan == nil || scan.Exact != test.exact {
			t.Errorf("%d probes after %d scans: %+v", test.n, test.before, scan)
		}
	}
}

// At most 256 open ports and targets are named.
func TestMostListed(t *testing.T) {
	for n, want := range map[int]int{255: 255, 257: 256} {
		s := newStory()
		for i := range n {
			a := s.synTo(0, 1, uint32(100+i), uint16(i))
			s.synAck(0, a)
			s.end(1, a, ResetByClient)
			s.probes(1, uint32(100+i), i, 1)
		}
		s.probes(1, 1, 1, 2*n)
		scan := s.scan(1)
		if scan == nil {
			t.Fatal("there is no scan")
		}
		if got := [...]int{len(scan.OpenSockets), len(scan.TargetList)}; got != [...]int{want, min(n+1, 256)} {
			t.Errorf("of %d: %v are named", n, got)
		}
	}
}

// Candidates are kept in 4,096 sets of four. In each set, a source with more probes stays longer.
func TestCandidates(t *testing.T) {
	in := func(set, sets uint64) (sources []uint32) { // whose candidates would be in that one of sets
		for source := uint32(0); len(sources) < 5; source++ {
			if (&socket{addr: host(source), port: uint16(SynScan)}).hash()%sets == set {
				sources = append(sources, source)
			}
		}
		return sources
	}
	half := append(in(0, 8192)[:3], in(4096, 8192)[:2]...) // in one set of 4,096, and in two sets of 8,192
	twice := append(in(0, 4096)[:3], in(2048, 4096)[:2]...)
	for _, test := range []struct {
		what    string
		sources []uint32
		want    bool // the first is found
	}{
		{"four of a set", in(0, 4096)[:4], true},
		{"five of a set", in(0, 4096), false},
		{"five of one set, which would be two sets if there were more", half, false},
		{"five of two sets, which would be one set if there were fewer", twice, true},
	} {
		s := newStory()
		for _, source := range test.sources {
			s.probes(source, 1<<24, 1, 7)
		}
		s.probes(test.sources[0], 1<<24, 8, 9)
		if found := s.scan(test.sources[0]) != nil; found != test.want {
			t.Errorf("%s: a scan is %v", test.what, found)
		}
	}
}

// A source that tries each of 16 open ports at least twice, and resets what it opens, is a monitor. If it tries them
// once, it is a scanner.
func TestPeriodic(t *testing.T) {
	for n, want := range map[int]bool{31: true, 32: false} {
		s := newStory()
		for i := range n {
			a := s.syn(0, 1, uint16(1+i%16))
			s.synAck(0, a)
			s.end(1, a, ResetByClient)
		}
		if found := s.scan(1) != nil; found != want {
			t.Errorf("%d attempts on 16 open ports: a scan is %v, want %v", n, found, want)
		}
	}
}
