package timers

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// There is a test for each threshold. The numbers are written out, so that a changed threshold fails a test: make
// mutate halves and doubles each. Package analyzer tests the timers of whole connections.

const ms = int64(1e6)

// The idle time, the interval and the number of unanswered keepalives show whose defaults an end has.
func TestKeepaliveDefaults(t *testing.T) {
	for _, c := range []struct {
		idle, interval int64 // s
		probes         uint64
		want           record.KeepaliveDefaults
	}{
		{7200, 75, 9, record.KeepaliveLinux},
		{7200, 75, 8, record.KeepaliveBSD},
		{7200, 75, 10, record.KeepaliveBSD43},
		{7200, 1, 10, record.KeepaliveWindows},
		{15, 15, 9, record.KeepaliveGo},
	} {
		for probes, want := range map[uint64]record.KeepaliveDefaults{c.probes: c.want, c.probes + 10: ""} {
			r := run{kind: Keepalive, firstAfter: c.idle * 1000 * ms, gap: c.interval * 1000 * ms, count: probes,
				streak: probes}
			told := record.Timer{GaveUp: true}
			if r.limit(&told); told.Defaults != want || told.Limit.Number != probes {
				t.Errorf("%d keepalives, %d s and %d s: %+v, want %q", probes, c.idle, c.interval, told, want)
			}
		}
	}
}

// A timer waits twice as long as before, but at most two minutes, unless it has waited longer already.
func TestLongestBackoff(t *testing.T) {
	for gap, want := range map[int64]int64{59: 118, 60: 120, 61: 120, 120: 120, 130: 130} {
		if got := (&run{kind: RTO, gap: gap * 1000 * ms}).due(); got != want*1000*ms {
			t.Errorf("after %d s it is due in %d ns, want %d s", gap, got, want)
		}
	}
}

// At most 16 packets of a run are kept, and four runs of a kind.
func TestMostKept(t *testing.T) {
	var e end
	r := e.begin(run{kind: RTO})
	for i := range int64(17) {
		if i == 16 && len(r.packets) != 16 {
			t.Errorf("of 16 packets %d are kept", len(r.packets))
		}
		r.fired(ms, i*ms, uint64(i+1))
	}
	if len(r.packets) != 16 || len(r.intervals) != 15 || r.count != 17 {
		t.Errorf("%d packets and %d intervals are kept of %d", len(r.packets), len(r.intervals), r.count)
	}
	for n, want := range map[int]uint64{4: 0, 5: 1} {
		var e end
		for range n {
			e.begin(run{kind: RTO})
		}
		if len(e.runs) != 4 || e.leftOut != want {
			t.Errorf("of %d runs %d are kept, %d left out", n, len(e.runs), e.leftOut)
		}
	}
}

// again returns the kind of the run after the first of a hundred unacknowledged segments of 100 octets is sent again
// after a second.
func again(e *end, r Repeat) Kind {
	r.At, r.Sent, r.First = 2000*ms, 1000*ms, true
	r.Seq, r.End, r.Una, r.Nxt = 1000, 1100, 1000, 11000
	e.text(false, &r)
	return e.runs[len(e.runs)-1].kind
}

// Three duplicate acknowledgements cause a fast retransmission.
func TestDuplicates(t *testing.T) {
	for n, want := range map[uint8]Kind{2: RTO, 3: Fast} {
		if got := again(new(end), Repeat{Heard: 2000*ms - 1, Reply: ms, Duplicates: n}); got != want {
			t.Errorf("%d duplicates: kind %d, want %d", n, got, want)
		}
	}
}

// A retransmission that a SACK causes comes at most a quarter of the round trip and 10 ms later than other answers, or
// within 25 ms.
func TestReorderingWait(t *testing.T) {
	for _, c := range []struct{ reply, roundTrip, longest int64 }{
		{100 * ms, 40 * ms, 120 * ms},
		{ms, 4 * ms, 25 * ms},
	} {
		for waited, want := range map[int64]Kind{c.longest: Fast, c.longest + 1: RTO} {
			e := end{sacked: 1200, hasSack: true}
			got := again(&e, Repeat{Heard: 2000*ms - waited, Reply: c.reply, RoundTrip: c.roundTrip})
			if got != want {
				t.Errorf("%d ns after a SACK: kind %d, want %d", waited, got, want)
			}
		}
	}
}

// An assumed tail loss probe was a time-out if the next wait is between seven quarters of the first, and twice the
// first plus 10 ms.
func TestBacksOff(t *testing.T) {
	for wait, want := range map[int64]Kind{175*ms - 1: TLP, 175 * ms: RTO, 210 * ms: RTO, 210*ms + 1: TLP} {
		var e end
		r := Repeat{At: 1100 * ms, Seq: 1000, End: 1100, Una: 1000, Nxt: 1100, Sent: 1000 * ms, First: true, SACK: true}
		e.text(false, &r)
		r.At += wait
		e.text(false, &r)
		if got := e.runs[0].kind; got != want {
			t.Errorf("a wait of 100 ms and one of %d ns: kind %d, want %d", wait, got, want)
		}
	}
}
