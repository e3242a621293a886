package live

import (
	"io"
	"math"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/spare"
)

// fed is a Capture that gets its chunks from a test.
func fed(devices int) *Capture {
	l := &Capture{arrivals: make(chan *chunk, 100), started: true, alive: devices, left: math.MaxUint64,
		tally: capture.NewTally(nil)}
	for i := range devices {
		d := &device{name: string(rune('a' + i)), until: capture.NoTime}
		d.free = spare.New(chunksEach, func() *chunk { return &chunk{from: d, snaplen: 64} })
		l.devices = append(l.devices, d)
	}
	return l
}

// feed lets packets of some times arrive from a device, which then has given all packets up to a time.
func (l *Capture) feed(device int, until int64, times ...int64) {
	c := l.devices[device].free.Take()
	c.begin()
	for _, at := range times {
		c.add(capture.Packet{Data: []byte{byte(device)}, Length: 60, Time: at, Link: 1})
	}
	c.packets, c.until = c.all, until
	l.arrivals <- c
}

// wantNext checks the times of the next batch's packets, and its Until.
func (l *Capture) wantNext(t *testing.T, until int64, times ...int64) {
	t.Helper()
	batch, err := l.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for i := range batch.Packets {
		got = append(got, batch.Packets[i].Time)
	}
	if !slices.Equal(got, times) || batch.Until != until {
		t.Fatalf("packets of %v until %d, want %v until %d", got, batch.Until, times, until)
	}
}

// TestLiveMerge checks that packets of several devices come in order of time. Each waits until no device can give an
// earlier one.
func TestLiveMerge(t *testing.T) {
	l := fed(2)
	l.feed(0, 30, 10, 20, 30)
	l.feed(1, 15)
	l.wantNext(t, 10) // both are known up to there
	l.wantNext(t, 15, 10)
	l.feed(1, 40, 25, 40)
	l.wantNext(t, 25, 20)
	l.wantNext(t, 30, 25)
	l.wantNext(t, 30, 30)
	l.feed(0, 100)
	l.wantNext(t, 40)
	l.wantNext(t, 40, 40)
	l.feed(1, 90)
	l.wantNext(t, 90)
	if s := l.Stats(); s.Packets != 5 || s.Last != 40 {
		t.Errorf("stats %+v", s)
	}
}

// TestLiveClockSetBack checks that packets stay in the order of their device when the clock that stamps them is set
// back, and that Until does not go back.
func TestLiveClockSetBack(t *testing.T) {
	l := fed(1)
	l.feed(0, 1000, 1000)
	l.wantNext(t, 1000, 1000)
	l.feed(0, 400, 400, 401)
	l.wantNext(t, 1000, 400, 401)
	l.feed(0, 1500)
	l.wantNext(t, 1500)
}

// TestLiveBacklog checks that a silent device does not make another one's packets wait for ever.
func TestLiveBacklog(t *testing.T) {
	l := fed(2)
	if taken := l.Backlog(); taken != 0 {
		t.Errorf("%v of the room is taken before any packet", taken)
	}
	for i := range chunksEach - 1 {
		l.feed(0, int64(i), int64(i))
	}
	l.wantNext(t, capture.NoTime, 0)
	if taken, want := l.Backlog(), float64(chunksEach-1)/chunksEach; taken != want {
		t.Errorf("%v of the room is taken, want %v", taken, want)
	}
}

// TestLiveEnd checks that packets that have arrived are returned before the end, and that the lost device is reported.
func TestLiveEnd(t *testing.T) {
	l := fed(1)
	c := l.devices[0].free.Take()
	c.begin()
	c.add(capture.Packet{Data: []byte{1}, Length: 60, Time: 7, Link: 1})
	c.packets, c.until, c.last = c.all, 9, true
	c.changes = []Change{{Device: "a", State: DeviceRemoved}}
	l.arrivals <- c
	batch, err := l.Next()
	if err != nil || len(batch.Changes) != 1 || batch.Changes[0] != (Change{Device: "a", State: DeviceRemoved}) {
		t.Fatalf("%+v, %v, want that a was removed", batch, err)
	}
	l.wantNext(t, 9, 7)
	if _, err := l.Next(); err != io.EOF {
		t.Fatalf("%v, want the end", err)
	}
}

// TestLiveCounters checks that the counts of received and dropped packets continue when libpcap's wrap.
func TestLiveCounters(t *testing.T) {
	r := deviceReader{device: &device{}}
	for _, now := range []counters{
		{received: 1<<32 - 10, kernelDropped: 7},
		{received: 5, kernelDropped: 8, interfaceDropped: 1},
		// the file with 100 from before the capture cannot be read,
		{received: 5, kernelDropped: 8, interfaceDropped: 1<<32 - 99},
		{received: 6, kernelDropped: 8, interfaceDropped: 3}, // and can again
	} {
		r.addCounters(now)
	}
	if want := (capture.Drops{Received: 1<<32 + 6, Kernel: 8, Interface: 3}); r.drops != want {
		t.Errorf("counted %+v, want %+v", r.drops, want)
	}
}

// TestLiveCount checks that the capture ends after Count packets, although there are more.
func TestLiveCount(t *testing.T) {
	l := fed(1)
	l.left = 3
	l.feed(0, 20, 10, 20)
	l.feed(0, 40, 30, 40)
	l.wantNext(t, 20, 10, 20)
	l.wantNext(t, 40, 30)
	if _, err := l.Next(); err != io.EOF {
		t.Errorf("after the last packet: %v, want io.EOF", err)
	}
	if n := l.Stats().Packets; n != 3 {
		t.Errorf("%d packets are counted, want 3", n)
	}
}
