package analyzer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// overflowsOf returns the overflows of the listeners of a script, and how many connections have the finding.
func overflowsOf(script string, trackers int) string {
	found := 0
	a := analyzer.NewShards(analyzer.Options{}, trackers, func(r *record.Connection) {
		if r.Found(record.FindingBacklogOverflow) {
			found++
		}
	}, func([]flows.Segment) {})
	a.Segments(segtest.Script(script).Segments())
	a.Close()
	text := ""
	for _, l := range a.Result().Listeners {
		for _, o := range l.BacklogOverflow {
			size := "?"
			if o.Size.Known {
				size = fmt.Sprint(o.Size.Number)
			}
			since := string((o.From - record.Time(segtest.Epoch.UnixNano())).Append(nil)[14:26])
			from := strings.TrimRight(strings.TrimRight(since, "0"), ".")
			text += fmt.Sprintf("%s %s from %s: %d SYNs %d ACKs %d resets, %d delayed, %d gave up; ", o.Queue, size,
				from,
				o.IgnoredSyns, o.IgnoredAcks, o.ResetAcks, o.Delayed, o.GaveUp)
		}
	}
	return fmt.Sprintf("%s%d found", text, found)
}

// each writes the script of some clients, one after another. @ stands for the client's name.
func each(from, to int, script string) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintln(&b, strings.ReplaceAll(script, "@", fmt.Sprintf("C%d", i)))
	}
	return b.String()
}

// Full queues are distinguished from loss: which queue was full, since when, and how many attempts it held.
func TestBacklogOverflow(t *testing.T) {
	const (
		open    = "@ --> S SYN\n @ <-- S SYN,ACK\n @ --> S ACK\n"
		asks    = open + "@ --> S PSH,ACK len=10\n @ <-- S ACK\n"
		served  = asks + "@ <-- S PSH,ACK len=10\n @ --> S ACK\n"
		syn     = "@ --> S SYN\n"
		again   = "@ --> S again\n"
		synAck  = "@ <-- S again\n"
		begins  = "@ --> S SYN\n @ <-- S SYN,ACK\n"
		goesOn  = "@ --> S PSH,ACK len=10\n @ <-- S ACK\n"
		reset   = open + "@ <-- S RST\n"
		unheard = "@ --> S SYN\n @ <-- S SYN,ACK\n @ --> S ACK\n @ --> S PSH,ACK len=10\n"
		resent  = "@ <-- S SYN,ACK seq=300\n @ --> S ACK\n"
	)
	for name, c := range map[string]struct{ script, want string }{
		"nothing full": {each(0, 9, served), "0 found"},

		// The program accepts nothing. Linux ignores SYNs then.
		"accept queue": {each(0, 3, asks) + each(3, 6, syn) + "+1s\n" + each(0, 1, goesOn) + each(3, 6, again),
			"accept 3 from 00:00.015: 3 SYNs 0 ACKs 0 resets, 0 delayed, 3 gave up; 3 found"},
		"two are few": {each(0, 3, asks) + each(3, 5, syn) + "+1s\n" + each(0, 1, goesOn) + each(3, 5, again),
			"0 found"},
		"all are served": {each(0, 3, served) + each(3, 6, syn) + "+1s\n" + each(0, 1, goesOn) + each(3, 6, again),
			"0 found"},
		"the host died": {each(0, 3, asks) + each(3, 6, syn) + "+1s\n" + each(3, 6, again), "0 found"},
		"loss": {each(0, 3, asks) + each(3, 6, syn) + each(6, 7, asks) + "+1s\n" + each(0, 1, goesOn) +
			each(3, 6, again), "0 found"},
		"accepted later": {each(0, 3, asks) + each(3, 6, syn) + "+1s\n" + each(0, 1, goesOn) +
			each(3, 6, again+"@ <-- S SYN,ACK\n @ --> S ACK\n"),
			"accept 3 from 00:00.015: 3 SYNs 0 ACKs 0 resets, 3 delayed, 0 gave up; 3 found"},

		// It ignores ACKs, or resets, if SYNs had been answered before.
		"ACKs": {each(0, 3, asks) + each(3, 5, unheard) + "+1s\n" + each(3, 5, resent),
			"accept 3 from 00:00.017: 0 SYNs 2 ACKs 0 resets, 2 delayed, 0 gave up; 2 found"},
		"one is loss": {each(0, 3, asks) + each(3, 4, unheard) + "+1s\n" + each(3, 4, resent), "0 found"},
		"deferred":    {each(3, 6, open) + "+1s\n" + each(3, 6, resent), "0 found"},
		"not deferred": {each(0, 1, open) + each(3, 6, open) + "+1s\n" + each(3, 6, resent),
			"accept 1 from 00:00.005: 0 SYNs 3 ACKs 0 resets, 3 delayed, 0 gave up; 3 found"},
		"resets": {each(0, 3, asks) + each(3, 5, reset),
			"accept 3 from 00:00.017: 0 SYNs 0 ACKs 2 resets, 0 delayed, 0 gave up; 2 found"},
		"one reset":    {each(0, 3, asks) + each(3, 4, reset), "0 found"},
		"nothing else": {each(3, 9, reset), "0 found"},
		"amid many more": {each(0, 1, open) + each(1, 11, served) + each(11, 13, reset) + each(13, 17, served) +
			each(18, 19, reset), "accept 1 from 00:00.075: 0 SYNs 0 ACKs 3 resets, 0 delayed, 0 gave up; 3 found"},
		"none waits": {each(0, 5, served) + each(11, 14, reset), "0 found"},
		"amid too many": {each(0, 11, served) + each(11, 13, reset) + each(13, 18, served) + each(18, 19, reset),
			"0 found"},

		// Attempts fill the SYN queue.
		"SYN queue": {each(0, 1, served) + each(1, 4, begins) + each(4, 7, syn) + "+1s\n" + each(4, 7, again),
			"syn 3 from 00:00.013: 3 SYNs 0 ACKs 0 resets, 0 delayed, 3 gave up; 3 found"},
		"two ignored": {each(0, 1, served) + each(1, 4, begins) + each(4, 6, syn) + "+1s\n" + each(4, 6, again),
			"syn 3 from 00:00.013: 2 SYNs 0 ACKs 0 resets, 0 delayed, 2 gave up; 2 found"},
		"one ignored": {each(0, 1, served) + each(1, 4, begins) + each(4, 5, syn) + "+1s\n" + each(4, 5, again),
			"0 found"},
		"a burst, loss": {each(0, 1, served) + each(1, 4, begins) + each(4, 7, syn) + each(1, 4, "@ --> S ACK\n") +
			"+1s\n" + each(4, 7, again), "0 found"},
		"two forged": {each(0, 1, served) + each(1, 4, begins) + each(4, 6, syn) + "+2s C0 --> S PSH,ACK len=1\n",
			"0 found"},
		"one pending": {each(0, 1, served) + each(1, 2, begins) + each(4, 7, syn) + "+1s\n" + each(4, 7, again),
			"0 found"},
		"two pending": {each(0, 1, served) + each(1, 3, begins) + each(4, 7, syn) + "+1s\n" + each(4, 7, again),
			"syn 2 from 00:00.011: 3 SYNs 0 ACKs 0 resets, 0 delayed, 3 gave up; 3 found"},
		"held more once": {each(0, 1, served) + each(1, 10, begins) + each(1, 10, "@ --> S ACK\n") +
			each(10, 12, begins) + each(12, 15, syn) + "+1s\n" + each(12, 15, again),
			"0 found"},
		"a slot is free": {each(0, 1, served) + each(1, 4, begins) + each(4, 6, syn) + each(1, 2, "@ --> S ACK\n") +
			each(6, 7, begins) + each(7, 8, syn) + "+1s\n" + each(4, 6, again) + each(7, 8, again),
			"syn 3 from 00:00.013: 3 SYNs 0 ACKs 0 resets, 0 delayed, 3 gave up; 3 found"},
		"forged": {each(0, 1, served) + each(1, 4, begins) + each(4, 9, syn) + "+2s C0 --> S PSH,ACK len=1\n",
			"syn 3 from 00:00.013: 5 SYNs 0 ACKs 0 resets, 0 delayed, 0 gave up; 0 found"},
	} {
		t.Run(name, func(t *testing.T) {
			var sockets strings.Builder
			for i := range 20 {
				fmt.Fprintf(&sockets, "C%d = 10.0.1.%d:40000\n", i, i)
			}
			for trackers := 1; trackers <= 2; trackers++ {
				if got := overflowsOf(sockets.String()+c.script, trackers); got != c.want {
					t.Errorf("%s\nwant %s", got, c.want)
				}
			}
		})
	}
}

