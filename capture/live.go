package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket/pcap"
)

// DefaultSnaplen is how much of a packet Live takes. The longest chain of headers that is worth it fits: Ethernet, two
// VLAN tags and three MPLS labels (34 bytes), IPv6 with 48 bytes of extension headers (88), UDP and Geneve with 64 bytes of
// options (80), Ethernet with a tag (18), IPv6 with 24 bytes of extension headers (64) and TCP with all its options (60)
// make 344. The lengths that the tracker needs stand in the headers, so that what is cut off is missed by nobody.
const DefaultSnaplen = 384

// DefaultBuffer is the kernel's buffer of a device: at 1,000,000 small packets a second it bridges a tenth of a second.
const DefaultBuffer = 64 << 20

// LiveOptions says how devices are captured on. The zero value takes the defaults, and every packet.
type LiveOptions struct {
	Filter      string // of pcap-filter(7), run by the kernel
	Snaplen     int    // bytes; 0 is DefaultSnaplen
	Buffer      int    // the kernel's, bytes a device; 0 is DefaultBuffer
	Promiscuous bool   // take what is not for this host too
	Immediate   bool   // hand over each packet as it comes, not by blocks of them; costs more
	Count       uint64 // the packets after which it ends; 0 is no limit
}

// readTimeout is how long the kernel may keep a block of packets that is not full, and how often a device that is idle
// says so. idleLag is how much older than an idle device's clock its next packet may be. drainLimit is how long Stop waits for
// what the kernel still has.
const (
	readTimeout = 100 * time.Millisecond
	idleLag     = 3 * readTimeout
	drainLimit  = 5 * time.Second
)

// Live captures on devices as one capture: their packets are merged by their times. It belongs to one goroutine, but for
// Stop.
type Live struct {
	devices  []*device
	arrivals chan *chunk
	started  bool
	current  *chunk // the packets of the last batch lie in it
	alive    int
	left     uint64 // packets to give before the end
	tally    tally
	stopped  atomic.Pointer[time.Time] // when Stop was called
	readers  sync.WaitGroup
}

// Batch is what has come from the devices since the one before: packets, or nothing but time.
type Batch struct {
	Packets []Packet // valid until the next call of Next
	// Until is the time to which the devices have given everything: by their packets, or by having been idle. NoTime while
	// that is not known.
	Until   int64
	Changes []Change
}

// Change is something that has happened to a device.
type Change struct {
	Device string
	State  DeviceState
	Err    error // why it cannot be read, with DeviceFailed
}

// DeviceState is what a device has become.
type DeviceState uint8

// The states of a device. What is down may come up again, what is removed is over.
const (
	DeviceUp DeviceState = iota
	DeviceDown
	DeviceRemoved
	DeviceFailed
)

// String says it as a predicate: "is up again".
func (s DeviceState) String() string {
	return [...]string{"is up again", "is down", "was removed", "cannot be read any more"}[s]
}

// ErrNoDevice is why a device is not opened that the system does not have.
var ErrNoDevice = errors.New("there is no such device")

