package live

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcplife/tcplife/capture"
)

// DefaultSnaplen is how much of a packet a Capture takes. The longest chain of headers that is worth it fits: Ethernet,
// two VLAN tags and three MPLS labels (34 bytes), IPv6 with 48 bytes of extension headers (88), UDP and Geneve with 64
// bytes of options (80), Ethernet with a tag (18), IPv6 with 24 bytes of extension headers (64) and TCP with all its
// options (60) make 344. The lengths that the tracker needs stand in the headers, so that what is cut off is missed by
// nobody.
const DefaultSnaplen = 384

// DefaultBuffer is the kernel's buffer of a device: at 1,000,000 small packets a second it bridges a tenth of a second.
const DefaultBuffer = 64 << 20

// Options says how devices are captured on. The zero value takes the defaults, and every packet.
type Options struct {
	Filter      string // of pcap-filter(7), run by the kernel
	Snaplen     int    // bytes; 0 is DefaultSnaplen
	Buffer      int    // the kernel's, bytes a device; 0 is DefaultBuffer
	Promiscuous bool   // take what is not for this host too
	Immediate   bool   // hand over each packet as it comes, not by blocks of them; costs more
	Count       uint64 // the packets after which it ends; 0 is no limit
}

// readTimeout is how long the kernel may keep a block of packets that is not full, and how often a device that is idle
// says so. idleLag is how much older than an idle device's clock its next packet may be. drainLimit is how long Stop
// waits for what the kernel still has.
const (
	readTimeout = 100 * time.Millisecond
	idleLag     = 3 * readTimeout
	drainLimit  = 5 * time.Second
)

// Capture reads devices as one capture: their packets are merged by their times. It belongs to one goroutine, but for
// Stop.
type Capture struct {
	system   *system
	devices  []*device
	arrivals chan *chunk
	started  bool
	current  *chunk // the packets of the last batch lie in it
	alive    int
	left     uint64 // packets to give before the end
	tally    *capture.Tally
	stopped  atomic.Pointer[time.Time] // when Stop was called
	readers  sync.WaitGroup
}

// Batch is what has come from the devices since the one before: packets, or nothing but time.
type Batch struct {
	Packets []capture.Packet // valid until the next call of Next
	// Until is the time to which the devices have given everything: by their packets, or by having been idle.
	// [capture.NoTime] while that is not known.
	Until   int64
	Changes []Change
}

// Change is something that has happened to a device.
type Change struct {
	Device string // its name when it was opened
	State  DeviceState
	Name   string // the new one, with DeviceRenamed
	Err    error  // why it cannot be read, with DeviceFailed
}

// DeviceState is what a device has become.
type DeviceState uint8

// The states of a device. What is down may come up again, what is renamed is captured on, what is removed is over.
const (
	DeviceUp DeviceState = iota
	DeviceDown
	DeviceRenamed
	DeviceRemoved
	DeviceFailed
)

// String says it as a predicate: "is up again".
func (s DeviceState) String() string {
	return [...]string{"is up again", "is down", "was renamed", "was removed", "cannot be read any more"}[s]
}

// ErrNoLibpcap is why nothing can be captured or compiled: the program was built without libpcap, see HasLibpcap.
var ErrNoLibpcap = errors.New("built without libpcap")

// ErrNoDevice is why a device is not opened that the system does not have.
var ErrNoDevice = errors.New("there is no such device")

// Open opens devices by name. It takes CAP_NET_RAW, which is not needed any more once it has returned.
func Open(devices []string, o Options) (*Capture, error) {
	if o.Snaplen == 0 {
		o.Snaplen = DefaultSnaplen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Count == 0 {
		o.Count = math.MaxUint64
	}
	l := &Capture{arrivals: make(chan *chunk, len(devices)*chunksEach), left: o.Count, tally: capture.NewTally(nil)}
	var err error
	if l.system, err = openSystem(); err != nil {
		return nil, err
	}
	for _, name := range devices {
		d, err := openDevice(name, l.system, o)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("capture on %q: %w", name, err)
		}
		l.devices = append(l.devices, d)
	}
	l.alive = len(l.devices)
	return l, nil
}

