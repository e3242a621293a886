package analyzer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// These tests change settings of real kernels. The record must show the timers and queues as they were set.

// wire connects two hosts with real TCP.
type wire struct {
	*netlab.Lab
	t    *testing.T
	lost atomic.Pointer[func(netlab.Segment) bool] // frames that get lost behind the point of capture
}

func newWire(t *testing.T) *wire {
	t.Parallel()
	return layWire(t)
}

func layWire(t *testing.T) *wire {
	w := &wire{t: t}
	w.Lab = netlab.Start(t, netlab.Options{Delay: 5 * time.Millisecond, Fate: func(s netlab.Segment) netlab.Fate {
		if lost := w.lost.Load(); lost != nil && (*lost)(s) {
			return netlab.LostBehind
		}
		return netlab.Pass
	}})
	return w
}

// lose lets frames be lost from now on.
func (w *wire) lose(which func(netlab.Segment) bool) { w.lost.Store(&which) }

func everything(netlab.Segment) bool { return true }

// set sets kernel parameters of a host, given as names and values.
func (w *wire) set(h *netlab.Host, parameters ...string) {
	w.t.Helper()
	for p := range slices.Chunk(parameters, 2) {
		if err := h.Sysctl(p[0], p[1]); err != nil {
			w.t.Fatal(err)
		}
	}
}

// connect opens a connection, and exchanges a request and an answer.
func (w *wire) connect() (client, server *net.TCPConn) {
	w.t.Helper()
	client, server, err := w.Connect(nil, 80)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{client, server} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.say(client, 100)
	w.hear(server, 100)
	w.say(server, 100)
	w.hear(client, 100)
	return client, server
}

func (w *wire) say(c *net.TCPConn, octets int) {
	w.t.Helper()
	if _, err := c.Write(make([]byte, octets)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) hear(c *net.TCPConn, octets int64) {
	w.t.Helper()
	if _, err := io.CopyN(io.Discard, c, octets); err != nil {
		w.t.Fatal(err)
	}
}

// dial lets clients open connections at once, and waits for their answers, whatever these are.
func (w *wire) dial(clients int) {
	w.t.Helper()
	before, _ := w.records()
	at := netip.AddrPortFrom(w.Server.IP4, 80)
	for range clients {
		go w.Client.Dial(&net.Dialer{Timeout: 20 * time.Second}, at)
	}
	w.until("the clients have sent SYNs", func(list []*record.Connection) bool {
		return len(list) >= len(before)+clients
	})
	w.quiet()
}

// quiet waits until all that was sent has passed: a kernel answers as soon as something arrives.
func (w *wire) quiet() {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !w.Idle(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("there are always frames on the wire")
		}
	}
}

// until waits until something holds for the records of what was captured so far, at most for a minute.
func (w *wire) until(what string, holds func([]*record.Connection) bool) (list []*record.Connection,
	result *record.Result) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if list, result = w.records(); holds(list) {
			return list, result
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("within a minute it did not happen that %s", what)
		}
	}
}

// records returns the records and totals of what was captured so far.
func (w *wire) records() (list []*record.Connection, result *record.Result) {
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) { list = append(list, c.Clone()) })
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for _, packet := range w.Packets() {
		for _, s := range decoder.Decode(&packet, nil) {
			tracker.Segment(&s)
		}
	}
	tracker.Close()
	result = tracker.Result()
	slices.SortFunc(list, func(a, b *record.Connection) int { return int(int64(a.ID) - int64(b.ID)) })
	return list, result
}

// timer returns the last run of an end's timer of a kind.
func (w *wire) timer(e *record.Endpoint, kind record.TimerKind) *record.Timer {
	w.t.Helper()
	t := lastRun(e, kind)
	if t == nil {
		w.t.Fatalf("no %s among %+v", kind, e.Timers)
	}
	return t
}

