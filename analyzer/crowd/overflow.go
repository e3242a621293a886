package crowd

import (
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// A listener has two queues: the SYN queue of attempts that wait for their ACK, and the accept queue of connections
// that wait for the program to accept them. If the SYN queue is full, the listener ignores SYNs. If the accept queue is
// full, it ignores or resets ACKs; Linux also ignores SYNs (tcp_conn_request). Loss behind the observer looks similar,
// but most attempts survive it.

// spell is a period in which a listener ignored SYNs or ACKs.
type spell struct {
	from, to int64  // first and last sign: the SYN, or the ACK
	since    uint64 // the listener's answered attempts at the first sign
	latest   uint64 // and at the last sign

	ignored         uint64 // attempts whose first SYN had no answer
	overtaken       uint64 // of ignored: a later SYN was answered before theirs was sent again, so theirs was lost
	full            uint64 // of ignored: size attempts were pending
	size            uint64
	stillFull       uint64 // of ignored: at least half of size was still pending when they sent their SYN again
	pending         uint64 // the most attempts that were pending for any of ignored
	retried         uint64 // of ignored: sent their SYN again
	late            uint64 // of retried: answered then
	accepted        uint64 // connections whose ACK was ignored, and that were accepted later
	longest         int64  // the longest wait of late and accepted
	ignoredAcks     uint64 // connections whose ACK was ignored
	ignoredAcksText uint64 // of ignoredAcks: the client had already sent text
	reset           uint64 // connections whose ACK drew an RST
	unserved        uint64 // connections that were open when the spell began, and to which the program had sent nothing
	silent          uint64 // of unserved: the client had sent nothing either, so there is no TCP_DEFER_ACCEPT
	alive           bool   // the listener sent a segment of an unserved connection during the spell

	clients []flows.Addr // that it affected, without forged addresses
}

const (
	spellGap      = 60 * int64(1e9) // ns without a sign that end a spell
	maxSpells     = 8
	maxClients    = 16 // that are named
	manyIgnored   = 3
	manyStillFull = 2
	manyAcks      = 2 // ignored or reset
	fewPending    = 2 // the least size of a SYN queue
	maxAnswered   = 2 // attempts for each sign
	nearlyFull    = 8 // a queue counts as full with one eighth less
)

// pendings is the number of pending attempts after each of its latest changes.
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

// hold adds an attempt that was still pending at its ACK, and since then.
func (t *target) hold(since int64) {
	if p := t.pendings; p != nil && since != 0 {
		for i := range p.at {
			if p.at[i] >= since {
				p.n[i]++
			}
		}
	}
}

// before is the greatest number at a time and shortly after it, because SYNs that came together may get their SYN-ACKs
// only then.
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

// spell returns the spell at a time, and begins one if there is none. It returns nil if there are too many, or if there
// is no listener.
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

// spellAround returns the spell in which an attempt sent its SYN or got its SYN-ACK; nil if there is none. The spell
// may have begun with the attempt's own ACK.
func (t *target) spellAround(at int64) *spell {
	const roundTrip = int64(1e9) // ns, or more
	for i := range t.spells {
		if s := &t.spells[i]; at >= s.from-roundTrip && at <= s.to {
			return s
		}
	}
	return nil
}

// ignoredSyn records an attempt whose first SYN had no answer. A source that sends it again is not forged.
func (t *target) ignoredSyn(a *Attempt, retransmitted bool) {
	s := t.spell(a.SynAt)
	if s == nil {
		return
	}
	s.ignored++
	if t.prompt > a.SynAt {
		s.overtaken++
	}
	n, known := t.pendingAt(a.SynAt)
	s.pending = max(s.pending, n)
	switch {
	case !known || n < fewPending:
	case retransmitted && 2*(t.embryonic.n+s.ignoredAcks) < n:
		// the queue has room now; attempts whose ACK was ignored may still be in it
	case n > s.size+s.size/nearlyFull:
		s.size, s.full, s.stillFull = n, 1, 0
	case n >= s.size-s.size/nearlyFull:
		s.full++
	}
	if s.full > 0 && retransmitted && 2*(t.embryonic.n+s.ignoredAcks) >= s.size {
		s.stillFull++
	}
	if retransmitted {
		s.retried++
		s.addClient(a.Source)
	}
}

// ignoredAck records a connection whose ACK did not take it out of the SYN queue.
func (t *target) ignoredAck(a *Attempt, text bool) {
	at := a.AckAt
	if at == 0 {
		return
	}
	if s := t.spell(at); s != nil {
		s.ignoredAcks++
		if text {
			s.ignoredAcksText++
		}
		s.addClient(a.Source)
	}
}

// resetAck records a connection whose ACK drew an RST.
func (t *target) resetAck(a *Attempt) {
	if a.AckAt == 0 {
		return
	}
	if s := t.spell(a.AckAt); s != nil {
		s.reset++
		s.addClient(a.Source)
	}
}

// answeredLate records an attempt whose first SYN had been ignored.
func (t *target) answeredLate(a *Attempt, at int64) {
	if s := t.spellAround(a.SynAt); s != nil {
		s.late++
		s.longest = max(s.longest, at-a.SynAt)
	}
}

// acceptedLate records a connection whose ACK had been ignored.
func (t *target) acceptedLate(a *Attempt, at int64) {
	if s := t.spellAround(a.SynAckAt); s != nil {
		s.accepted++
		s.longest = max(s.longest, at-a.SynAckAt)
	}
}

func (s *spell) addClient(client flows.Addr) {
	if len(s.clients) < maxClients && !slices.Contains(s.clients, client) {
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
				s.silent++
			}
			s.alive = s.alive || heard > s.from
		}
	}
}

