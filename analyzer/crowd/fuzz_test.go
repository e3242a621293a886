package crowd

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// progress is an attempt in a fuzz target, and how far it has come.
type progress struct {
	Attempt
	answered, completed, ended, fellBack, again bool
	synAcksAgain                                int
	end                                         End
}

// clockSteps are the times between two events: near the limits after which attempts are judged and forgotten, and
// backwards.
var clockSteps = [...]int64{0, 1, 1e3, 1e6, 1e7, 1e8, second, 3 * second, 63 * second, 64 * second, 240 * second,
	3600 * second, 86400 * second, -1e6, -second, -3600 * second}

// FuzzCrowd sends a Crowd the events of attempts at any times. The events of one attempt are in an order that is
// possible; those of several are mixed. Four bytes are an event: what happens, to which attempt, a number, and the time
// since the event before. Every attempt counts once and ends once, and the same events give the same result.
func FuzzCrowd(f *testing.F) {
	var flood, scan, listener []byte
	for i := range byte(120) {
		flood = append(flood, 0, i, i, 3, 2, i, 0, 2)
		scan = append(scan, 0x40, i, 7, 4, 7, i, 1, 2)
		listener = append(listener, 0, i, i%5, 5, 2, i, 0, 4, 4, i, 0, 4)
	}
	f.Add(flood)
	f.Add(scan)
	f.Add(listener)
	f.Add(append(append(flood, listener...), 5, 1, 0, 6, 6, 1, 0, 7, 7, 1, 3, 8, 9, 2, 1, 4, 10, 3, 1, 1, 11, 9, 2, 2))
	f.Add([]byte{0, 1, 0, 0, 1, 1, 1, 7, 2, 1, 0, 6, 3, 1, 1, 7, 4, 1, 0, 2, 3, 1, 1, 7, 5, 1, 0, 0, 6, 1, 0, 9, 7, 1,
		7,
		10})
	f.Fuzz(func(t *testing.T, data []byte) {
		first := crowdOf(t, data)
		if second := crowdOf(t, data); !reflect.DeepEqual(first, second) {
			t.Errorf("the same events give\n%+v\nand\n%+v", first, second)
		}
	})
}

func crowdOf(t *testing.T, data []byte) *record.Result {
	c := New()
	lives := map[byte]*progress{}
	var syns, begun, completed uint64
	now := int64(1_700_000_000) * second
	for ; len(data) >= 4; data = data[4:] {
		what, who, n := data[0]&0x3f, data[1], data[2]
		now += clockSteps[data[3]&0xf]
		l := lives[who]
		probe := Probe{Seq: uint32(n) << 24, Window: uint16(n) << 8, IPID: uint16(who), TTL: 64, Flags: flows.SYN}
		if l == nil || l.ended {
			port := uint16(80)
			target := host(uint32(n>>6) + 1)
			if data[0]&0x40 != 0 { // many ports, or many addresses, of one source
				port += uint16(who)
			}
			a := Attempt{Source: host(1000 + uint32(n)), Target: target, TargetPort: port, SynAt: now}
			if what == 11 {
				c.Stray(now, &a, &probe, n&1 != 0)
				continue
			}
			l = &progress{Attempt: a}
			lives[who] = l
			c.Syn(now, &l.Attempt, &probe)
			syns, begun = syns+1, begun+1
			continue
		}
		switch {
		case what == 1:
			c.SynRetransmitted(now, &l.Attempt, !l.again, l.answered)
			l.again = true
			syns++
		case what == 2 && !l.answered:
			l.answered, l.SynAckAt = true, now
			c.SynAck(now, &l.Attempt, &probe, probe.Options, l.again)
		case what == 3 && l.answered:
			l.synAcksAgain++
			c.SynAckRetransmitted(now, &l.Attempt, l.synAcksAgain, l.completed)
		case what == 4 && l.answered && !l.completed:
			l.completed, l.AckAt = true, now
			c.Complete(now, &l.Attempt, l.synAcksAgain > 0)
			completed++
		case what == 5 && l.completed && !l.fellBack:
			c.FellBack(now, &l.Attempt, true, n&1 != 0)
			l.fellBack = true
		case what == 6 && l.fellBack:
			c.Resumed(now, &l.Attempt)
			c.Accepted(&l.Attempt, now)
			l.fellBack = false
		case what == 7:
			if l.end = End(n % uint8(Idle)); l.completed {
				l.end = Idle + End(n&1)
			}
			if l.fellBack {
				c.Resumed(now, &l.Attempt)
			}
			c.End(now, &l.Attempt, l.end, n&0x80 != 0, l.synAcksAgain, &probe, l.again)
			l.ended = true
		case what == 8 && l.completed:
			left := l.AckAt
			if l.fellBack {
				left = 0
			}
			c.TakeBackCompletion(now, &l.Attempt, Abandoned, l.fellBack, n&0x80 != 0, l.synAcksAgain, left)
			l.ended = true
			completed--
		case what == 9:
			c.AckPassed()
		case what == 10 && l.completed:
			c.Open(&l.Attempt, l.AckAt, now, now+int64(n), now)
			c.Proxied(&l.Attempt, 64, 64-n&0x1f)
		case what == 12:
			c.Flooded(&l.Attempt)
			c.Overflowed(&l.Attempt, now)
			c.SentCookie(l.Target, l.TargetPort, now)
		}
	}
	for who := range 256 { // in a fixed order
		if l := lives[byte(who)]; l != nil && !l.ended {
			if l.fellBack {
				c.Resumed(now, &l.Attempt)
			}
			l.end = Unanswered
			switch {
			case l.completed:
				l.end = Used
			case l.answered:
				l.end = Abandoned
			}
			c.End(now, &l.Attempt, l.end, true, l.synAcksAgain, &Probe{}, l.again)
		}
	}
	c.Finish(now)
	r := &record.Result{Summary: &record.Summary{}}
	c.AddTo(r)
	list, all := c.Listeners()
	if uint64(len(list)) > all {
		t.Errorf("%d listeners of %d", len(list), all)
	}
	var attempts, sent, opened uint64
	for _, l := range list {
		attempts, sent, opened = attempts+l.Attempts, sent+l.Syns, opened+l.Completed
		ends := l.Completed + l.Refused + l.Unanswered + l.ResetByClient + l.Withdrawn + l.Unreachable + l.Abandoned
		if l.Answered > l.Attempts || l.Completed > l.Attempts || ends > l.Attempts || l.Attempts > l.Syns ||
			l.Embryonic > l.EmbryonicPeak || l.First > l.Last {
			t.Error(fmt.Sprintf("%+v", l), "contradicts itself")
		}
	}
	if attempts > begun || sent > syns || opened > completed {
		t.Errorf("listeners have %d attempts of %d, %d SYNs of %d, %d completed of %d", attempts, begun, sent, syns,
			opened,
			completed)
	}
	for _, f := range c.Floods() {
		if f.Onset > f.End || f.Completed > f.Attempts || f.Attempts > begun || f.Syns > syns || f.OnceShare > 1 ||
			f.TopShare > 1 {
			t.Errorf("%+v contradicts itself", f)
		}
	}
	scans, back := c.Scans()
	for _, s := range append(scans, back...) {
		if s.Start > s.End || s.Used > s.Probes || s.Exact && (s.Targets > s.Pairs || s.Ports > s.Pairs) {
			t.Errorf("%+v contradicts itself", s)
		}
	}
	return r
}