// Next returns what has come: after a tenth of a second at the latest, even if that is nothing. At the end, which is
// after Stop, after Count packets or when no device is left, it is io.EOF.
func (l *Capture) Next() (Batch, error) {
	if !l.started {
		l.started = true
		for _, d := range l.devices {
			l.readers.Add(1)
			go l.read(d)
		}
	}
	l.current.release()
	l.current = nil
	for {
		if l.left == 0 {
			return Batch{}, io.EOF
		}
		d, limit := l.due()
		if d != nil {
			return l.take(d, limit), nil
		}
		if l.alive == 0 {
			return Batch{}, io.EOF
		}
		c := <-l.arrivals
		if batch, ok := l.accept(c); ok {
			return batch, nil
		}
	}
}

// accept takes in what a device has sent; as a batch if it has no packets.
func (l *Capture) accept(c *chunk) (Batch, bool) {
	c.panicked.Again()
	d := c.from
	d.until = max(d.until, c.until)
	d.drops = c.drops
	if c.last {
		d.over = true
		l.alive--
	}
	if len(c.packets) > 0 {
		d.chunks = append(d.chunks, c)
	} else {
		defer c.release()
	}
	if len(c.packets) > 0 && len(c.changes) == 0 {
		return Batch{}, false
	}
	return Batch{Until: l.horizon(), Changes: c.changes}, true
}

// due is the device with the earliest packet, if no other one can still give an earlier one, and the time up to which
// that is so.
func (l *Capture) due() (first *device, limit int64) {
	limit = math.MaxInt64
	for _, d := range l.devices {
		if len(d.chunks) > 0 && (first == nil || d.head() < first.head()) {
			first = d
		}
	}
	if first == nil {
		return nil, 0
	}
	for _, d := range l.devices {
		switch {
		case d == first || d.over && len(d.chunks) == 0:
		case len(d.chunks) > 0:
			limit = min(limit, d.head())
		default:
			limit = min(limit, d.until)
		}
	}
	if first.head() <= limit {
		return first, limit
	}
	if first.full() { // rather than to lose packets, take them out of order
		return first, math.MaxInt64
	}
	return nil, 0
}

// take gives the packets of a device up to a time.
func (l *Capture) take(d *device, limit int64) Batch {
	c := d.chunks[0]
	n := 1
	for n < len(c.packets) && c.packets[n].Time <= limit {
		n++
	}
	n = int(min(uint64(n), l.left))
	l.left -= uint64(n)
	batch := Batch{Packets: c.packets[:n:n]}
	if c.packets = c.packets[n:]; len(c.packets) == 0 {
		l.current = c
		d.chunks = slices.Delete(d.chunks, 0, 1)
	}
	for i := range batch.Packets {
		l.tally.Count(&batch.Packets[i])
	}
	batch.Until = l.horizon()
	return batch
}

// horizon is the time to which all devices have given everything.
func (l *Capture) horizon() int64 {
	until, past := int64(math.MaxInt64), int64(capture.NoTime)
	for _, d := range l.devices {
		switch {
		case len(d.chunks) > 0:
			until = min(until, d.head())
		case d.over:
			past = max(past, d.until)
		default:
			until = min(until, d.until)
		}
	}
	if until == math.MaxInt64 {
		return past
	}
	return until
}

// Backlog is how much of the room between the devices and Next is taken, 0 to 1: at 1 packets wait in the kernel.
func (l *Capture) Backlog() float64 {
	most := 0.0
	for _, d := range l.devices {
		most = max(most, float64(chunksEach-d.free.Free())/chunksEach)
	}
	return most
}

// Drops tells what the kernel and the devices have dropped.
func (l *Capture) Drops() capture.Drops {
	var sum capture.Drops
	for _, d := range l.devices {
		sum.Add(d.drops)
	}
	return sum
}

// Stats tells what was captured so far, and what the kernel and the devices have dropped.
func (l *Capture) Stats() capture.Stats {
	stats := l.tally.Stats()
	stats.Drops = l.Drops()
	return stats
}

// Stop ends the capture: Next gives what was captured until now, then io.EOF. Any goroutine may call it.
func (l *Capture) Stop() {
	now := time.Now()
	l.stopped.CompareAndSwap(nil, &now)
}

// Close closes the devices.
func (l *Capture) Close() error {
	l.Stop()
	l.current.release()
	for _, d := range l.devices {
		for _, c := range d.chunks {
			c.release()
		}
		d.chunks = nil
	}
	l.current = nil
	for l.alive > 0 && l.started {
		c := <-l.arrivals
		if c.last {
			l.alive--
		}
		c.release()
	}
	l.readers.Wait()
	for _, d := range l.devices {
		d.handle.close()
	}
	if l.system != nil {
		l.system.close()
	}
	return nil
}
