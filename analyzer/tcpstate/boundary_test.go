package tcpstate

import (
	"strings"
	"testing"
)

// This file tests each threshold with its number written out, so that a changed threshold fails a test: make mutate
// halves and doubles them.

// 32 spans beyond holes are remembered. Beyond that the farthest is forgotten.
func TestMostSpans(t *testing.T) {
	r := received{known: true}
	for i := range Seq(33) {
		if i == 32 && (len(r.ahead) != 32 || !r.covers(320, 321)) {
			t.Errorf("%d of 32 spans are remembered, want 32", len(r.ahead))
		}
		r.add(10*i+10, 10*i+11)
	}
	if len(r.ahead) != 32 || r.covers(330, 331) {
		t.Errorf("%d of 33 spans are remembered, want 32", len(r.ahead))
	}
}

// Eight withdrawn entries and eight transmissions are remembered, the first ones.
func TestMostRemembered(t *testing.T) {
	e := Endpoint{tsIsSent: true}
	for i := range int64(10) {
		e.withdrawn(Entry{At: i}, 0, 0)
		e.restamp(stamp{}, &Segment{HasTS: true, At: i})
	}
	if len(e.Withdrawn) != 8 || e.WithdrawnMore != 2 || len(e.stamps) != 8 {
		t.Errorf("%d withdrawn entries and %d more, %d transmissions", len(e.Withdrawn), e.WithdrawnMore, len(e.stamps))
	}
}

// A window scale above 14 counts as 14.
func TestMostWindowScale(t *testing.T) {
	for scale, want := range map[uint8]uint8{13: 13, 14: 14, 15: 14} {
		var e Endpoint
		e.offers(&Segment{Syn: true, HasWScale: true, WScale: scale})
		if e.wscale != want {
			t.Errorf("window scale %d counts as %d", scale, e.wscale)
		}
	}
}

// A crossing segment is under way for at most one and a half round trips and 2 ms.
func TestCrossing(t *testing.T) {
	var e Endpoint
	e.recordRTT(10e6)
	if got := e.crossing(); got != 17e6 {
		t.Errorf("%d ns", got)
	}
}

// Two repetitions without an answer count as silence if each comes at least 200 ms after the last segment.
func TestPatience(t *testing.T) {
	for n, want := range map[uint64]bool{1: false, 2: true} {
		var c Conn
		c.Ends[1].HasSent = true
		c.repeats[0].n = n
		if c.unheard(0) != want {
			t.Errorf("%d repetitions: silence is %v", n, c.unheard(0))
		}
	}
	for at, want := range map[int64]uint64{200e6: 0, 200e6 + 1: 1} {
		var c Conn
		c.Ends[1].recordRTT(1e6)
		c.countUnanswered(0, Retransmission, &Segment{At: at, Len: 1})
		if n, _, _ := c.Unanswered(0); n != want {
			t.Errorf("a repetition after %d ns: %d count", at, n)
		}
	}
}

// The log keeps eight noteworthy segments of each kind and end, and eight rejected segments of each end.
func TestMostLogged(t *testing.T) {
	var c Conn
	for i := range uint64(10) {
		c.noteMissing(0, Seq(i), i+1)
		c.Note(Probed, 0, Seq(i), i+1)
		c.reject(1, &Segment{Seq: Seq(i), Packet: i + 1}, 0)
	}
	if rejected := c.log.rejected[1]; len(rejected) != 8 || rejected[0].Packet != 3 {
		t.Errorf("%d rejected segments", len(rejected))
	}
	for _, kind := range []Kind{Missed, Probed} {
		if packets, n := c.Noted(kind, 0); len(packets) != 8 || packets[0] != 1 || n != 10 {
			t.Errorf("kind %d: %d packets of %d", kind, len(packets), n)
		}
	}
}

// An end that sent a segment of the connection less than 200 ms before its RST has not lost the connection. It has
// closed or aborted it, whether the capture shows that or not.
func TestSoonestLoss(t *testing.T) {
	for ago, want := range map[int64]bool{199e6: false, 200e6: true} {
		const spoke = 40e6
		c := after([]sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
			{0, Segment{At: 30e6, HasAck: true, Seq: 101, Ack: 301, Window: 1000}},
			{1, Segment{At: spoke, HasAck: true, Seq: 301, Ack: 101, Len: 10, Window: 1000}},
			{0, Segment{At: spoke + ago - 1e6, HasAck: true, Seq: 101, Ack: 311, Len: 10, Window: 1000}},
			{1, Segment{At: spoke + ago, Rst: true, Seq: 311}},
		})
		if got := c.HalfOpen != nil; got != want {
			t.Errorf("lost %d ms after its last segment: half-open is %v, want %v", ago/1e6, got, want)
		}
	}
}