func lastRun(e *record.Endpoint, kind record.TimerKind) *record.Timer {
	for i := len(e.Timers) - 1; i >= 0; i-- {
		if e.Timers[i].Kind == kind {
			return &e.Timers[i]
		}
	}
	return nil
}

// lasts reports whether a wait is what was set. A kernel's timers are late by some jiffies, and a busy machine sees
// packets late, the first of two as well as the second.
func lasts(got record.Duration, set time.Duration) bool {
	return got >= record.Duration(set-set/5) && got <= record.Duration(set+set/4+300*time.Millisecond)
}

// backsOff is the least percentage of one wait to the one before it if a kernel doubles waits. On a busy machine the
// first of two packets is sent or seen late, which makes the wait before it longer.
const backsOff = 130

// retried runs a scene until it has no complaints, at most three times: a busy machine delays the kernel's timers, and
// then the kernel gives up sooner than it was set to.
func retried(t *testing.T, scene func(w *wire) []string) {
	t.Helper()
	t.Parallel()
	var complaints []string
	for range 3 {
		if complaints = scene(layWire(t)); len(complaints) == 0 {
			return
		}
	}
	t.Error(strings.Join(complaints, "\n"))
}

func TestSetKeepalive(t *testing.T) {
	set := net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3}
	retried(t, func(w *wire) (complaints []string) {
		client, _ := w.connect()
		if err := client.SetKeepAliveConfig(set); err != nil {
			t.Fatal(err)
		}
		w.lose(everything)
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Fatal("the client read something")
		}
		w.quiet() // the RST has passed
		list, _ := w.records()
		k := w.timer(&list[0].Client, record.TimerKeepalive)
		if k.Count != 3 || len(k.Intervals) != 2 || !lasts(k.FirstAfter, set.Idle) ||
			!lasts(k.FirstAfter+k.Intervals[0]+k.Intervals[1], set.Idle+2*set.Interval) {
			complaints = append(complaints, fmt.Sprintf("set to %+v: %+v", set, *k))
		}
		if k.Answered != record.No || !k.GaveUp || k.FollowedBy != record.TimerReset || k.Limit.Number != 3 ||
			k.Defaults != "" {
			complaints = append(complaints, fmt.Sprintf("the client gave up after 3: %+v", *k))
		}
		if h := list[0].HalfOpen; h == nil || h.Survivor != record.NoSide || h.Since != k.UnansweredSince {
			complaints = append(complaints, fmt.Sprintf("nobody knows whether the server is there: %+v", h))
		}
		return complaints
	})
}

func TestSetRetries(t *testing.T) {
	const retries2 = 2
	// Linux gives up after the time that this many timeouts take if the first is 200 ms and each is twice the one
	// before.
	const limit = record.Duration((2<<retries2 - 1) * 200 * time.Millisecond)
	retried(t, func(w *wire) (complaints []string) {
		w.set(w.Client, "net.ipv4.tcp_retries2", "2")
		client, _ := w.connect()
		w.lose(everything)
		w.say(client, 500)
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Fatal("the client read something")
		}
		list, _ := w.until("the client has given up", func(list []*record.Connection) bool {
			// this keeps the capture running
			w.Client.Dial(&net.Dialer{Timeout: 10 * time.Millisecond}, netip.AddrPortFrom(w.Server.IP4, 81))
			r := lastRun(&list[0].Client, record.TimerRTO)
			return r != nil && r.GaveUp
		})
		r := w.timer(&list[0].Client, record.TimerRTO)
		last, passed := r.FirstAfter, record.Duration(0)
		for _, wait := range r.Intervals {
			if wait < last*backsOff/100 {
				complaints = append(complaints, fmt.Sprintf("no back-off: %+v", *r))
			}
			last, passed = wait, passed+wait
		}
		if passed >= limit || passed+2*last < limit || !r.GaveUp || r.FollowedBy != record.TimerSilence ||
			r.Answered != record.No {
			complaints = append(complaints, fmt.Sprintf("tcp_retries2 is %d: after %v of %v %+v", retries2, passed,
				limit, *r))
		}
		return complaints
	})
}

