package crowd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tcplife/tcplife/flows"
)

// host returns one of 2^32 hosts.
func host(n uint32) flows.Addr {
	return flows.Addr{10: 0xff, 11: 0xff, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

const second = int64(1e9)

// A sample holds at most its limit, and the same keys in any order of input.
func TestSamplesHaveNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.Uint32Range(0, 2000), 0, 3000).Draw(t, "keys")
		limit := rapid.IntRange(16, 400).Draw(t, "limit")
		forth, back := sources{sample: newSample[uint32](limit)}, sources{sample: newSample[uint32](limit)}
		for i := range keys {
			forth.add(host(keys[i]))
			back.add(host(keys[len(keys)-1-i]))
		}
		forth.count()
		back.count()
		if forth.level != back.level || !reflect.DeepEqual(forth.values, back.values) {
			t.Fatalf("level %d of %d, %d keys of %d", back.level, forth.level, len(back.values), len(forth.values))
		}
		if len(forth.values) > limit {
			t.Fatalf("%d keys above the limit of %d", len(forth.values), limit)
		}
	})
}

// A sample estimates the number, shares and entropy of more keys than it can hold.
func TestSampleEstimates(t *testing.T) {
	s := sources{sample: newSample[uint32](sampledSources)}
	const all, once = 1_000_000, 600_000
	for i := range uint32(all) {
		s.add(host(i))
		if i >= once {
			s.add(host(i))
		}
	}
	s.count()
	if n := float64(s.distinct()); math.Abs(n-all) > 0.05*all {
		t.Errorf("%v sources of %d", n, all)
	}
	if share := s.onceShare(); math.Abs(share-0.6) > 0.02 {
		t.Errorf("%v of the sources were seen once", share)
	}
	// log2 n - (1/n) sum of c log2 c, with n = 1.4 M and c = 2 for 400,000.
	want := math.Log2(1.4e6) - 2*4e5/1.4e6
	if bits := s.entropy(); math.Abs(bits-want) > 0.1 {
		t.Errorf("entropy of %v bits, not %v", bits, want)
	}
}

// The median is right to the histogram's precision.
func TestLatencyMedian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(0, 10*second), 1, 300).Draw(t, "latencies")
		var whole latency
		for _, d := range list {
			whole.add(d)
		}
		got := whole.percentiles().P50
		slices.Sort(list)
		exact := list[(len(list)*50+99)/100-1]
		if d := float64(got - exact); math.Abs(d) > float64(exact)/8+2e3 {
			t.Fatalf("the median is %d, not %d", got, exact)
		}
	})
}

// Removed latencies leave no trace, also in the histogram.
func TestLatencyForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(0, 10*second), fewLatencies+1, 200).Draw(t, "latencies")
		others := rapid.SliceOfN(rapid.Int64Range(0, 10*second), 1, 100).Draw(t, "others")
		var a, want latency
		for _, d := range list {
			a.add(d)
			want.add(d)
		}
		for _, d := range others {
			a.add(d)
		}
		for _, d := range others {
			a.remove(d)
		}
		if got, want := a.percentiles(), want.percentiles(); got != want {
			t.Fatalf("%+v, not %+v", got, want)
		}
	})
}

// held counts exactly the attempts that have not been held for too long.
func TestHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h held
		var since []int64
		now := 100 * second
		h.advance(now, nil)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += rapid.Int64Range(0, 9*second).Draw(t, "step")
			h.advance(now, nil)
			if len(since) > 0 && rapid.Bool().Draw(t, "end") {
				i := rapid.IntRange(0, len(since)-1).Draw(t, "which")
				h.end(since[i])
				since = slices.Delete(since, i, i+1)
			} else {
				h.begin(now, now)
				since = append(since, now)
			}
			want := uint64(0)
			for _, at := range since {
				if now/holdSlot-at/holdSlot < holdSlots {
					want++
				}
			}
			if h.n != want || h.peak < h.n {
				t.Fatalf("%d are held, peak %d; want %d", h.n, h.peak, want)
			}
		}
	})
}

// The alarm comes within two seconds of an attack and dates its onset; a steady load of any height raises no alarm.
func TestCusum(t *testing.T) {
	for _, load := range []int{0, 5, 300, 20_000} { // completed attempts in a period
		var c cusum
		random := rand.New(rand.NewPCG(2002, uint64(load)))
		now := 1000 * second
		period := func(extra int) {
			n := load
			if load > 0 {
				n += random.IntN(load/5+1) - load/10
			}
			c.advance(now)
			for range n + extra {
				c.attempt(now + 1e6)
			}
			c.completed += uint64(n)
			now += cusumPeriod
		}
		for range 300 {
			if period(0); c.y >= cusumAlarm {
				t.Fatalf("load %d: an alarm without an attack", load)
			}
		}
		onset := now
		for range 10 {
			period(max(100, 2*load))
		}
		c.advance(now)
		if c.y < cusumAlarm {
			t.Errorf("load %d: y is %v after 2 s of attack", load, c.y)
		}
		if late := c.begun - onset; late < -second/2 || late > second/2 {
			t.Errorf("load %d: the onset is %v ns late", load, late)
		}
	}
}