// If two devices make a listener's SYN-ACKs and its data, in at least three connections, there is a SYN proxy.
func TestSynProxy(t *testing.T) {
	for name, c := range map[string]struct{ connections, ttl, want int }{
		"two":         {2, 63, 0},
		"three":       {3, 63, 3},
		"one maker":   {5, 57, 0},
		"another TTL": {5, 121, 0}, // of 128
	} {
		var script strings.Builder
		fmt.Fprintf(&script, "S = 10.0.0.2:80 ttl=57\nP = 10.0.0.2:80 ttl=%d\n", c.ttl)
		for i := range c.connections {
			fmt.Fprintf(&script, "C%d = 10.0.1.%d:40000\n C%[1]d --> P SYN seq=100\n C%[1]d <-- P SYN,ACK seq=%d "+
				"ack=101\n", i, i, 1000+i)
			fmt.Fprintf(&script, "C%d --> S ACK seq=101 ack=%d\n C%[1]d <-- S PSH,ACK seq=%[2]d ack=101 len=10\n", i,
				1001+i)
		}
		a := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
		for _, seg := range segtest.Script(script.String()).Segments() {
			a.Segment(&seg)
		}
		a.Close()
		p := a.Result().Listeners[0].SynProxy
		if (p != nil) != (c.want > 0) || p != nil && (p.Connections != uint64(c.want) || p.TTL != uint64(c.ttl) ||
			p.ServerTTL != 57) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
