package compare

import (
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A trail is one connection along the path: what the analyzer of each point knows of it, and its segments' journeys.
//
// Its two ends have the numbers 0 and 1, and so has the direction of what each sends. Sequence numbers of a trail are
// counted as at the point where it was seen first; another point's are shifted against them if a device renumbers.
type trail struct {
	number  uint64
	legs    []*leg // by point; nil where it was not seen
	points  int    // that have a leg
	open    int    // legs that have not ended
	reverse bool   // end 0 is on the last point's side
	sure    bool   // that reverse is right
	opener  int    // the end that opened, as far as is known
	opened  bool   // its SYN was seen
	first   int64
	last    int64

	isn      [2]uint32 // counted as all numbers of the trail
	isnKnown [2]bool
	talks    [2]bool // the end sent something that is neither SYN nor RST

	// The journeys that are not over, in the order of their first sightings.
	oldest, newest *journey

	// What the record reports.
	kept     []*journey // journeys that did not go smoothly, to be judged when all is known
	shed     uint64     // journeys that were too many to keep
	gaps     []gap      // what points lack for reasons known beforehand
	changes  []change
	nat      []translation // by stretch
	passings []passing     // by stretch and direction
	reports  []report      // ICMP errors
	joined   pairedBy
}

// A passing is what passed a stretch in one direction: how many segments, and the highest numbers of their packets
// before and behind it. These show whether the next segment is in order.
type passing struct {
	segments uint32
	up, down uint64
}

// passing returns the passing of a stretch and a direction.
func (t *trail) passing(stretch, dir int) *passing { return &t.passings[2*stretch+dir] }

// A gap is the segments of one direction that a point lacks for one reason.
type gap struct {
	point   int
	dir     int
	reason  result.BlindReason
	count   uint64
	segment sighting // the first one, where it was seen
	at      int      // the point that saw it
	packets []uint64 // of it
}

// translation maps the sockets of the two ends to those behind a stretch.
type translation uint8

const (
	address0 translation = 1 << iota
	port0
	address1
	port1
)

// setTranslated finds out what NAT changes.
func (t *trail) setTranslated() {
	if t.nat == nil {
		t.nat = make([]translation, len(t.legs)-1)
	}
	for i := range t.nat {
		a, b := t.legs[i], t.legs[i+1]
		if a == nil || b == nil || a.swapped == b.swapped && a.key == b.key {
			continue
		}
		for end := range 2 {
			x, y := a.socket(end), b.socket(end)
			if x.addr != y.addr {
				t.nat[i] |= address0 << (2 * end)
			}
			if x.port != y.port {
				t.nat[i] |= port0 << (2 * end)
			}
		}
	}
}

// socket is an end of a trail as a point sees it.
type socket struct {
	addr flows.Addr
	port uint16
	v6   bool
}

func (l *leg) socket(end int) socket {
	if (end == 1) != l.swapped {
		return socket{l.key.B, l.key.BPort, l.key.V6}
	}
	return socket{l.key.A, l.key.APort, l.key.V6}
}

// A report is an ICMP error about a segment of a trail.
type report struct {
	point  int
	packet uint64
	at     int64
	dir    int
	seq    uint32
	quote  *flows.Quote
}

// pairedBy is the reason why legs were matched. A trail has the weakest reason of its legs.
type pairedBy uint8

const (
	byNothing pairedBy = iota
	byAddresses
	byNumbers
	byStamps
	byShape
)

// A leg is a connection at one point, as the point's analyzer knows it.
type leg struct {
	trail    *trail
	point    int
	id       uint64
	key      flows.Key
	swapped  bool      // the trail's end 0 is Key.B
	shift    [2]uint32 // what is to be added to the trail's numbers, by who sends
	isn      [2]uint32
	isnSeen  [2]bool
	packets  uint64
	segments [2]uint64
	kinds    [2][whats]uint32
	leaky    bool // a segment acknowledges what the capture lacks
	first    int64
	last     int64
	passed   [2]space // what was seen of either direction
	talk     [2]talk
	acked    [2]uint32
	ackedAt  [2]bool // acked is known
	ttl      [2]ttl  // of what came from the point before
	end      *legEnd // nil until it has ended
	also     *leg    // the same connection once more, which this point's analyzer takes for another one
	nextKey  *leg    // with the same hash of key
}

// ttl is a TTL, once it is known.
type ttl struct {
	value uint8
	known bool
}

// talk is when a side sent segments that are neither SYN nor RST, which no middlebox makes.
type talk struct {
	some        bool
	first, last int64
}

func (k *talk) at(t int64) {
	if !k.some {
		k.some, k.first, k.last = true, t, t
		return
	}
	k.first, k.last = min(k.first, t), max(k.last, t)
}

// A space is the part of a direction's sequence space that a point has seen: from low to high, without the holes.
type space struct {
	begun bool
	low   uint32 // the first number seen
	high  uint32 // the number after the last
	holes []hole
}

type hole struct{ from, until uint32 }

// maxHoles bounds the remembered holes of one direction at one point.
const maxHoles = 256

func after(a, b uint32) bool { return int32(a-b) > 0 }

// see takes in numbers from up to until.
func (s *space) see(from, until uint32) {
	if from == until {
		return
	}
	if !s.begun {
		s.begun, s.low, s.high = true, from, until
		return
	}
	if after(s.low, from) { // something older: between lies a hole
		if after(s.low, until) && len(s.holes) < maxHoles {
			s.holes = append(s.holes, hole{until, s.low})
		}
		s.low = from
	}
	if after(from, s.high) && len(s.holes) < maxHoles {
		s.holes = append(s.holes, hole{s.high, from})
	}
	if after(until, s.high) {
		s.high = until
	}
	for i := 0; i < len(s.holes); i++ {
		h := s.holes[i]
		if !after(h.until, from) || !after(until, h.from) {
			continue
		}
		s.holes = append(s.holes[:i], s.holes[i+1:]...)
		i--
		if after(from, h.from) {
			s.holes = append(s.holes, hole{h.from, from})
		}
		if after(h.until, until) {
			s.holes = append(s.holes, hole{until, h.until})
		}
	}
}

// has reports whether all numbers from up to until were seen.
func (s *space) has(from, until uint32) bool {
	if !s.begun || after(s.low, from) || after(until, s.high) {
		return false
	}
	for _, h := range s.holes {
		if after(h.until, from) && after(until, h.from) {
			return false
		}
	}
	return true
}

// wayOf returns the direction along the path in which an end sends.
func (t *trail) wayOf(dir int) way {
	if (dir == 1) != t.reverse {
		return toClient
	}
	return toServer
}

// place numbers the points 0, 1, … in the order in which a segment of a direction comes to them. It is its own inverse:
// it also returns the point with a number.
func (t *trail) place(dir, point int) int {
	if t.wayOf(dir) == toServer {
		return point
	}
	return len(t.legs) - 1 - point
}

func (t *trail) pointAt(dir, place int) int { return t.place(dir, place) }

// dir returns the end that sends a segment: 0 or 1.
func (l *leg) dir(fromB bool) int {
	if fromB != l.swapped {
		return 1
	}
	return 0
}