// event is an event of an attempt.
type event struct {
	at   int64
	name string
	send func(c *Crowd)
}

// life returns the events of a random attempt.
func life(random *rand.Rand, at int64) []event {
	rtt := 1 + random.Int64N(second/4)
	a := Attempt{Source: host(random.Uint32N(200)), Target: host(1 << 24), TargetPort: uint16(80 + random.IntN(3)),
		SynAt: at}
	p := Probe{Seq: random.Uint32(), TTL: uint8(random.IntN(3)), Flags: flows.SYN}
	if random.IntN(2) == 0 {
		a.Source = host(random.Uint32())
	}
	list := []event{{at, "syn", func(c *Crowd) { c.Syn(at, &a, &p) }}}
	end := func(after int64, how End) {
		b := a
		list = append(list, event{at + after, "end", func(c *Crowd) { c.End(at+after, &b, how, false, 0, &p, false) }})
	}
	if random.IntN(4) == 0 {
		end(second, Refused)
		return list
	}
	answered := a
	answered.SynAckAt = at + 1e4
	list = append(list, event{at + 1e4, "syn-ack", func(c *Crowd) {
		c.SynAck(at+1e4, &answered, &p, p.Options, false)
	}})
	a = answered
	if random.IntN(3) == 0 {
		list = append(list, event{at + rtt + 1e4, "ack", func(c *Crowd) { c.Complete(at+rtt+1e4, &answered, false) }})
		end(rtt+second, Used)
	}
	return list
}

// The result does not depend on the order of events with the same time, except for a few sources at a flood's onset.
func TestOrderOfEqualTimes(t *testing.T) {
	const grid = int64(50e6)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var events []event
		for range 1500 {
			at := 1000*second + random.Int64N(5*second)/grid*grid
			events = append(events, life(random, at)...)
		}
		result := func() string {
			slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
			c := New()
			for _, e := range events {
				e.send(c)
			}
			text := ""
			for _, f := range c.Floods() {
				text += fmt.Sprint(f.Port, f.Whole, f.Verdict, f.Onset, f.End, f.Attempts, f.Completed, "\n")
			}
			scans, _ := c.Scans()
			listeners, all := c.Listeners()
			for _, l := range listeners {
				text += fmt.Sprint(l.Port, l.Attempts, l.Answered, l.Completed, l.Refused, l.Embryonic, "\n")
			}
			return text + fmt.Sprint(all, len(scans))
		}
		first := result()
		slices.Reverse(events) // no two events of an attempt have the same time
		slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
		if second := result(); first != second {
			t.Fatalf("seed %d:\n%s\nin another order:\n%s", seed, first, second)
		}
	}
}

// Memory is bounded for any input.
func TestMemoryIsBounded(t *testing.T) {
	c := New()
	random := rand.New(rand.NewPCG(5, 5))
	now := 1000 * second
	for range 300_000 {
		now += random.Int64N(2e6)
		a := Attempt{Source: host(random.Uint32()), Target: host(random.Uint32()), TargetPort: uint16(random.Uint32()),
			SynAt: now}
		p := Probe{Seq: random.Uint32(), Flags: flows.SYN}
		switch random.IntN(4) {
		case 0: // a few sources, so that there are scans
			a.Source = host(random.Uint32N(1000))
		case 1: // a few targets, so that there are listeners
			a.Target = host(random.Uint32N(50_000))
		}
		c.Syn(now, &a, &p)
		if random.IntN(3) == 0 {
			a.SynAckAt = now
			c.SynAck(now, &a, &p, p.Options, false)
		}
		if random.IntN(2) == 0 {
			c.End(now, &a, End(random.IntN(int(ends))), false, random.IntN(9), &p, false)
		}
		if random.IntN(50) == 0 {
			p.Flags = flows.SYN | flows.ACK
			c.Stray(now, &a, &p, false)
		}
	}
	if n := len(c.targets); n > maxTargets || len(c.order) > maxTargets {
		t.Errorf("%d targets", n)
	}
	if n := len(c.scans.followed); n == 0 || n > maxScans {
		t.Errorf("%d scans", n)
	}
	list, all := c.Listeners()
	if len(list) != MaxListeners || all <= MaxListeners {
		t.Errorf("%d listeners of %d", len(list), all)
	}
	if c.untracked == 0 {
		t.Error("the input is too small to fill the table")
	}
	for _, l := range list {
		if l.Completed > l.Attempts || l.Embryonic > l.Attempts || l.EmbryonicPeak > l.UnresolvedPeak+l.Attempts {
			t.Errorf("%+v", l)
		}
	}
}