// An end whose first segment is an RST did not send this RST if it sends more than what was under way.
func TestFirstRstOutlived(t *testing.T) {
	const first = 10e6
	for ago, want := range map[int64]string{100e6: "SYN_SENT ESTABLISHED CLOSED", 101e6: "SYN_SENT ESTABLISHED"} {
		c := after([]sent{
			{0, Segment{At: first, Rst: true, HasAck: true, Seq: 100}},
			{1, Segment{At: first + 1e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
			{0, Segment{At: first + ago, HasAck: true, Seq: 101, Ack: 301, Len: 10, Window: 1000}},
		})
		if got := strings.Join(stateNames(&c.Ends[0]), " "); got != want {
			t.Errorf("text %d ms after the RST: the end went through %s, want %s", ago/1e6, got, want)
		}
	}
}

// A connection is half-open only if both ends were synchronized (RFC 9293 §3.5.1). Here a new SYN shows that the client
// has lost it, and the retransmitted SYN-ACK that the server never had it.
func TestHalfOpenNeedsBothEnds(t *testing.T) {
	for _, repeated := range []bool{false, true} {
		sends := []sent{
			{0, Segment{At: 1e9, Syn: true, Seq: 100}},
			{1, Segment{At: 1e9 + 1e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
			{0, Segment{At: 1e9 + 2e6, HasAck: true, Seq: 101, Ack: 301, Window: 1000}},
			{0, Segment{At: 90e9, Syn: true, Seq: 90}},
		}
		if repeated {
			sends = append(sends,
				sent{1, Segment{At: 90e9 + 1e6, Syn: true, HasAck: true, Seq: 300, Ack: 91, Window: 1000}},
				sent{0, Segment{At: 90e9 + 2e6, Rst: true, Seq: 91}})
		} else {
			sends = append(sends,
				sent{1, Segment{At: 90e9 + 1e6, HasAck: true, Seq: 301, Ack: 101, Window: 1000}},
				sent{0, Segment{At: 90e9 + 2e6, Rst: true, Seq: 101}})
		}
		c := after(sends)
		c.Settle(100e9, false)
		if got := c.HalfOpen != nil; got == repeated {
			t.Errorf("SYN-ACK repeated: %v: half-open is %v; the server went through %v", repeated, got,
				stateNames(&c.Ends[1]))
		}
	}
}

// An end that has sent a challenge ACK may omit those of the next 500 ms. Then its silence shows nothing about a
// doubted RST.
func TestThrottle(t *testing.T) {
	for ago, want := range map[int64]State{500e6: Established, 501e6: Closed} {
		const warned = 1e9
		c := after([]sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
			{0, Segment{At: 30e6, HasAck: true, Seq: 101, Ack: 301, Window: 1000}},
		})
		c.challengedAt[1] = warned
		c.Ends[1].doubted = &Entry{Rule: rstArrives, State: Closed, At: warned + ago, onReceipt: true}
		c.settleDoubt()
		if got := c.Ends[1].State(); got != want {
			t.Errorf("%d ms after a challenge ACK: %v, want %v", ago/1e6, got, want)
		}
	}
}

// A number fits within 256 KiB beyond the window.
func TestSlack(t *testing.T) {
	c := after([]sent{
		{0, Segment{At: 10e6, Syn: true, Seq: 100}},
		{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
		{0, Segment{At: 30e6, HasAck: true, Seq: 101, Ack: 301, Window: 1000}},
	})
	const reach = 1000 + 256<<10
	for far, want := range map[Seq]bool{reach: true, reach + 1: false} {
		if got := c.fits(&c.Ends[0], &c.Ends[1], &Segment{HasAck: true, Seq: 101 + far, Ack: 301,
			Len: 1}); got != want {
			t.Errorf("%d octets ahead fits: %v, want %v", far, got, want)
		}
		if got := c.fits(&c.Ends[0], &c.Ends[1], &Segment{HasAck: true, Seq: 101, Ack: 301 + far}); got != want {
			t.Errorf("an acknowledgement of %d octets ahead fits: %v, want %v", far, got, want)
		}
	}
}

// An opener whose round trip is unknown answers a SYN-ACK within a second and the 100 ms that its answer may be under
// way. Otherwise it never received it.
func TestUnansweredSynAck(t *testing.T) {
	for waited, want := range map[int64]State{1100e6: Established, 1100e6 + 1: SynSent} {
		c := after([]sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
		})
		c.Settle(20e6+waited, false)
		if got := c.Ends[0].State(); got != want {
			t.Errorf("%d ns after the SYN-ACK: %v, want %v", waited, got, want)
		}
	}
}

// A keepalive repeats the number before SND.NXT, at least a second after its sender entered its state. So one that
// comes this late after an RST shows that the RST was not its sender's. One that comes sooner is old.
func TestKeepaliveAfterReset(t *testing.T) {
	for idle, want := range map[int64]bool{1e9 - 1: true, 1e9: false} {
		c := after([]sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
			{0, Segment{At: 30e6, HasAck: true, Seq: 101, Ack: 301, Window: 1000}},
		})
		probe := Segment{At: c.Ends[0].Since() + idle, HasAck: true, Seq: 100, Ack: 301, Window: 1000}
		if got := c.Ends[0].isOld(&c.Ends[1], &probe); got != want {
			t.Errorf("after %d ns a keepalive is old: %v, want %v", idle, got, want)
		}
	}
}

// If a filter left out the segments with ACK alone, a SYN-ACK that is not repeated within 3.5 s was acknowledged, and
// so was a FIN that is not repeated within a second.
func TestUnrepeated(t *testing.T) {
	for _, test := range []struct {
		fin    bool
		waited int64
		want   State
	}{
		{false, 3500e6, SynRcvd}, {false, 3500e6 + 1, Established},
		{true, 1e9, FinWait1}, {true, 1e9 + 1, FinWait2},
	} {
		segments := []sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100, Window: 1000}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
		}
		if test.fin {
			segments = append(segments, sent{1, Segment{At: 20e6, Fin: true, HasAck: true, Seq: 301, Ack: 101}})
		}
		c := after(segments)
		c.Settle(20e6+test.waited, true)
		if got := c.Ends[1].State(); got != test.want {
			t.Errorf("%d ns after the last segment: %v, want %v", test.waited, got, test.want)
		}
	}
}

