package tcpstate

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestReceived(t *testing.T) {
	type step struct {
		from, to Seq
		fresh    bool
		nxt      Seq
		ahead    []span
	}
	tests := map[string][]step{
		"in order": {{100, 110, true, 110, nil}, {110, 120, true, 120, nil}},
		"again":    {{100, 110, true, 110, nil}, {100, 110, false, 110, nil}, {90, 105, false, 110, nil}},
		"overlap":  {{100, 110, true, 110, nil}, {105, 115, true, 115, nil}},
		"hole": {
			{110, 120, true, 100, []span{{110, 120}}},
			{110, 120, false, 100, []span{{110, 120}}},
			{112, 118, false, 100, []span{{110, 120}}},
			{100, 105, true, 105, []span{{110, 120}}},
			{105, 110, true, 120, nil},
		},
		"two holes, the second filled first": {
			{110, 120, true, 100, []span{{110, 120}}},
			{130, 140, true, 100, []span{{110, 120}, {130, 140}}},
			{120, 130, true, 100, []span{{110, 140}}},
			{100, 112, true, 140, nil},
		},
		"before and between": {
			{130, 140, true, 100, []span{{130, 140}}},
			{110, 115, true, 100, []span{{110, 115}, {130, 140}}},
			{118, 120, true, 100, []span{{110, 115}, {118, 120}, {130, 140}}},
			{112, 135, true, 100, []span{{110, 140}}},
		},
		"over everything": {
			{110, 115, true, 100, []span{{110, 115}}},
			{120, 125, true, 100, []span{{110, 115}, {120, 125}}},
			{100, 130, true, 130, nil},
		},
	}
	for _, base := range []Seq{0, 1<<32 - 115} { // the second wraps within each test
		for name, steps := range tests {
			t.Run(fmt.Sprintf("%s from %d", name, base), func(t *testing.T) {
				r := received{known: true, nxt: base + 100}
				for i, step := range steps {
					if fresh := r.add(base+step.from, base+step.to); fresh != step.fresh {
						t.Errorf("step %d: fresh is %v", i, fresh)
					}
					var ahead []span
					for _, sp := range step.ahead {
						ahead = append(ahead, span{base + sp.from, base + sp.to})
					}
					if r.nxt != base+step.nxt || len(r.ahead)+len(ahead) > 0 && !reflect.DeepEqual(r.ahead, ahead) {
						t.Errorf("step %d: RCV.NXT %d %v, want %d %v", i, r.nxt, r.ahead, base+step.nxt, ahead)
					}
				}
			})
		}
	}
}

func TestReceivedAcked(t *testing.T) {
	var r received
	r.acked(50)
	if !r.known || r.nxt != 50 {
		t.Fatalf("after the first word: %+v", r)
	}
	r.add(60, 70)
	r.acked(40)
	if r.nxt != 50 {
		t.Errorf("an old acknowledgement sets RCV.NXT to %d", r.nxt)
	}
	r.acked(60)
	if r.nxt != 70 || len(r.ahead) != 0 {
		t.Errorf("the hole acknowledged: RCV.NXT %d %v, want 70", r.nxt, r.ahead)
	}
}

func TestReceivedMissing(t *testing.T) {
	r := received{known: true, nxt: 100}
	r.missing(110)
	if r.nxt != 100 {
		t.Errorf("octets that have not passed count as missing: RCV.NXT %d", r.nxt)
	}
	r.missing(90)
	if r.nxt != 90 || !r.covers(91, 100) || r.covers(90, 100) {
		t.Errorf("one octet at 90 is missing, not the rest: %+v", r)
	}
	if !r.add(90, 91) || r.nxt != 100 {
		t.Errorf("filled again: %+v", r)
	}
	r.missing(99)
	if r.nxt != 99 || len(r.ahead) != 0 {
		t.Errorf("the last octet is missing: %+v", r)
	}
}

// In any order, exactly what arrives counts as arrived, except the farthest spans if too many holes are open. The spans
// stay in order, disjoint, and few.
func TestReceivedAgainstSet(t *testing.T) {
	hold(t, func(t *rapid.T) {
		base := Seq(rapid.Uint32().Draw(t, "base"))
		r := received{known: true, nxt: base}
		var got [600]bool
		forgot := false
		segments := rapid.IntRange(1, 120).Draw(t, "segments")
		for n := range segments {
			from := rapid.IntRange(0, 560).Draw(t, "from")
			to := from + rapid.IntRange(1, 12).Draw(t, "octets")
			news := false
			for i := from; i < to; i++ {
				news = news || !got[i]
				got[i] = true
			}
			full := len(r.ahead) == maxSpans
			fresh := r.add(base+Seq(from), base+Seq(to))
			forgot = forgot || full
			if fresh != news && !forgot {
				t.Fatalf("[%d, %d): fresh is %v", from, to, fresh)
			}
			if len(r.ahead) > maxSpans {
				t.Fatalf("%d spans", len(r.ahead))
			}
			last := r.nxt
			for _, sp := range r.ahead {
				if !sp.from.After(last) || !sp.to.After(sp.from) {
					t.Fatalf("RCV.NXT %d, spans %v", r.nxt-base, r.ahead)
				}
				last = sp.to
			}
			near := max(0, from-2)
			if n == segments-1 {
				near, to = 0, len(got)-4
			}
			for i := near; i < to+3; i++ {
				have := got[i]
				covered := r.covers(base+Seq(i), base+Seq(i+1))
				if covered && !have || have && !covered && !forgot {
					t.Fatalf("octet %d: arrived is %v, covers returns %v", i, have, covered)
				}
			}
		}
	})
}
