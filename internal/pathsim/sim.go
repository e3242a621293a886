package pathsim

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/flows"
)

// Epoch is the time at which a simulation begins.
var Epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

// Way is a direction: away from the client or from the server.
type Way int

// The ways.
const (
	ToServer Way = iota
	ToClient
)

// A Frame is a segment on its way.
type Frame struct {
	Src, Dst netip.AddrPort
	Seq, Ack uint32
	Len      int
	Flags    flows.Flags
	Window   uint16
	Options  flows.Options
	TTL      uint8
	ID       uint16

	row *Row
}

// A Row records what happened to one frame, and where it was captured.
type Row struct {
	Conn   int // the connection's number
	Way    Way
	Sent   Frame  // as its maker sent it
	MadeBy string // the element that made it; empty for the endpoints
	Born   int    // the element's place on the path
	CopyOf *Row   // the frame that it is a duplicate of; both have the same Passed before that place
	PartOf *Row   // the frame that it was split from
	Whole  bool   // it was split
	LostAt string // the element that dropped it; empty if it arrived
	Died   int    // the element's place, or -1
	HeldAt string // the link that held it back,
	Held   time.Duration
	Passed []Sighting // by point

	derived   []*Row // duplicated or split off
	doubledAt int    // with CopyOf: the place of the element that made the duplicate
}

// A Sighting is a frame at a point. Packet is its number there, 0 if it was not captured.
type Sighting struct {
	At     int64
	Passed bool // it passed the point, captured or not
	Packet uint64
	Frame  Frame
}

// An Element is a part of the path.
type Element interface {
	// take receives a frame from one side, and passes it on with s.forward, at once or later.
	take(s *Sim, at int, f *Frame, w Way)
}

// Sim is a path with its traffic.
type Sim struct {
	Rand     *rand.Rand
	Points   []*Point
	Rows     []*Row
	elements []Element
	hosts    map[[2]netip.AddrPort]*end // by local and remote socket
	passive  map[int]*end               // the servers' ends, by connection
	conns    int
	now      int64
	events   events
	order    uint64
	same     []map[uint64]uint64 // Canonical
}

// New makes a simulation. The same seed makes the same simulation.
func New(seed uint64) *Sim {
	return &Sim{Rand: rand.New(rand.NewPCG(seed, 7)), hosts: map[[2]netip.AddrPort]*end{}, passive: map[int]*end{}}
}

// Path sets the elements of the path, from the client to the server.
func (s *Sim) Path(elements ...Element) {
	s.elements = elements
	for _, e := range elements {
		if p, is := e.(*Point); is {
			p.index = len(s.Points)
			s.Points = append(s.Points, p)
		}
	}
}

// Run runs the simulation until no event is left, or for a day.
func (s *Sim) Run() {
	for len(s.events) > 0 && s.now < int64(24*time.Hour) {
		e := heap.Pop(&s.events).(*event)
		s.now = e.at
		if !e.cancelled {
			e.f()
		}
	}
	for _, p := range s.Points {
		p.number()
	}
}

// Now is the time since the beginning.
func (s *Sim) Now() time.Duration { return time.Duration(s.now) }

func (s *Sim) after(d time.Duration, f func()) *event {
	s.order++
	e := &event{at: s.now + int64(d), order: s.order, f: f}
	heap.Push(&s.events, e)
	return e
}

// emit puts a new frame on the path, next to an element.
func (s *Sim) emit(f *Frame, w Way, conn int, madeBy string, at int) {
	row := &Row{Conn: conn, Way: w, Sent: *f, MadeBy: madeBy, Born: at, Died: -1,
		Passed: make([]Sighting, len(s.Points))}
	s.Rows = append(s.Rows, row)
	f.row = row
	s.forward(at, f, w)
}

// forward passes a frame from an element to the next one; -1 and len(elements) are the hosts.
func (s *Sim) forward(from int, f *Frame, w Way) {
	to := from + 1
	if w == ToClient {
		to = from - 1
	}
	if to < 0 || to == len(s.elements) {
		host := s.hosts[[2]netip.AddrPort{f.Dst, f.Src}]
		if p := s.passive[f.row.Conn]; host == nil && p != nil && p.local == f.Dst && f.Flags == flows.SYN {
			host = p
			s.hosts[[2]netip.AddrPort{f.Dst, f.Src}] = p
		}
		if host != nil {
			host.receive(f)
		}
		return
	}
	s.elements[to].take(s, to, f, w)
}

// drop records that an element drops a frame.
func (s *Sim) drop(at int, f *Frame, why string) { f.row.LostAt, f.row.Died = why, at }

// double makes a second copy of a frame, with its own row in the truth.
func (s *Sim) double(at int, f *Frame) *Frame {
	g := *f
	row := *f.row
	row.Passed = append([]Sighting(nil), row.Passed...)
	row.CopyOf, row.derived = f.row, nil
	f.row.derived = append(f.row.derived, &row)
	row.doubledAt = at
	g.row = &row
	s.Rows = append(s.Rows, &row)
	return &g
}

type event struct {
	at        int64
	order     uint64
	f         func()
	cancelled bool
}

type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