func TestSetPersist(t *testing.T) {
	retried(t, func(w *wire) (complaints []string) {
		w.set(w.Server, "net.ipv4.tcp_rmem", "4096 4096 4096")
		client, server := w.connect()
		const octets = 20_000
		w.say(client, octets)
		begun := time.Now()
		before, _ := w.until("the window was probed five times", func(list []*record.Connection) bool {
			r := lastRun(&list[0].Client, record.TimerPersist)
			return r != nil && r.Count >= 5
		})
		closed := time.Since(begun)
		w.hear(server, octets)
		after, _ := w.records()
		open, still := w.timer(&after[0].Client, record.TimerPersist), w.timer(&before[0].Client, record.TimerPersist)
		if still.StillClosed != record.Yes || open.StillClosed != record.No {
			complaints = append(complaints, fmt.Sprintf("closed: %+v\nopen: %+v", *still, *open))
		}
		if !lasts(open.WindowClosed, closed-300*time.Millisecond) || open.Count < 5 {
			complaints = append(complaints, fmt.Sprintf("the window was closed for %v: %+v", closed, *open))
		}
		for i := range len(open.Intervals) - 1 {
			if open.Intervals[i+1] < open.Intervals[i]*backsOff/100 {
				complaints = append(complaints, fmt.Sprintf("no back-off: %+v", *open))
			}
		}
		return complaints
	})
}

// A backlog of 2. Linux lets both queues hold one more: three attempts whose clients are silent, or three connections
// that were not accepted.
func backlogOfTwo(w *wire, cookies, abort string) {
	w.t.Helper()
	w.set(w.Server, "net.core.somaxconn", "2", "net.ipv4.tcp_max_syn_backlog", "2", "net.ipv4.tcp_syncookies", cookies,
		"net.ipv4.tcp_abort_on_overflow", abort)
	if _, err := w.Server.Listen(netip.AddrPortFrom(w.Server.IP4, 80)); err != nil {
		w.t.Fatal(err)
	}
}

func byClient(s netlab.Segment) bool { return s.FromClient && s.Flags&flows.SYN == 0 }

func TestSetBacklogWithoutCookies(t *testing.T) {
	retried(t, func(w *wire) (complaints []string) {
		complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
		backlogOfTwo(w, "0", "0")
		w.lose(byClient)
		w.dial(2)
		time.Sleep(200 * time.Millisecond) // the timeouts of these come first
		w.dial(3)
		list, result := w.until("every client or listener has retransmitted", func(list []*record.Connection) bool {
			return !slices.ContainsFunc(list, func(c *record.Connection) bool {
				return max(c.Client.Syns, c.Server.Syns) < 2
			})
		})
		var held, ignored int
		for _, c := range list {
			switch {
			case c.Server.Syns > 0:
				held++
				if again := w.timer(&c.Server, record.TimerSynAck); !lasts(again.FirstAfter, time.Second) {
					complain("the listener's timeout: %+v", *again)
				}
			default:
				ignored++
				if again := w.timer(&c.Client, record.TimerSyn); !lasts(again.FirstAfter, time.Second) {
					complain("the client's timeout: %+v", *again)
				}
			}
		}
		if held != 3 || ignored != 2 {
			complain("a backlog of 2 held %d and ignored %d", held, ignored)
		}
		if l := result.Listeners; len(l) != 1 || l[0].Ignored < 2 || l[0].SynCookies != nil {
			complain("the listener: %+v", l)
		} else if o := l[0].BacklogOverflow; len(o) != 1 || o[0].Queue != "syn" || o[0].Size.Number != 3 ||
			o[0].GaveUp != 2 {
			complain("the queue that was full: %+v", o)
		}
		return complaints
	})
}