// A long flood allocates nothing.
func TestNoAllocations(t *testing.T) {
	c := New()
	now := 1000 * second
	n := uint32(0)
	attempt := func() {
		n++
		now += 1e5
		a := Attempt{Source: host(n * 2654435761), Target: host(1), TargetPort: 80, SynAt: now}
		c.Syn(now, &a, &Probe{Seq: n})
	}
	for range 400_000 {
		attempt()
	}
	if per := testing.AllocsPerRun(20_000, attempt); per > 0.01 {
		t.Errorf("%v allocations for each SYN", per)
	}
}

// A listener that has granted options and then grants none to SYNs without timestamps sends cookies. One that never
// granted any, or that still grants some, does not.
func TestCookiesLoseOptions(t *testing.T) {
	syn := Probe{Options: hasMSS | hasWScale | hasSACK}
	stamped := Probe{Options: syn.Options | hasTimestamp}
	bare := Probe{Options: hasMSS}
	type exchange struct{ syn, synAck *Probe }
	for name, test := range map[string]struct {
		before, then, between exchange
		want                  uint64
	}{
		"granted, then not": {exchange{&syn, &syn}, exchange{&syn, &bare}, exchange{&stamped, &stamped},
			30},
		"granted with timestamps, not now": {exchange{&stamped, &stamped}, exchange{&syn, &bare},
			exchange{&stamped, &stamped}, 30},
		"never granted":   {exchange{&syn, &bare}, exchange{&syn, &bare}, exchange{&syn, &bare}, 0},
		"granted to some": {exchange{&syn, &syn}, exchange{&syn, &bare}, exchange{&syn, &syn}, 0},
		"not offered": {exchange{&syn, &syn}, exchange{&bare, &bare}, exchange{&stamped, &stamped},
			0},
	} {
		c := New()
		now, n := 1000*second, uint32(0)
		attempt := func(e exchange) {
			n++
			now += 1e6
			a := Attempt{Source: host(n), Target: host(1 << 24), TargetPort: 80, SynAt: now}
			c.Syn(now, &a, e.syn)
			a.SynAckAt = now
			c.SynAck(now, &a, e.syn, e.synAck.Options, false)
		}
		for range 10 {
			attempt(test.before)
		}
		since := now + 1e6
		for i := range 30 {
			attempt(test.then)
			if i%5 == 4 {
				attempt(test.between)
			}
		}
		list, _ := c.Listeners()
		got := list[0].Cookies
		if got.Bare != test.want || test.want > 0 && got.Since != since {
			t.Errorf("%s: %+v, not %d since %d", name, got, test.want, since)
		}
	}
}

// A course has at most courseMoments steps, and each has the maximum of its time.
func TestCourse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c course
		type change struct {
			at int64
			n  uint64
		}
		var list []change
		now := 1000 * second
		for range rapid.IntRange(1, 200).Draw(t, "changes") {
			now += rapid.Int64Range(0, 2*second).Draw(t, "later")
			list = append(list, change{now, rapid.Uint64Range(0, 9).Draw(t, "n")})
			c.note(now, list[len(list)-1].n)
		}
		got := c.whole()
		if n := int64(len(got.Peaks)); n > courseMoments || got.Start > list[0].at || got.Start+n*got.Step <= now ||
			got.Start%got.Step != 0 {
			t.Fatalf("%d steps of %d from %d, for %d to %d", n, got.Step, got.Start, list[0].at, now)
		}
		for i, peak := range got.Peaks {
			from, want := got.Start+int64(i)*got.Step, uint64(0)
			for j, x := range list {
				if x.at < from+got.Step && (j+1 == len(list) || list[j+1].at >= from) {
					want = max(want, x.n)
				}
			}
			if peak != want {
				t.Fatalf("step %d: %d, not %d", i, peak, want)
			}
		}
	})
}

