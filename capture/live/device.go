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

// device is one that is captured on.
type device struct {
	name   string
	index  int // of the system, 0 if it has no number
	handle *handle
	free   spare.List[*chunk] // bounds what is on the way

	chunks []*chunk // that have arrived and are not given yet
	until  int64
	drops  capture.Drops
	over   bool
}

// openDevice opens a device for reading.
func openDevice(name string, s *system, o Options) (*device, error) {
	d := &device{name: name, until: capture.NoTime}
	var err error
	if name != AnyDevice && runtime.GOOS != "windows" { // where libpcap has names of its own
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

// full reports that the device has no room left for more until what has arrived from it is given.
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

// deviceReader is what the goroutine of a device knows.
type deviceReader struct {
	*device
	system    *system
	called    string // what the system calls it now
	clock     idleClock
	stopped   *atomic.Pointer[time.Time]
	down      bool
	drops     capture.Drops
	counters  counters // as they were last
	dropped   int64    // by the interface, as far as is known now
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
			c.last = stopped != nil && now.Sub(*stopped) > idleLag // before, the kernel may still keep packets
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

// look notices that a device which gives nothing is down, up, renamed or not there any more.
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

// up takes in that the device is up again.
func (r *deviceReader) up(c *chunk) {
	r.down = false
	c.changes = append(c.changes, Change{Device: r.name, State: DeviceUp})
}

// fail decides whether an error is the end. A device that is down is waited for. One that was renamed while it was down
// is read on: libpcap looks for the old name whenever there is no packet, and fails.
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

// countDrops asks for the counts of what was dropped.
func (r *deviceReader) countDrops() {
	if now, err := r.handle.counters(); err == nil {
		r.addCounters(now)
	}
}

// counters are libpcap's, of 32 bits: on a busy device the packets received begin from 0 again within hours.
type counters struct{ received, kernelDropped, interfaceDropped uint32 }

// addCounters adds what was counted since the last time. The interface's own count, which libpcap reads from a file, is
// 0 while that cannot be read, for example under a new name: then what was known stays.
func (r *deviceReader) addCounters(now counters) {
	r.drops.Received += uint64(now.received - r.counters.received)
	r.drops.Kernel += uint64(now.kernelDropped - r.counters.kernelDropped)
	r.dropped += int64(int32(now.interfaceDropped - r.counters.interfaceDropped))
	r.drops.Interface = uint64(max(int64(r.drops.Interface), r.dropped))
	r.counters = now
}
