package flows

import (
	"bytes"
	"container/list"
	"slices"

	"github.com/google/gopacket"
	"github.com/tcplife/tcplife/capture"
)

// The limits of reassembly. Beyond them the oldest datagram is dropped.
const (
	maxDatagrams      = 1024    // at once
	maxFragmentBytes  = 8 << 20 // captured bytes of all of them
	maxFragments      = 256     // of one datagram
	maxFragmentAge    = 60e9    // nanoseconds of capture time (RFC 8200 §4.5; RFC 1122 §3.3.2 allows 60 to 120 s)
	maxDatagramLength = 65535
)

// datagramKey is what the fragments of one datagram have in common (RFC 791 §2.3, RFC 8200 §4.5).
type datagramKey struct {
	src, dst Addr
	id       uint32
	protocol uint8  // of IPv4; 0 in IPv6, whose fragments need not agree on it
	around   uint64 // hash of the encapsulation: the same datagram in two VLANs counts as two
}

// fragment is one piece of a datagram's payload.
type fragment struct {
	offset, end int    // its place in the payload, by the lengths on the wire
	data        []byte // what was captured of it
}

// datagram is an incomplete payload.
type datagram struct {
	key       datagramKey
	begun     int64
	fragments []fragment         // by offset, without overlap
	covered   int                // bytes of them on the wire
	captured  int                // bytes of them in memory
	length    int                // of the whole payload, -1 until the last fragment is there
	next      gopacket.LayerType // what the payload begins with, 0 until the first fragment is there
	packets   uint64             // that count as fragments because of it
	holds     []uint64           // the numbers of the packets with its fragments, including some repetitions
	poisoned  bool               // its fragments contradict each other: later ones are dropped
	element   *list.Element      // its place in reassembly.order
}

// reassembly reassembles datagrams. It uses the lengths on the wire: bytes that a snaplen cut off are missing in the
// payload, but not in its length.
//
// Overlap: an IPv6 datagram with overlapping fragments is dropped, and so are its later fragments (RFC 5722, RFC 8200
// §4.5); in IPv4 the bytes that came first stay. An exact repetition is ignored in both, because captures can have
// packets twice.
type reassembly struct {
	datagrams map[datagramKey]*datagram
	order     list.List // of *datagram, by age
	captured  int       // bytes of all of them in memory
	now       int64
	payload   []byte // of the latest complete datagram

	complete uint64       // complete datagrams
	lost     uint64       // dropped datagrams
	moved    [ends]uint64 // packets that were counted as fragments but are lost, by the reason
}

// piece is a new fragment.
type piece struct {
	key     datagramKey
	v6      bool
	time    int64
	number  uint64 // of the packet
	offset  int
	more    bool
	data    []byte // captured
	wire    int    // bytes of payload on the wire
	next    gopacket.LayerType
	charged *datagram // out: the datagram whose fragment the packet is counted as
	held    bool      // out: the fragment has changed the datagram
	joined  []uint64  // out: the earlier packets of the complete datagram
}

// add adds a fragment. If that completes a datagram, it returns the payload (valid until the next datagram is
// complete), its length on the wire and its first layer. Otherwise next is an end: what the packet counts as.
func (r *reassembly) add(p *piece) (payload []byte, wire int, next gopacket.LayerType) {
	if p.time != capture.NoTime {
		r.now = p.time
	}
	r.expire()
	last := p.offset + p.wire
	if p.wire <= 0 || p.more && p.wire%8 != 0 || last > maxDatagramLength {
		return nil, 0, endMalformed.layer()
	}
	g := r.datagrams[p.key]
	if g == nil {
		g = r.begin(p.key)
	}
	was := *g
	if !p.more && g.length < 0 {
		g.length = last
	}
	if p.offset == 0 && g.next == 0 {
		g.next = p.next
	}
	fits := !g.poisoned && g.fits(p.more, last) && r.insert(g, p)
	changed := g.covered != was.covered || g.length != was.length || g.next != was.next || !fits
	before := g.holds
	if p.held = !g.poisoned && (changed || len(g.holds) < maxFragments); p.held {
		g.holds = append(g.holds, p.number)
	}
	if !fits {
		r.poison(g)
		return nil, 0, endFragmentOverlap.layer()
	}
	switch {
	case g.covered == g.length:
		payload, wire, next, p.joined = r.join(g), g.length, g.next, before
		r.complete++
		r.remove(g)
		return payload, wire, next
	case len(g.fragments) > maxFragments:
		r.giveUp(g)
		return nil, 0, endFragmentIncomplete.layer()
	}
	p.charged = g
	return nil, 0, endFragment.layer()
}

