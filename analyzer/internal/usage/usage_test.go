package usage_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/usage"
	"github.com/tcplife/tcplife/analyzer/record"
)

const (
	client, server = 0, 1
	second         = int64(1e9)
	start          = 1_700_000_000 * second
)

// talk returns a connection in which the client sends messages of some octets at an interval, and the server answers
// each message a tenth of a second later; and the octets of both, and how long the connection has been open.
func talk(messages int, octets uint32, interval int64) (u usage.Usage, bytes uint64, life int64) {
	at := start
	u.Opened(at)
	for n := range messages {
		if n > 0 {
			at += interval
		}
		u.Text(client, client, at, octets, uint64(n)+4)
		u.Text(server, client, at+second/10, octets, uint64(n)+5)
		bytes += 2 * uint64(octets)
	}
	return u, bytes, at + second/10 - start
}

func TestPatterns(t *testing.T) {
	for name, c := range map[string]struct {
		messages int
		octets   uint32
		interval int64
		want     record.Pattern
	}{
		"one request":                      {1, 500, 0, record.PatternSingle},
		"two requests":                     {2, 500, second, record.PatternPersistent},
		"a request each ten seconds":       {6, 19, 10 * second, record.PatternPersistent},
		"ping each ten seconds":            {6, 2, 10 * second, record.PatternHeartbeat},
		"ping of 16 octets":                {5, 16, 10 * second, record.PatternHeartbeat},
		"few of 17":                        {5, 17, 10 * second, record.PatternPersistent},
		"many of 17":                       {11, 17, 10 * second, record.PatternHeartbeat},
		"many of 128":                      {11, 128, 10 * second, record.PatternHeartbeat},
		"many of 129":                      {11, 129, 10 * second, record.PatternPersistent},
		"three pings make two idle times":  {3, 2, 10 * second, record.PatternPersistent},
		"four pings make three idle times": {4, 2, 10 * second, record.PatternHeartbeat},
		"a file":                           {1, 1 << 19, 0, record.PatternBulk},
		"slightly less than a file":        {1, 1<<19 - 1, 0, record.PatternSingle},
		"nothing":                          {0, 0, 0, record.NoPattern},
		"1 ns too short for an idle time":  {9, 2, second + second/10 - 1, record.PatternPersistent},
	} {
		u, bytes, life := talk(c.messages, c.octets, c.interval)
		if got := u.Pattern(bytes, life); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if u.Turns() != uint64(c.messages) {
			t.Errorf("%s: %d turns", name, u.Turns())
		}
	}
}

func TestIdle(t *testing.T) {
	var u usage.Usage
	u.Opened(start)
	if got := u.Pattern(0, 60*second-1); got != record.NoPattern {
		t.Errorf("1 ns less than a minute without text: %v", got)
	}
	if got := u.Pattern(0, 60*second); got != record.PatternIdle {
		t.Errorf("a minute without text: %v", got)
	}
	u.Text(client, client, start+second, 100, 4)
	u.Text(server, client, start+2*second, 100, 5)
	u.Closed(start + 100*second)
	if n, longest := u.Gaps(); n != 3 || longest != 98*second {
		t.Errorf("%d idle times, the longest of %d ns", n, longest)
	}
	if got := u.Pattern(200, 100*second); got != record.PatternIdle {
		t.Errorf("98 of 100 s idle after one request: %v", got)
	}
	for begin, want := range map[int64]record.Pattern{9_000: record.PatternSingle, 8_999: record.PatternIdle} { // ms
		var u usage.Usage
		u.Opened(start)
		u.Text(client, client, start+begin*1e6, 100, 4)
		u.Text(server, client, start+begin*1e6+second, 100, 5)
		u.Closed(start + 100*second)
		if got := u.Pattern(200, 100*second); got != want {
			t.Errorf("a request after %d ms, then idle until 100 s: %v, want %v", begin, got, want)
		}
	}
}

// Idle times make a period if they differ from their mean by at most a tenth.
func TestPeriod(t *testing.T) {
	for last, want := range map[int64]int64{
		10 * second: 10 * second, 11_500e6: 10_500e6, 11_600e6: 0, 13 * second: 0,
	} {
		var u usage.Usage
		at := start
		u.Opened(at)
		for _, idle := range []int64{10 * second, 10 * second, last} {
			at += idle
			u.Text(client, client, at, 2, 4)
		}
		if got := u.Period(); got != want {
			t.Errorf("idle for 10 s, 10 s and %d ns: a period of %d ns, want %d", last, got, want)
		}
	}
}

// A request that waits far longer than usual counts as silence if all earlier requests were answered.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		answered int // requests, each in a tenth of a second
		ask      func(*usage.Usage, int64)
		waited   int64 // after 30 s, or after 60 s for the first request
	}{
		"one request": {3, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
		}, 30 * second},
		"1 ns less": {3, func(u *usage.Usage, at int64) { u.Text(client, client, at+1, 100, 40) }, 0},
		"the first request": {0, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
		}, 60 * second},
		"the first, 1 ns less": {0, func(u *usage.Usage, at int64) { u.Text(client, client, at+1, 100, 40) }, 0},
		"closed sooner": {3, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
			u.Closed(at + 29*second)
		}, 0},
		"answered": {3, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
			u.Text(server, client, at, 100, 41)
		}, 0},
		"more requests than before": {1, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
			u.Text(client, client, at+second, 100, 41)
		}, 0},
		"as many": {2, func(u *usage.Usage, at int64) {
			u.Text(client, client, at, 100, 40)
			u.Text(client, client, at+second, 100, 41)
		}, 30 * second},
		"a request in several pieces": {1, func(u *usage.Usage, at int64) {
			u.Text(client, client, at-1, 100, 40)
			u.Text(client, client, at, 100, 41)
		}, 30 * second},
		"a third of the usual": {3, func(u *usage.Usage, at int64) { u.Text(client, client, at, 34, 40) }, 30 * second},
		"a notification":       {3, func(u *usage.Usage, at int64) { u.Text(client, client, at, 33, 40) }, 0},
		"an earlier request went unanswered": {2, func(u *usage.Usage, at int64) {
			u.Text(client, client, at-9*second, 100, 40)
			u.Text(client, client, at-7*second, 100, 41)
			u.Text(server, client, at-6*second, 100, 42)
			u.Text(client, client, at, 100, 43)
		}, 0},
		"an answer took three seconds": {2, func(u *usage.Usage, at int64) {
			u.Text(client, client, at-9*second, 100, 40)
			u.Text(server, client, at-6*second, 100, 41)
			u.Text(client, client, at, 100, 42)
		}, 30 * second},
		"an answer took four seconds": {2, func(u *usage.Usage, at int64) {
			u.Text(client, client, at-9*second, 100, 40)
			u.Text(server, client, at-5*second, 100, 41)
			u.Text(client, client, at, 100, 42)
		}, 0},
	} {
		u, _, life := talk(c.answered, 100, second)
		at := start + life + 20*second
		c.ask(&u, at)
		wait := 30 * second
		if c.answered == 0 {
			wait = 60 * second
		}
		if got := u.Silence(at + wait); got != c.waited {
			t.Errorf("%s: %d ns, want %d", name, got, c.waited)
		}
	}
	u, _, _ := talk(2, 100, second)
	u.Text(client, client, start+5*second, 100, 40)
	if packet, requests, usual := u.Waiting(); packet != 40 || requests != 1 || usual != second/10 {
		t.Errorf("%d requests wait, the first with packet %d, the longest answer took %d", requests, packet, usual)
	}
}