// Queue is a queue of a listener.
type Queue uint8

// The queues.
const (
	NoQueue Queue = iota
	SynQueue
	AcceptQueue
)

// String is the queue in a word.
func (q Queue) String() string { return [...]string{"none", "syn", "accept"}[q] }

// Overflow is a period in which a queue of a listener was full.
type Overflow struct {
	Queue       Queue
	From, To    int64  // the first and the last SYN or ACK that was ignored or reset
	Size        uint64 // likely size of the queue; 0: not known
	Ignored     uint64 // attempts whose first SYN was ignored
	IgnoredAcks uint64 // connections whose ACK was ignored
	Reset       uint64 // connections whose ACK drew an RST
	Delayed     uint64 // connections that were accepted later
	LongestWait int64  // of Delayed
	GaveUp      uint64 // attempts that sent their SYN again and were never answered
	Clients     []flows.Addr
	Cookies     bool // the listener sent SYN cookies
}

// queue returns the queue that was full.
func (t *target) queue(s *spell) Queue {
	signs := s.ignored + s.ignoredAcks + s.reset
	acks := s.reset >= manyAcks && t.completed > 0 ||
		s.ignoredAcks >= manyAcks && (s.ignoredAcksText > 0 || s.ignored > 0 || s.silent > 0)
	peak := t.embryonic.peak
	switch {
	case s.latest-s.since > maxAnswered*signs:
		return NoQueue // loss
	case acks && s.unserved > 0:
		return AcceptQueue
	case (s.full >= manyIgnored || s.stillFull >= manyStillFull) && (s.size >= peak-peak/nearlyFull ||
		t.cookies != nil && t.cookies.found.Found()):
		return SynQueue
	case s.ignored >= manyIgnored && s.overtaken == 0 && s.pending == 0 && s.unserved > 0 && s.alive:
		return AcceptQueue
	}
	return NoQueue
}

// overflows returns the known overflows.
func (t *target) overflows(acks bool) (list []Overflow) {
	for i := range t.spells {
		s := &t.spells[i]
		o := Overflow{
			Queue: t.queue(s), From: s.from, To: s.to, Ignored: s.ignored, IgnoredAcks: s.ignoredAcks, Reset: s.reset,
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
			var kept uint64 // in the queue: their SYN-ACK was retransmitted, so it was no cookie
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
	if s := port.spellAround(at); s != nil {
		return port.queue(s)
	}
	return NoQueue
}