// fits reports whether the fragments still agree on the end of the datagram.
func (g *datagram) fits(more bool, last int) bool {
	if g.length < 0 {
		return true
	}
	if n := len(g.fragments); n > 0 && g.fragments[n-1].end > g.length {
		return false
	}
	return last == g.length || more && last < g.length
}

func (r *reassembly) begin(key datagramKey) *datagram {
	if len(r.datagrams) >= maxDatagrams {
		r.giveUp(r.oldest())
	}
	g := &datagram{key: key, begun: r.now, length: -1}
	g.element = r.order.PushBack(g)
	r.datagrams[key] = g
	return g
}

// insert adds the new bytes of p to g. It reports false for an overlap that IPv6 does not allow.
func (r *reassembly) insert(g *datagram, p *piece) bool {
	from, to := p.offset, p.offset+p.wire
	keep := func(at, from, to int) {
		captured := p.data[min(from-p.offset, len(p.data)):min(to-p.offset, len(p.data))]
		g.fragments = slices.Insert(g.fragments, at, fragment{from, to, bytes.Clone(captured)})
		g.covered += to - from
		g.captured += len(captured)
		r.captured += len(captured)
	}
	at := 0
	for ; at < len(g.fragments) && from < to; at++ {
		f := g.fragments[at]
		if f.end <= from {
			continue
		}
		if f.offset >= to {
			break
		}
		if p.v6 && (f.offset != p.offset || f.end != to || !samePrefix(f.data, p.data)) {
			return false
		}
		if from < f.offset {
			keep(at, from, f.offset)
			at++
		}
		from = f.end
	}
	if from < to {
		keep(at, from, to)
	}
	for r.captured > maxFragmentBytes && r.oldest() != g {
		r.giveUp(r.oldest())
	}
	return true
}

// samePrefix reports whether a begins with b, or b with a.
func samePrefix(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
}

// waiting returns the numbers of the packets whose fragments wait.
func (r *reassembly) waiting() (numbers []uint64) {
	for _, g := range r.datagrams {
		numbers = append(numbers, g.holds...)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// join joins the captured bytes, up to the first missing one.
func (r *reassembly) join(g *datagram) []byte {
	r.payload = r.payload[:0]
	for _, f := range g.fragments {
		r.payload = append(r.payload, f.data...)
		if len(r.payload) < f.end {
			break
		}
	}
	return r.payload
}

// expire drops datagrams that are too old.
func (r *reassembly) expire() {
	for len(r.datagrams) > 0 && r.now-r.oldest().begun > maxFragmentAge {
		r.giveUp(r.oldest())
	}
}

// oldest returns the datagram that began first. There must be one.
func (r *reassembly) oldest() *datagram { return r.order.Front().Value.(*datagram) }

// giveUp drops an incomplete datagram.
func (r *reassembly) giveUp(g *datagram) {
	if !g.poisoned {
		r.lost++
		r.moved[endFragmentIncomplete] += g.packets
	}
	r.remove(g)
}

// poison drops a datagram and keeps its key, so that later fragments do not begin it again.
func (r *reassembly) poison(g *datagram) {
	if g.poisoned {
		return
	}
	g.poisoned = true
	r.lost++
	r.moved[endFragmentOverlap] += g.packets
	r.captured -= g.captured
	g.fragments, g.captured, g.packets = nil, 0, 0
}

func (r *reassembly) remove(g *datagram) {
	r.captured -= g.captured
	r.order.Remove(g.element)
	delete(r.datagrams, g.key)
}
