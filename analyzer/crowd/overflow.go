package crowd

import (
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// A listener has two queues: of attempts that wait for their ACK (SYN queue), and of connections that wait for
// its program to take them (accept queue). If the first is full, SYNs are ignored. If the second is, ACKs are
// ignored or reset too, and Linux ignores SYNs as well (tcp_conn_request). Loss behind the observer looks
// alike, but it spares most attempts.

// spell is a period in which a listener ignored SYNs or ACKs.
type spell struct {
	from, to int64  // first and last sign: the SYN, or the ACK
	since    uint64 // answered attempts of the listener when the first sign was known
	latest   uint64 // and the latest

	ignored  uint64 // attempts whose first SYN drew nothing
	outrun   uint64 // those of them after which a SYN had been answered before they were sent again: loss
	full     uint64 // those of them for which size attempts were pending
	size     uint64
	stays    uint64 // those of them for which half as many or more still were when they sent their SYN again
	pending  uint64 // the most that were pending for any of them
	retried  uint64 // ignored attempts that sent their SYN again
	late     uint64 // those of them that were answered then
	accepted uint64 // connections whose ACK was ignored, and that were accepted later
	longest  int64  // what the longest of them waited
	back     uint64 // connections whose ACK was ignored
	backText uint64 // those of them that had sent text by then
	reset    uint64 // connections whose ACK drew an RST
	unserved uint64 // connections that were open when it began, and to which the program had sent nothing
	bare     uint64 // those of them to which the client had not either: no TCP_DEFER_ACCEPT keeps them back
	alive    bool   // one of these was answered while it went on

	clients []flows.Addr // the clients that it affected, forged addresses excluded
}

const (
	spellGap    = 60 * int64(1e9) // ns without a sign that end a spell
	maxSpells   = 8
	maxSuffered = 16 // clients that are named
	manyIgnored = 3
	manyStay    = 2
	manyBack    = 2
	fewPending  = 2 // a SYN queue is no shorter
	answeredFor = 2 // answered attempts for each sign, at most
	nearlyFull  = 8 // one eighth less is as full
)

// pendings is the recent number of pending attempts.
type pendings struct {
	at   [32]int64
	n    [32]uint32
	next uint32
}

func (p *pendings) note(now int64, n uint64) {
	i := p.next % uint32(len(p.at))
	p.at[i], p.n[i] = now, uint32(n)
	p.next++
}

// hold adds an attempt that turned out to be pending since its ACK.
func (t *target) hold(since int64) {
	if p := t.pendings; p != nil && since != 0 {
		for i := range p.at {
			if p.at[i] >= since {
				p.n[i]++
			}
		}
	}
}

// before is the number at a time, or soon afterwards, because attempts whose SYNs came together get their SYN-ACKs
// then.
func (p *pendings) before(at int64) (n uint64, known bool) {
	const soon = int64(100e6) // ns
	for i := uint32(1); i <= uint32(len(p.at)) && i <= p.next; i++ {
		j := (p.next - i) % uint32(len(p.at))
		if p.at[j] <= at+soon {
			n = max(n, uint64(p.n[j]))
		}
		if p.at[j] <= at {
			return n, true
		}
	}
	return n, p.next <= uint32(len(p.at))
}

// pendingAt is the number of attempts that the listener had in SYN_RCVD at a time.
func (t *target) pendingAt(at int64) (n uint64, known bool) {
	if t.pendings == nil {
		return 0, true
	}
	if n, known = t.pendings.before(at); known || t.course == nil {
		return n, known
	}
	c := t.course
	if i := at/c.step - c.first; i >= 0 && i < int64(len(c.peaks)) {
		return uint64(c.peaks[i]), true
	}
	return 0, false
}

// spell returns the spell of a time, a new one if there is none; nil if there are too many, or there is no listener.
func (t *target) spell(at int64) *spell {
	if t.whole || !t.listens() {
		return nil
	}
	for i := range t.spells {
		if s := &t.spells[i]; at >= s.from-spellGap && at <= s.to+spellGap {
			s.from, s.to, s.latest = min(s.from, at), max(s.to, at), t.answered
			return s
		}
	}
	if len(t.spells) == maxSpells {
		return nil
	}
	t.spells = append(t.spells, spell{from: at, to: at, since: t.answered, latest: t.answered})
	return &t.spells[len(t.spells)-1]
}

// concerned is the spell that the SYN or SYN-ACK of an attempt falls into, nil if none does. Its
// ACK may have been the first sign.
func (t *target) concerned(at int64) *spell {
	const roundTrip = int64(1e9) // ns, or more
	for i := range t.spells {
		if s := &t.spells[i]; at >= s.from-roundTrip && at <= s.to {
			return s
		}
	}
	return nil
}

// ignoredSyn records an attempt whose first SYN drew nothing. One that sends it again is no forgery.
func (t *target) ignoredSyn(a *Attempt, retransmitted bool) {
	s := t.spell(a.SynAt)
	if s == nil {
		return
	}
	s.ignored++
	if t.prompt > a.SynAt {
		s.outrun++
	}
	n, known := t.pendingAt(a.SynAt)
	s.pending = max(s.pending, n)
	switch {
	case !known || n < fewPending:
	case retransmitted && 2*(t.embryonic.n+s.back) < n:
		// room had come, if it was wanted; one whose ACK was ignored may be held still
	case n > s.size+s.size/nearlyFull:
		s.size, s.full, s.stays = n, 1, 0
	case n >= s.size-s.size/nearlyFull:
		s.full++
	}
	if s.full > 0 && retransmitted && 2*(t.embryonic.n+s.back) >= s.size {
		s.stays++
	}
	if retransmitted {
		s.retried++
		s.suffered(a.Source)
	}
}

// ignoredAck records a connection whose ACK did not take it out of the SYN queue.
func (t *target) ignoredAck(a *Attempt, text bool) {
	at := a.AckAt
	if at == 0 {
		return
	}
	if s := t.spell(at); s != nil {
		s.back++
		if text {
			s.backText++
		}
		s.suffered(a.Source)
	}
}

// resetAck records a connection whose ACK drew an RST.
func (t *target) resetAck(a *Attempt) {
	if a.AckAt == 0 {
		return
	}
	if s := t.spell(a.AckAt); s != nil {
		s.reset++
		s.suffered(a.Source)
	}
}

// answeredLate records an attempt whose first SYN had been ignored.
func (t *target) answeredLate(a *Attempt, at int64) {
	if s := t.concerned(a.SynAt); s != nil {
		s.late++
		s.longest = max(s.longest, at-a.SynAt)
	}
}

// acceptedLate records a connection whose ACK had been ignored.
func (t *target) acceptedLate(a *Attempt, at int64) {
	if s := t.concerned(a.SynAckAt); s != nil {
		s.accepted++
		s.longest = max(s.longest, at-a.SynAckAt)
	}
}

func (s *spell) suffered(client flows.Addr) {
	if len(s.clients) < maxSuffered && !slices.Contains(s.clients, client) {
		s.clients = append(s.clients, client)
	}
}

// Open reports when a connection became open, when the client and the program sent their first text (0: never), and
// when the listener last sent a segment.
func (c *Crowd) Open(a *Attempt, since, asked, served, heard int64) {
	if since == 0 {
		return
	}
	port, _ := c.find(a)
	if port == nil {
		return
	}
	for i := range port.spells {
		if s := &port.spells[i]; since <= s.from && (served == 0 || served > s.from) {
			s.unserved++
			if asked == 0 || asked > s.from {
				s.bare++
			}
			s.alive = s.alive || heard > s.from
		}
	}
}

// Queue is one of a listener's.
type Queue uint8

// The queues.
const (
	NoQueue Queue = iota
	SynQueue
	AcceptQueue
)

// String is the queue in a word.
func (q Queue) String() string { return [...]string{"none", "syn", "accept"}[q] }

// Overflow is a time in which a queue of a listener was full.
type Overflow struct {
	Queue       Queue
	From, To    int64  // the first and the last SYN or ACK that was ignored or reset
	Size        uint64 // likely; 0: not known
	Ignored     uint64 // attempts whose first SYN was ignored
	IgnoredAcks uint64 // connections whose ACK was
	Reset       uint64 // connections whose ACK drew an RST
	Delayed     uint64 // connections that were accepted later
	LongestWait int64  // of these
	GaveUp      uint64 // attempts that sent their SYN again and were never answered
	Clients     []flows.Addr
	Cookies     bool // cookies took the place of the queue
}

// queue is the one that was full, if one was.
func (t *target) queue(s *spell) Queue {
	signs := s.ignored + s.back + s.reset
	acks := s.reset >= manyBack && t.completed > 0 || s.back >= manyBack && (s.backText > 0 || s.ignored > 0 ||
		s.bare > 0)
	peak := t.embryonic.peak
	switch {
	case s.latest-s.since > answeredFor*signs:
		return NoQueue // loss
	case acks && s.unserved > 0:
		return AcceptQueue
	case (s.full >= manyIgnored || s.stays >= manyStay) && (s.size >= peak-peak/nearlyFull ||
		t.cookies != nil && t.cookies.found.Found()):
		return SynQueue
	case s.ignored >= manyIgnored && s.outrun == 0 && s.pending == 0 && s.unserved > 0 && s.alive:
		return AcceptQueue
	}
	return NoQueue
}

// overflows returns the known overflows.
func (t *target) overflows(acks bool) (list []Overflow) {
	for i := range t.spells {
		s := &t.spells[i]
		o := Overflow{
			Queue: t.queue(s), From: s.from, To: s.to, Ignored: s.ignored, IgnoredAcks: s.back, Reset: s.reset,
			Delayed: s.late + s.accepted, LongestWait: s.longest, GaveUp: s.retried - min(s.retried, s.late),
			Clients: s.clients,
		}
		switch o.Queue {
		case NoQueue:
			continue
		case SynQueue:
			o.Size = s.size
		case AcceptQueue:
			o.Size = s.unserved
		}
		list = append(list, o)
	}
	if t.cookies != nil {
		if k := t.cookies.all(acks); k.Found() {
			var kept uint64 // a retransmitted SYN-ACK is not a cookie
			for _, n := range t.retransmissions[1:] {
				kept += n
			}
			list = append(list, Overflow{Queue: SynQueue, From: k.Since, To: k.Until, Size: kept, Cookies: true})
		}
	}
	slices.SortStableFunc(list, func(a, b Overflow) int { return int(max(-1, min(1, a.From-b.From))) })
	return list
}

// Overflowed returns the queue of a listener that was full at a time, as far as is known by now.
func (c *Crowd) Overflowed(a *Attempt, at int64) Queue {
	port, _ := c.find(a)
	if port == nil {
		return NoQueue
	}
	if s := port.concerned(at); s != nil {
		return port.queue(s)
	}
	return NoQueue
}