func TestSetBacklogWithCookies(t *testing.T) {
	w := newWire(t)
	backlogOfTwo(w, "1", "0")
	w.lose(byClient)
	w.dial(2)
	w.dial(3)
	// Wait until the held attempts were answered twice more.
	list, _ := w.until("three SYN-ACKs were retransmitted twice", func(list []*record.Connection) bool {
		held := 0
		for _, c := range list {
			if again := lastRun(&c.Server, record.TimerSynAck); again != nil && again.Count >= 2 {
				held++
			}
		}
		return held >= 3
	})
	var held, cookies int
	for _, c := range list {
		switch {
		case c.Server.Syns == 0:
			t.Errorf("connection %d was ignored though there are cookies", c.ID)
		case len(c.Server.Timers) > 0:
			held++
		default:
			cookies++ // a listener that sends a cookie keeps nothing to retransmit
		}
	}
	if held != 3 || cookies != 2 {
		t.Errorf("a backlog of 2 held %d, and %d got cookies", held, cookies)
	}
}

func TestSetAcceptQueue(t *testing.T) {
	for _, c := range []struct {
		abort string
		want  record.FindingCode // of those that are not accepted
	}{{"0", record.FindingAckNotAccepted}, {"1", record.FindingAckReset}} {
		t.Run("tcp_abort_on_overflow="+c.abort, func(t *testing.T) {
			w := newWire(t)
			backlogOfTwo(w, "0", c.abort)
			w.dial(2) // accepted: the queue has room for one more
			w.dial(2) // one is, one is not
			has := func(r *record.Connection) bool { return r.Found(c.want) }
			w.until("there is the finding", func(list []*record.Connection) bool {
				return slices.ContainsFunc(list, has)
			})
			w.quiet()
			list, _ := w.records()
			var found int
			for _, r := range list {
				if has(r) {
					found++
				}
				if c.abort == "0" && len(r.Server.Timers) > 0 && !lasts(r.Server.Timers[0].FirstAfter, time.Second) {
					t.Errorf("the listener's timeout: %+v", r.Server.Timers)
				}
			}
			if len(list) != 4 || found != 1 {
				t.Errorf("%d of %d connections with %v, want 1 of 4", found, len(list), c.want)
			}
		})
	}
}

func TestSetECN(t *testing.T) {
	for _, c := range []struct {
		client, server string
		want           record.ECN
	}{{"1", "1", record.ECNNegotiated}, {"1", "0", record.ECNRefused}, {"0", "1", record.ECNNotOffered}} {
		t.Run("tcp_ecn="+c.client+","+c.server, func(t *testing.T) {
			w := newWire(t)
			w.set(w.Client, "net.ipv4.tcp_ecn", c.client)
			w.set(w.Server, "net.ipv4.tcp_ecn", c.server)
			w.connect()
			if list, _ := w.records(); list[0].Handshake.ECN != c.want {
				t.Errorf("%s, want %s", list[0].Handshake.ECN, c.want)
			}
		})
	}
}

func TestSetMPTCP(t *testing.T) {
	if _, err := os.Stat("/proc/sys/net/mptcp/enabled"); err != nil {
		t.Skip("NOT TESTED: MPTCP, because this kernel lacks it")
	}
	w := newWire(t)
	at := netip.AddrPortFrom(w.Server.IP4, 80)
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	var listener net.Listener
	err := w.Server.Do(func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp", at.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	client, err := w.Client.Dial(&dialer, at)
	if err != nil {
		t.Fatal(err)
	}
	if multipath, err := client.MultipathTCP(); err != nil || !multipath {
		t.Skip("NOT TESTED: MPTCP, because the kernel refuses the socket:", err)
	}
	w.say(client, 100)
	w.quiet()
	list, _ := w.records()
	if m := list[0].Handshake.MPTCP; m == nil || m.Kind != record.MPTCPCapable || !m.Token.Known || m.Joins != 0 {
		t.Errorf("%+v", m)
	}
}