// A capture without ACKs shows no completed handshakes. Then ordinary clients are no flood, and their SYN-ACKs are no
// cookies; evidence that only floods show still makes a flood.
func TestCaptureWithoutAcks(t *testing.T) {
	system := Probe{Options: hasMSS | hasWScale | hasSACK | hasTimestamp}
	tool := Probe{Options: hasMSS}
	spread := func(i int) flows.Addr { return host(uint32(i) * 2654435761) }
	few := func(i int) flows.Addr { return host(uint32(i*i) % 30) }
	for name, test := range map[string]struct {
		syn      *Probe
		source   func(i int) flows.Addr
		gap      int64 // between attempts
		answers  bool
		repeats  int // retransmitted SYN-ACKs in a hundred attempts
		synAgain int // retransmitted SYNs in a hundred attempts
		acks     bool
		flood    bool
		cookies  bool
	}{
		"ordinary clients": {syn: &system, source: few, gap: second / 10, answers: true},
		"each once":        {syn: &system, source: spread, gap: second / 10, answers: true},
		"some loss": {syn: &system, source: few, gap: second / 10, answers: true, repeats: 4,
			synAgain: 4},
		"the same where ACKs pass": {syn: &system, source: few, gap: second / 10, answers: true, acks: true,
			flood: true, cookies: true},
		"SYN-ACKs are sent again": {syn: &system, source: spread, gap: second / 10, answers: true,
			repeats: 5, flood: true},
		"SYNs are sent again": {syn: &system, source: spread, gap: second / 10, answers: true,
			synAgain: 5, flood: true},
		"no system's options": {syn: &tool, source: spread, gap: second / 10, answers: true,
			flood: true},
		"too short for repetitions, few": {syn: &system, source: few, gap: second / 1000, answers: true},
		"too short for repetitions, at random": {syn: &system, source: spread, gap: second / 1000, answers: true,
			flood: true},
		"SYNs alone":            {syn: &system, source: few, gap: second / 10},
		"SYNs alone, at random": {syn: &system, source: spread, gap: second / 10, flood: true},
	} {
		c := New()
		if test.acks {
			c.AckPassed()
		}
		now := 1000 * second
		for i := range 600 {
			now += test.gap
			a := Attempt{Source: test.source(i), Target: host(1 << 24), TargetPort: 80, SynAt: now}
			syn := *test.syn
			syn.Seq = uint32(i*i) * 2654435761
			c.Syn(now, &a, &syn)
			if i%100 >= 100-test.synAgain {
				c.SynRetransmitted(now, &a, true, false)
			}
			if test.answers {
				a.SynAckAt = now
				c.SynAck(now, &a, &syn, syn.Options, false)
			}
			if i%100 >= 100-test.repeats {
				c.SynAckRetransmitted(now, &a, 1, false)
			}
		}
		c.Finish(now)
		floods := c.Floods()
		if (len(floods) > 0) != test.flood {
			t.Errorf("%s: %d floods: %+v", name, len(floods), floods)
		}
		list, _ := c.Listeners()
		if found := len(list) > 0 && list[0].Cookies.Found(); found != test.cookies {
			t.Errorf("%s: cookies %v", name, found)
		}
	}
}

// A source that returns to open ports checks that they are still open. One that tries each port once, or mostly closed
// ports, is a scanner.
func TestPeriodicChecksAreNoScan(t *testing.T) {
	for name, test := range map[string]struct {
		rounds, closed int // closed of 20 backends
		scan           bool
	}{
		"each once":  {1, 0, true},
		"each twice": {2, 0, false},
		"some down":  {3, 9, false},
		"half down":  {3, 10, true},
	} {
		c := New()
		now := 1000 * second
		for range test.rounds {
			for i := range 20 {
				now += second / 10
				a := Attempt{Source: host(1), Target: host(uint32(1<<24 + i)), TargetPort: 9001, SynAt: now}
				p := Probe{Flags: flows.SYN, Seq: uint32(now)}
				end := ResetByClient
				c.Syn(now, &a, &p)
				if i < test.closed {
					end = Refused
				} else {
					a.SynAckAt = now
					c.SynAck(now, &a, &p, p.Options, false)
				}
				c.End(now, &a, end, false, 0, &p, false)
			}
		}
		if scans, _ := c.Scans(); (len(scans) > 0) != test.scan {
			t.Errorf("%s: %+v", name, scans)
		}
	}
}

// A target is forgotten once a listener would hold no attempt any more. An attempt that still goes on counts when it is
// answered or completed.
func TestAttemptOutlivesItsTarget(t *testing.T) {
	target, now := host(1<<24), 1000*second
	slow := Attempt{Source: host(1), Target: target, TargetPort: 80, SynAt: now}
	other := Attempt{Source: host(2), Target: target, TargetPort: 80, SynAt: now}
	for _, answered := range []bool{true, false} {
		c := New()
		c.Syn(now, &slow, &Probe{})
		c.Syn(now, &other, &Probe{})
		c.End(now+70*second, &other, Unanswered, false, 0, &Probe{}, false)
		late := slow
		if answered { // otherwise the capture lacks the SYN-ACK
			late.SynAckAt = now + 80*second
			c.SynAck(late.SynAckAt, &late, &Probe{}, 0, true)
		}
		late.AckAt = now + 81*second
		c.Complete(late.AckAt, &late, false)
		c.Finish(now + 90*second)
		list, _ := c.Listeners()
		if len(list) != 1 || list[0].Attempts != 1 || list[0].Completed != 1 || (list[0].Answered == 1) != answered {
			t.Errorf("answered %v: %+v", answered, list)
		}
	}
}