// OpenLive opens devices by name. It takes CAP_NET_RAW, which is not needed any more once it has returned.
func OpenLive(devices []string, o LiveOptions) (*Live, error) {
	if o.Snaplen == 0 {
		o.Snaplen = DefaultSnaplen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Count == 0 {
		o.Count = math.MaxUint64
	}
	l := &Live{arrivals: make(chan *chunk, len(devices)*chunksEach), left: o.Count, tally: newTally(nil)}
	for _, name := range devices {
		d, err := openDevice(name, o)
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
func (l *Live) Next() (Batch, error) {
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
func (l *Live) accept(c *chunk) (Batch, bool) {
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
	if len(c.packets) > 0 && !c.changed {
		return Batch{}, false
	}
	batch := Batch{Until: l.horizon()}
	if c.changed {
		batch.Changes = []Change{{d.name, c.state, c.failed}}
	}
	return batch, true
}

// due is the device with the earliest packet, if no other one can still give an earlier one, and the time up to which
// that is so.
func (l *Live) due() (first *device, limit int64) {
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
func (l *Live) take(d *device, limit int64) Batch {
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
		l.tally.count(&batch.Packets[i])
	}
	batch.Until = l.horizon()
	return batch
}

// horizon is the time to which all devices have given everything.
func (l *Live) horizon() int64 {
	until, past := int64(math.MaxInt64), int64(NoTime)
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
func (l *Live) Backlog() float64 {
	most := 0.0
	for _, d := range l.devices {
		most = max(most, float64(chunksEach-len(d.free))/chunksEach)
	}
	return most
}

// Drops tells what the kernel and the devices have dropped.
func (l *Live) Drops() Drops {
	var sum Drops
	for _, d := range l.devices {
		sum.add(d.drops)
	}
	return sum
}

// Stats tells what was captured so far, and what the kernel and the devices have dropped.
func (l *Live) Stats() Stats {
	stats := l.tally.stats()
	stats.Drops = l.Drops()
	return stats
}

// Stop ends the capture: Next gives what was captured until now, then io.EOF. Any goroutine may call it.
func (l *Live) Stop() {
	now := time.Now()
	l.stopped.CompareAndSwap(nil, &now)
}

// Close closes the devices.
func (l *Live) Close() error {
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
		d.handle.Close()
	}
	return nil
}

// device is one that is captured on.
type device struct {
	name   string
	index  int // of the system, 0 for AnyDevice
	handle *pcap.Handle
	link   LinkType
	free   chan *chunk // bounds what is on the way

	chunks []*chunk // that have arrived and are not given yet
	until  int64
	drops  Drops
	over   bool
}

// openDevice opens a device for reading.
func openDevice(name string, o LiveOptions) (*device, error) {
	d := &device{name: name, until: NoTime, free: make(chan *chunk, chunksEach)}
	if name != AnyDevice {
		system, err := net.InterfaceByName(name)
		if err != nil {
			return nil, ErrNoDevice
		}
		d.index = system.Index
	}
	inactive, err := pcap.NewInactiveHandle(name)
	if err != nil {
		return nil, err
	}
	defer inactive.CleanUp()
	for _, set := range []func() error{
		func() error { return inactive.SetSnapLen(o.Snaplen) },
		func() error { return inactive.SetPromisc(o.Promiscuous && name != AnyDevice) },
		func() error { return inactive.SetTimeout(readTimeout) },
		func() error { return inactive.SetBufferSize(o.Buffer) },
		func() error { return inactive.SetImmediateMode(o.Immediate) },
	} {
		if err := set(); err != nil {
			return nil, err
		}
	}
	if d.handle, err = inactive.Activate(); err != nil {
		switch what := strings.ToLower(err.Error()); {
		case strings.Contains(what, "permi"): // PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED
			err = fs.ErrPermission
		case strings.Contains(what, "not up"): // PCAP_ERROR_IFACE_NOT_UP
			err = errors.New("it is down: bring it up first")
		}
		return nil, err
	}
	if o.Filter != "" {
		if err := d.handle.SetBPFFilter(o.Filter); err != nil {
			d.handle.Close()
			return nil, fmt.Errorf("filter %q: %w", o.Filter, err)
		}
	}
	d.link = linkTypeOf(int(d.handle.LinkType()))
	for range chunksEach {
		d.free <- &chunk{from: d, snaplen: o.Snaplen}
	}
	return d, nil
}

// dltRaw is DLT_RAW on Linux, which differs from its LINKTYPE_RAW.
const dltRaw = 12

// linkTypeOf is the link type in files of what the system calls dlt.
func linkTypeOf(dlt int) LinkType {
	if dlt == dltRaw {
		return 101
	}
	return LinkType(dlt)
}

func (d *device) head() int64 { return d.chunks[0].packets[0].Time }

// full reports that the device has no room left for more until what has arrived from it is given.
func (d *device) full() bool { return len(d.chunks) >= chunksEach-1 }

// chunk is a number of packets on their way from a device.
type chunk struct {
	from    *device
	snaplen int
	packets []Packet
	all     []Packet
	data    []byte
	until   int64 // as Batch.Until, for this device
	drops   Drops
	changed bool
	state   DeviceState
	failed  error
	last    bool
}

// A device has chunksEach chunks on the way at most, each of chunkPackets packets at most.
const (
	chunksEach   = 64
	chunkPackets = 512
)

// begin makes the chunk empty.
func (c *chunk) begin() {
	if c.data == nil {
		c.data = make([]byte, 0, min(chunkPackets*c.snaplen, 1<<18)+c.snaplen)
	}
	*c = chunk{from: c.from, snaplen: c.snaplen, all: c.all[:0], data: c.data[:0], until: NoTime}
}

// add copies a packet into the chunk.
func (c *chunk) add(data []byte, length int, at int64, link LinkType) {
	from := len(c.data)
	c.data = append(c.data, data...)
	c.all = append(c.all, Packet{Time: at, Data: c.data[from:len(c.data):len(c.data)], Length: max(length, len(data)), Link: link})
}

// full reports that the next packet may not fit.
func (c *chunk) full() bool {
	return len(c.all) == chunkPackets || len(c.data)+c.snaplen > cap(c.data)
}

// release gives the chunk back to be filled again.
func (c *chunk) release() {
	if c != nil {
		c.from.free <- c
	}
}

// read reads a device until the end.
func (l *Live) read(d *device) {
	defer l.readers.Done()
	r := deviceReader{device: d, clock: newIdleClock(time.Now()), stopped: &l.stopped}
	for {
		c := <-d.free
		c.begin()
		r.fill(c)
		c.packets = c.all
		c.drops = r.drops
		last := c.last
		l.arrivals <- c
		if last {
			return
		}
	}
}

// deviceReader is what the goroutine of a device knows.
type deviceReader struct {
	*device
	clock     idleClock
	stopped   *atomic.Pointer[time.Time]
	down      bool
	drops     Drops
	counters  pcap.Stats // as they were last
	countedAt time.Time
}

// fill reads packets into c until it is full, they get old, or there are none.
func (r *deviceReader) fill(c *chunk) {
	defer func() {
		if now := time.Now(); c.last || now.Sub(r.countedAt) > readTimeout {
			r.countedAt = now
			r.countDrops()
		}
	}()
	var begin int64
	for !c.full() {
		data, info, err := r.handle.ZeroCopyReadPacketData()
		switch {
		case err == nil:
			at := info.Timestamp.UnixNano()
			if len(c.all) == 0 {
				begin = at
			}
			c.add(data, info.Length, at, r.link)
			if r.down {
				r.down = false
				c.changed, c.state = true, DeviceUp
			}
			if age := at - begin; age < 0 || age > int64(readTimeout) {
				r.heard(c)
				return
			}
		case err == pcap.NextErrorTimeoutExpired:
			c.until = r.clock.idle(time.Now())
			c.last = r.stopped.Load() != nil
			r.look(c)
			return
		default:
			c.until = r.clock.idle(time.Now())
			r.fail(c, err)
			return
		}
	}
	r.heard(c)
}

// heard ends a chunk of packets.
func (r *deviceReader) heard(c *chunk) {
	now, at := time.Now(), c.all[len(c.all)-1].Time
	c.until = r.clock.heard(at, now)
	if stopped := r.stopped.Load(); stopped != nil { // what was captured before is still to be read
		c.last = at >= stopped.UnixNano() || now.Sub(*stopped) > drainLimit
	}
}

// look notices that an idle device is down, up, or not there any more.
func (r *deviceReader) look(c *chunk) {
	if r.index == 0 {
		return
	}
	exists, up := deviceState(r.index)
	switch {
	case !exists:
		c.changed, c.state, c.last = true, DeviceRemoved, true
	case !up && !r.down:
		r.down = true
		c.changed, c.state = true, DeviceDown
	case up && r.down:
		r.down = false
		c.changed, c.state = true, DeviceUp
	}
}

// fail decides whether an error is the end. A device that is down is waited for.
func (r *deviceReader) fail(c *chunk, err error) {
	r.look(c)
	switch {
	case c.last:
	case r.stopped.Load() != nil:
		c.last = true
	case r.down || c.changed:
		time.Sleep(readTimeout)
	default:
		c.changed, c.state, c.last = true, DeviceFailed, true
		c.failed = err
	}
}

// countDrops asks for the counts of what was dropped.
func (r *deviceReader) countDrops() {
	if stats, err := r.handle.Stats(); err == nil {
		r.addCounters(stats)
	}
}

// addCounters adds what was counted since the last time. libpcap counts in 32 bits: on a busy device the packets received
// begin from 0 again within hours.
func (r *deviceReader) addCounters(now *pcap.Stats) {
	since := func(now, before int) uint64 { return uint64(uint32(now) - uint32(before)) }
	r.drops.add(Drops{
		Received:  since(now.PacketsReceived, r.counters.PacketsReceived),
		Kernel:    since(now.PacketsDropped, r.counters.PacketsDropped),
		Interface: since(now.PacketsIfDropped, r.counters.PacketsIfDropped),
	})
	r.counters = *now
}
