package live

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// device is a device on which packets are captured.
type device struct {
	name   string
	index  int // its number in the system, 0 for none
	handle *handle
	free   spare.List[*chunk] // bounds what is on the way

	chunks []*chunk // that have arrived and are not returned yet
	until  int64
	drops  capture.Drops
	over   bool
}

// openDevice opens a device for reading.
func openDevice(name string, s *system, o Options) (*device, error) {
	d := &device{name: name, until: capture.NoTime}
	var err error
	if name != AnyDevice && runtime.GOOS != "windows" { // there libpcap has names of its own
		if d.index, err = s.index(name); err != nil {
			return nil, err
		}
	}
	if d.handle, err = openHandle(name, o); err != nil {
		return nil, err
	}
	d.free = spare.New(chunksEach, func() *chunk { return &chunk{from: d, snaplen: o.Snaplen} })
	return d, nil
}

func (d *device) head() int64 { return d.chunks[0].packets[0].Time }

// full reports whether the device has no room for more until the packets that have arrived are returned.
func (d *device) full() bool { return len(d.chunks) >= chunksEach-1 }

// read reads a device until the end.
func (l *Capture) read(d *device) {
	defer l.readers.Done()
	var c *chunk
	defer fault.Catch(new(uint64), func(f *fault.Error) {
		c.panicked, c.last = f, true
		l.arrivals <- c
	})
	r := deviceReader{device: d, system: l.system, called: d.name, clock: newIdleClock(time.Now()), stopped: &l.stopped}
	for {
		c = d.free.Take()
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

// errIdle is a read without a packet.
var errIdle = errors.New("no packet came")

// deviceReader has the state of a device's goroutine.
type deviceReader struct {
	*device
	system    *system
	called    string // its present name in the system
	clock     idleClock
	stopped   *atomic.Pointer[time.Time]
	down      bool
	drops     capture.Drops
	counters  counters // as last read
	dropped   int64    // by the interface, as far as known
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
		p, err := r.handle.next()
		switch err {
		case nil:
			if len(c.all) == 0 {
				begin = p.Time
			}
			c.add(p)
			if r.down {
				r.up(c)
			}
			if age := p.Time - begin; age < 0 || age > int64(readTimeout) {
				r.heard(c)
				return
			}
		case errIdle:
			now := time.Now()
			c.until = r.clock.idle(now)
			stopped := r.stopped.Load()
			c.last = stopped != nil && now.Sub(*stopped) > idleLag // earlier the kernel may still have packets
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
	if stopped := r.stopped.Load(); stopped != nil { // earlier packets are still to be read
		c.last = at >= stopped.UnixNano() || now.Sub(*stopped) > drainLimit
	}
}

// look checks whether a device without packets is down, up again, renamed or removed.
func (r *deviceReader) look(c *chunk) {
	if r.index == 0 {
		return
	}
	name, up, err := r.system.state(r.index)
	switch {
	case err == ErrNoDevice:
		c.changes = append(c.changes, Change{Device: r.name, State: DeviceRemoved})
		c.last = true
		return
	case err != nil:
		return // nothing is known
	case name != r.called:
		r.called = name
		c.changes = append(c.changes, Change{Device: r.name, State: DeviceRenamed, Name: name})
	}
	switch {
	case !up && !r.down:
		r.down = true
		c.changes = append(c.changes, Change{Device: r.name, State: DeviceDown})
	case up && r.down:
		r.up(c)
	}
}

// up records that the device is up again.
func (r *deviceReader) up(c *chunk) {
	r.down = false
	c.changes = append(c.changes, Change{Device: r.name, State: DeviceUp})
}

// fail decides whether an error is the end. It waits for a device that is down. It continues with one that was renamed
// while it was down: libpcap looks for the old name when there is no packet, and fails.
func (r *deviceReader) fail(c *chunk, err error) {
	r.look(c)
	switch {
	case c.last:
	case r.stopped.Load() != nil:
		c.last = true
	case r.down || r.called != r.name || len(c.changes) > 0:
		time.Sleep(readTimeout)
	default:
		c.changes = append(c.changes, Change{Device: r.name, State: DeviceFailed, Err: err})
		c.last = true
	}
}

// countDrops reads the counts of dropped packets.
func (r *deviceReader) countDrops() {
	if now, err := r.handle.counters(); err == nil {
		r.addCounters(now)
	}
}

// counters are libpcap's, of 32 bits. On a busy device the count of received packets wraps within hours.
type counters struct{ received, kernelDropped, interfaceDropped uint32 }

// addCounters adds the counts since the last time. The interface's own count, which libpcap reads from a file, is 0
// while the file cannot be read, for example under a new name. Then the known count stays.
func (r *deviceReader) addCounters(now counters) {
	r.drops.Received += uint64(now.received - r.counters.received)
	r.drops.Kernel += uint64(now.kernelDropped - r.counters.kernelDropped)
	r.dropped += int64(int32(now.interfaceDropped - r.counters.interfaceDropped))
	r.drops.Interface = uint64(max(int64(r.drops.Interface), r.dropped))
	r.counters = now
}
