package ledger

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// There is a test for each threshold. The numbers are written out, so that a changed threshold fails a test: make
// mutate halves and doubles each.

func summary(conns ...*record.Connection) *record.Summary {
	t := NewTotals(DefaultPortRange)
	for _, c := range conns {
		t.Add(c)
	}
	return t.summary()
}

// The steps of a grid, from a millisecond to a thousand days. This test comes first, because others never end if two
// steps are equal.
func TestGridSteps(t *testing.T) {
	const ms, day = time.Millisecond, 24 * time.Hour
	step := ms
	for _, want := range []time.Duration{2 * ms, 10 * ms, 20 * ms, 100 * ms, 200 * ms, time.Second, 2 * time.Second,
		10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, day, 10 * day,
		100 * day, 1000 * day, 2000 * day} {
		if got := time.Duration(longer(int64(step))); got != want {
			t.Errorf("after %v comes %v, want %v", step, got, want)
		}
		step = want
	}
}

// A connection of less than a second is short, one of at least a minute is long.
func TestLifetimes(t *testing.T) {
	for _, test := range []struct {
		lasted      time.Duration
		short, long uint64
	}{{time.Second - 1, 1, 0}, {time.Second, 0, 0}, {time.Minute - 1, 0, 0}, {time.Minute, 0, 1}} {
		s := summary(&record.Connection{
			Duration:  record.Duration(test.lasted),
			Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown:  record.Teardown{Kind: record.TeardownFourWay, HalfClosed: record.NoDuration},
		})
		if s.Lifetimes.Short != test.short || s.Lifetimes.Long != test.long {
			t.Errorf("%v: %+v", test.lasted, s.Lifetimes)
		}
	}
}

// A side counts as not closing after 10 s in CLOSE_WAIT, and at most 1,024 sides are listed.
func TestNotClosingLimits(t *testing.T) {
	waiting := func(server int, lasted record.Time) *record.Connection {
		return &record.Connection{
			Server: record.Endpoint{
				IP: netip.AddrFrom4([4]byte{10, 0, byte(server >> 8), byte(server)}), Port: 80,
				State:  record.StateOrNone{State: tcpstate.CloseWait, Known: true},
				States: []record.StateEntry{{State: tcpstate.CloseWait, At: 0}},
			},
			Ended: lasted, Teardown: record.Teardown{HalfClosed: record.NoDuration},
		}
	}
	for lasted, want := range map[record.Time]int{10e9 - 1: 0, 10e9: 1} {
		if s := summary(waiting(1, lasted)); len(s.NotClosing) != want {
			t.Errorf("after %d ns: %+v", lasted, s.NotClosing)
		}
	}
	var many []*record.Connection
	for server := range 1025 {
		many = append(many, waiting(server, 20e9))
	}
	if s := summary(many...); len(s.NotClosing) != 1024 {
		t.Errorf("of 1,025 sides %d are listed", len(s.NotClosing))
	}
}

// Silences of 5 s to 59 days are divided into classes of 2%; the neighbourhood of a time-out is ten classes.
func TestIdleTimeoutLimits(t *testing.T) {
	step := func(n float64) float64 { return 5 * math.Pow(1.02, n+0.5) }
	for name, test := range map[string]struct {
		silences []float64
		want     int
	}{
		"shorter":           {[]float64{4.99, 4.99, 4.99}, 0},
		"5 s":               {[]float64{5, 5, 5}, 1},
		"two beside":        {[]float64{step(100), step(100), step(100), step(111), step(111)}, 0},
		"two farther off":   {[]float64{step(100), step(100), step(100), step(112), step(112)}, 1},
		"two of some days":  {[]float64{step(600), step(600), step(600), step(650), step(650), step(650)}, 2},
		"all of two months": {[]float64{step(700), step(700), step(700), step(750), step(750), step(750)}, 1},
	} {
		var conns []*record.Connection
		for _, seconds := range test.silences {
			conns = append(conns, afterSilence(record.Server, seconds, "192.0.2.1:443"))
		}
		if s := summary(conns...); len(s.IdleTimeouts) != test.want {
			t.Errorf("%s: %+v", name, s.IdleTimeouts)
		}
	}
}

