package tcplife

import (
	"cmp"
	"io"
	"sync"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// portion is what goes through at once.
type portion struct {
	packets  []capture.Packet // room for them
	used     []capture.Packet // of those that were read
	segments []flows.Segment  // of these
}

func newPortion(most int) *portion { return &portion{packets: make([]capture.Packet, most)} }

// fetch reads the packets that are there, at least one, and leaves out those that are not used. With io.EOF there are
// no more. After another error or a panic, those before are left.
func (r *Reading) fetch(p *portion) (err error) {
	number := uint64(0)
	defer fault.Catch(&number, func(f *fault.Error) { err = f })
	packets := p.packets
	p.used = packets[:0]
	if r.options.Count > 0 { // none is read that is not to be counted
		packets = packets[:min(r.options.Count-r.passed, uint64(len(packets)))]
	}
	n, err := r.capture.Read(packets)
	r.read.Add(uint64(n))
	if r.options.Filter == nil {
		p.used = packets[:n]
	} else {
		for i := range packets[:n] {
			number = packets[i].Number
			match, err := r.options.Filter(&packets[i])
			if err != nil {
				return err
			}
			if match {
				p.used = append(p.used, packets[i])
			}
		}
	}
	r.passed += uint64(len(p.used))
	if err == nil && r.options.Count > 0 && r.passed == r.options.Count {
		err = io.EOF
	}
	return err
}

// decode makes the segments of a portion. visit may be nil. After an error or a panic they are those of the packets
// before.
func (r *Reading) decode(d *flows.Decoder, p *portion, visit func(*capture.Packet, []flows.Segment) error) (err error) {
	number := uint64(0)
	defer fault.Catch(&number, func(f *fault.Error) { err = f })
	p.segments = p.segments[:0]
	for i := range p.used {
		packet := &p.used[i]
		number = packet.Number
		before := len(p.segments)
		p.segments = d.Decode(packet, p.segments)
		if visit != nil {
			if err := visit(packet, p.segments[before:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// feeding is what goroutines share that read packets and give their segments to a tracker. One of them reads, while
// others decode what they have read. Then each gives its segments in turn.
type feeding struct {
	*Reading
	tracker *analyzer.Shards
	free    *spare.List[[]flows.Segment]
	readers int

	reading sync.Mutex
	latest  chan struct{} // closed once the segments of the packets read last are given
	err     error         // ended the reading; it belongs to whose turn it is
}

// run feeds the tracker up to the end of the captures, and returns what ended it.
func (f *feeding) run() error {
	f.latest = make(chan struct{})
	close(f.latest)
	var all sync.WaitGroup
	for range f.readers {
		m := &reader{feeding: f, portion: newPortion(batchPackets), decoder: f.decoder}
		if f.readers > 1 {
			m.decoder = f.decoder.Beside(func() { <-m.before })
		}
		all.Go(func() {
			for !m.stopped.Load() && m.feed() {
			}
		})
	}
	all.Wait()
	return f.err
}

// reader is one of these goroutines.
type reader struct {
	*feeding
	*portion
	memory        []byte // of the packets, if they are its own
	decoder       *flows.Decoder
	before, after chan struct{} // closed once the segments before those of the portion are given, and once these are
}

// feed feeds the tracker the next packets, and reports whether there are more.
func (r *reader) feed() bool {
	r.segments = r.free.Take()
	ended := r.begin()
	failed := r.decode(r.decoder, r.portion, r.options.Packet)
	<-r.before
	defer close(r.after)
	if r.err != nil {
		return false
	}
	r.tracker.Segments(r.segments)
	r.err = cmp.Or(failed, ended, r.tracker.Fault())
	return r.err == nil
}

// begin fetches the next packets, and takes their turn.
func (r *reader) begin() error {
	r.reading.Lock()
	defer r.reading.Unlock()
	r.before, r.after = r.latest, make(chan struct{})
	r.latest = r.after
	err := r.fetch(r.portion)
	if r.readers > 1 && len(r.used) > 0 {
		r.memory = r.capture.Detach(r.memory)
	}
	return err
}