// An end whose window was not captured counts as having one of 65,535 octets beyond what it has acknowledged.
func TestUnscaled(t *testing.T) {
	fin := Segment{At: 40e6, Fin: true, HasAck: true, Seq: 1301, Ack: 101}
	c := after([]sent{{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}}})
	c.Bridge(1, &fin)
	const reach = 65535 + 256<<10 // a number fits so far beyond the window, see TestSlack
	for far, want := range map[Seq]bool{reach: true, reach + 1: false} {
		if got := c.fits(&c.Ends[1], &c.Ends[0], &Segment{HasAck: true, Seq: 1301 + far, Ack: 101}); got != want {
			t.Errorf("%d octets ahead fits: %v, want %v", far, got, want)
		}
	}
}

// An RST is beyond its sender's SYN if its number comes less than 1 GiB after it, which counts as text.
func TestResetBeyondSyn(t *testing.T) {
	for far, want := range map[Seq]bool{0: false, 1: true, 1<<30 - 1: true, 1 << 30: false} {
		c := after([]sent{
			{0, Segment{At: 10e6, Syn: true, Seq: 100, Window: 1000}},
			{1, Segment{At: 20e6, Syn: true, HasAck: true, Seq: 300, Ack: 101, Window: 1000}},
		})
		c.Reset, c.resetSeq = &Reset{By: 0}, 101+far
		if got := c.ResetBeyondSyn(); got != want {
			t.Errorf("an RST %d octets beyond the SYN: %v, want %v", far, got, want)
		}
	}
}

// An end that continues a connection has not lost it. Here a SYN-ACK after its RST shows that.
func TestHalfOpenEndsWithTheLoss(t *testing.T) {
	for again, want := range map[bool]bool{false: true, true: false} {
		sends := []sent{
			{1, Segment{At: 1e9, HasAck: true, Seq: 301, Ack: 101, Window: 1000}},
			{0, Segment{At: 1e9 + 1e6, HasAck: true, Seq: 101, Ack: 301, Len: 10, Window: 1000}},
			{1, Segment{At: 1e9 + 2e6, HasAck: true, Seq: 301, Ack: 111, Window: 1000}},
			{0, Segment{At: 90e9, HasAck: true, Seq: 111, Ack: 301, Len: 10, Window: 1000}},
			{1, Segment{At: 90e9 + 1e6, Rst: true, Seq: 301}},
		}
		if again {
			sends = append(sends,
				sent{1, Segment{At: 91e9, Syn: true, HasAck: true, Seq: 700, Ack: 101, Window: 1000}})
		}
		c := after(sends)
		c.Settle(100e9, false)
		if got := c.HalfOpen != nil; got != want {
			t.Errorf("a SYN-ACK follows: %v: half-open is %v; the server went through %v", again, got,
				stateNames(&c.Ends[1]))
		}
	}
}