// A population has at most 1,000 moments if no step is given, else 100,000, and 5,000 for a host.
func TestPopulationMoments(t *testing.T) {
	for _, test := range []struct {
		given time.Duration
		host  bool
		last  record.Time
		want  record.Duration
	}{
		{0, false, 999e6, 1e6},
		{0, false, 1000e6, 2e6},
		{time.Second, false, 99_999e9, 1e9},
		{time.Second, false, 100_000e9, 2e9},
		{time.Second, true, 4999e9, 1e9},
		{time.Second, true, 5000e9, 2e9},
	} {
		p := NewPopulation(test.given, test.host)
		p.Add(&record.Connection{
			Client: record.Endpoint{IP: netip.MustParseAddr("192.0.2.1"),
				States: []record.StateEntry{{State: tcpstate.Established, At: 0}}}, Ended: 5e8,
		})
		series := p.Series(0, test.last)
		if got := series[len(series)-1].Step; got != test.want {
			t.Errorf("a step of %v given, until %d: step %d, want %d", test.given, test.last, got, test.want)
		}
	}
}

// At most 250 hosts have a series of their own.
func TestPopulationHosts(t *testing.T) {
	for hosts, want := range map[int]uint64{250: 0, 251: 1} {
		p := NewPopulation(0, true)
		for i := range hosts {
			p.Add(&record.Connection{
				Client: record.Endpoint{IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}),
					States: []record.StateEntry{{State: tcpstate.Established, At: 0}}}, Ended: 1e9,
			})
		}
		if series := p.Series(0, 1e9); p.LeftOut() != want || len(series) != 1+hosts-int(want) {
			t.Errorf("%d hosts: %d series, %d left out", hosts, len(series), p.LeftOut())
		}
	}
}

// Closes that crossed the other side's text count after a second of silence.
func TestShortestCrossedClose(t *testing.T) {
	for silence, want := range map[record.Duration]uint64{1e9 - 1: 0, 1e9: 1} {
		closes := newCrossedCloses()
		if closes.add(&record.Connection{}, silence, record.Server); closes.total != want {
			t.Errorf("after %d ns: %d count, want %d", silence, closes.total, want)
		}
	}
}

// The default range of ports is Linux's.
func TestDefaultPorts(t *testing.T) {
	if want := (PortRange{Low: 32768, High: 60999}); DefaultPortRange != want {
		t.Errorf("%+v, want %+v", DefaultPortRange, want)
	}
}

// The ledger keeps at most 4,096 pairs.
func TestTimeWaitPairs(t *testing.T) {
	for pairs, want := range map[int]uint64{4096: 0, 4097: 1} {
		ledger := newTimeWaits()
		for i := range pairs {
			c := waiting(1, 0, record.TimeWaitExpired, 1e9)
			c.Client.IP = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			ledger.add(c, DefaultPortRange)
		}
		if list, leftOut := ledger.records(DefaultPortRange); leftOut != want || len(list) != pairs-int(want) {
			t.Errorf("%d pairs: %d, and %d left out", pairs, len(list), leftOut)
		}
	}
}

// The peak of TIME_WAITs is found among at most 250 moments.
func TestTimeWaitMoments(t *testing.T) {
	for lasted, want := range map[int64]record.Time{249e6: 1e6, 250e6: 2e6} {
		s := timeWaitSide{once: [2]int64{1e6, 1e6 + lasted}}
		if count, at := s.peak(); count != 1 || at != want {
			t.Errorf("one of %d ns: %d at %d, want it at %d", lasted, count, at, want)
		}
	}
}

// Ten TIME_WAITs in a second are a rate.
func TestEnoughTimeWaits(t *testing.T) {
	for _, test := range []struct {
		entered uint64
		lasted  record.Time
		want    bool
	}{{10, 1e9, true}, {9, 1e9, false}, {10, 1e9 - 1, false}} {
		s := timeWaitSide{entered: test.entered, lastEntered: test.lasted}
		if p := s.ports(DefaultPortRange, 60e9, false); p.Rate.Known != test.want {
			t.Errorf("%+v", test)
		}
	}
}
