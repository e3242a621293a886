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

// DefaultSnaplen is the number of bytes that a Capture keeps of a packet. A long chain of headers fits: Ethernet, two
// VLAN tags and three MPLS labels (34 bytes), IPv6 with 48 bytes of extension headers (88), UDP and Geneve with 64
// bytes of options (80), Ethernet with a tag (18), IPv6 with 24 bytes of extension headers (64) and TCP with all its
// options (60) make 344. The tracker takes lengths from the headers, so it does not need the rest.
const DefaultSnaplen = 384

// DefaultBuffer is the kernel's buffer of a device: at 1,000,000 small packets a second it bridges a tenth of a second.
const DefaultBuffer = 64 << 20

// Options are the options of a Capture. The zero value takes the defaults, and every packet.
type Options struct {
	Filter      string // of pcap-filter(7), run by the kernel
	Snaplen     int    // bytes; 0 is DefaultSnaplen
	Buffer      int    // the kernel's, bytes a device; 0 is DefaultBuffer
	Promiscuous bool   // also packets that are not for this host
	Immediate   bool   // deliver each packet as it comes, not in blocks; costs more
	Count       uint64 // the number of packets after which it ends; 0 is no limit
}

// readTimeout is how long the kernel may keep a block of packets that is not full, and how often an idle device reports
// that. idleLag is how much older than an idle device's clock its next packet may be. drainLimit is how long Stop waits
// for what the kernel still has.
const (
	readTimeout = 100 * time.Millisecond
	idleLag     = 3 * readTimeout
	drainLimit  = 5 * time.Second
)

// Capture reads devices as one capture: it merges their packets by time. It belongs to one goroutine, except Stop.
type Capture struct {
	system   *system
	devices  []*device
	arrivals chan *chunk
	started  bool
	current  *chunk // it has the packets of the last batch
	alive    int
	left     uint64 // packets to return before the end
	tally    *capture.Tally
	stopped  atomic.Pointer[time.Time] // when Stop was called
	readers  sync.WaitGroup
}

// Batch has the packets of the devices since the last one, or only the time.
type Batch struct {
	Packets []capture.Packet // valid until the next call of Next
	// Until is the time up to which all packets have come from the devices, as their packets or their idleness show.
	// [capture.NoTime] if unknown.
	Until   int64
	Changes []Change
}

// Change is a change of a device.
type Change struct {
	Device string // its name when it was opened
	State  DeviceState
	Name   string // the new one, with DeviceRenamed
	Err    error  // why it cannot be read, with DeviceFailed
}

// DeviceState is the new state of a device.
type DeviceState uint8

// The states of a device. A device that is down may come up again; capture goes on if it is renamed, and ends if it is
// removed.
const (
	DeviceUp DeviceState = iota
	DeviceDown
	DeviceRenamed
	DeviceRemoved
	DeviceFailed
)

// String is the state as a predicate: "is up again".
func (s DeviceState) String() string {
	return [...]string{"is up again", "is down", "was renamed", "was removed", "cannot be read any more"}[s]
}

// ErrNoLibpcap means that the program was built without libpcap and can neither capture nor compile filters, see
// HasLibpcap.
var ErrNoLibpcap = errors.New("built without libpcap")

// ErrNoDevice means that the system does not have the device.
var ErrNoDevice = errors.New("there is no such device")

// Open opens devices by name. It needs CAP_NET_RAW, which may be dropped once it has returned.
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

// Next returns the next batch, after at most a tenth of a second, even if it is empty. At the end, which is after Stop,
// after Count packets or when no device is left, it returns io.EOF.
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

// accept takes a chunk from a device. It returns a batch if the chunk has no packets.
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

// due returns the device with the earliest packet, if no other one can still give an earlier one, and the time up to
// which this holds.
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
	if first.full() { // out of order is better than lost
		return first, math.MaxInt64
	}
	return nil, 0
}

// take returns the packets of a device up to a time.
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

// horizon is the time up to which all devices have given their packets.
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

// Backlog is how full the buffer between the devices and Next is, 0 to 1: at 1 packets wait in the kernel.
func (l *Capture) Backlog() float64 {
	most := 0.0
	for _, d := range l.devices {
		most = max(most, float64(chunksEach-d.free.Free())/chunksEach)
	}
	return most
}

// Drops returns how many packets the kernel and the devices have dropped.
func (l *Capture) Drops() capture.Drops {
	var sum capture.Drops
	for _, d := range l.devices {
		sum.Add(d.drops)
	}
	return sum
}

// Stats returns the counts of packets captured so far, and dropped by the kernel and the devices.
func (l *Capture) Stats() capture.Stats {
	stats := l.tally.Stats()
	stats.Drops = l.Drops()
	return stats
}

// Stop ends the capture: Next returns the packets captured until now, then io.EOF. Any goroutine may call it.
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
