package crowd

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// Crowd collects the events of attempts, in the order of the capture. It is not safe for concurrent use.
type Crowd struct {
	now    int64
	period int64 // now, in periods of cusum
	begun  int64 // time of the first event
	acks   bool  // AckPassed was called

	targets map[socket]*target
	order   []*target // the targets of the map, in a fixed order
	hand    int       // index in order of the target that evict tried last
	spare   []*target // forgotten targets, and some that are in use again
	found   [1024]aim // targets of recent attempts, by a hash of address and port

	inUse int // targets

	untracked uint64 // attempts on targets that did not fit

	observed   int // floods
	unused     []*flood
	floods     []Flood // those that are over
	floodsLost uint64  // that did not fit

	scans scans

	samples synSamples
}

const (
	maxTargets = 1 << 15
	maxFloods  = 1 << 10
)

// New makes a Crowd.
func New() *Crowd { return &Crowd{targets: map[socket]*target{}} }

// advance moves the time forward; it never goes back.
func (c *Crowd) advance(now int64) {
	if c.now == 0 {
		c.begun = now
	}
	c.now = max(c.now, now)
	c.period = c.now / cusumPeriod
}

// aim has the targets of an attempt: its port and its address.
type aim struct{ port, whole *target }

// find returns the targets of an attempt; nil if they are unknown or forgotten.
func (c *Crowd) find(a *Attempt) (port, whole *target) {
	f := c.aim(a)
	return c.present(f.port), c.present(f.whole)
}

// aim returns the targets of an attempt in the map, which may be forgotten; nil if there are none.
func (c *Crowd) aim(a *Attempt) *aim {
	const golden = 0x9e3779b97f4a7c15 // spreads values that differ in few bits (D. Knuth, TAOCP 3, 6.4)
	f := &c.found[(binary.BigEndian.Uint64(a.Target[8:])^uint64(a.TargetPort)<<32)*golden>>54]
	if t := f.port; t == nil || t.addr != a.Target || t.port != a.TargetPort || t.whole {
		f.port = c.targets[socket{addr: a.Target, port: a.TargetPort}]
	}
	if t := f.whole; t == nil || t.addr != a.Target || !t.whole {
		f.whole = c.targets[socket{addr: a.Target, whole: true}]
	}
	return f
}

// present updates a target to the present time; it returns nil for a forgotten one.
func (c *Crowd) present(t *target) *target {
	if t == nil || t.forgotten {
		return nil
	}
	if t.rates.period != c.period {
		t.tick(c.now, c)
	}
	return t
}

// listener returns the targets of an attempt like find, but makes that of its port if it is unknown or forgotten, and
// if there is room.
func (c *Crowd) listener(a *Attempt) (port, whole *target) {
	f := c.aim(a)
	if port = c.present(f.port); port == nil {
		port = c.begin(f.port, socket{addr: a.Target, port: a.TargetPort}, a.V6)
		f.port = port
		f = c.aim(a) // the address may have been evicted
	}
	return port, c.present(f.whole)
}

// begin makes the target of a key, in place of the forgotten target t if that has the same key. It returns nil if there
// is no room.
func (c *Crowd) begin(t *target, key socket, v6 bool) *target {
	if t == nil || t.socket != key {
		if t = c.room(); t == nil {
			return nil
		}
		c.targets[key] = t
	}
	spare := t.spare
	*t = target{}
	t.socket, t.v6, t.spare, t.first = key, v6, spare, c.now
	t.tick(c.now, c)
	c.inUse++
	return t
}

// room returns a target that may be reused, or nil. It takes forgotten targets only when there are many targets,
// because their next attempts may come soon.
func (c *Crowd) room() *target {
	const many = 1 << 10
	for n := len(c.spare); n > 0 && len(c.order) >= many; n-- {
		t := c.spare[n-1]
		c.spare = c.spare[:n-1]
		t.spare = false
		if t.forgotten {
			delete(c.targets, t.socket)
			return t
		}
	}
	if len(c.order) < maxTargets {
		t := &target{}
		c.order = append(c.order, t)
		return t
	}
	return c.evict()
}

// evict makes room by forgetting a target without a listener and without a flood.
func (c *Crowd) evict() *target {
	const looks = 8
	for range looks {
		c.hand = (c.hand + 1) % len(c.order)
		if t := c.order[c.hand]; !t.listens() && t.unresolved.n < early && t.flood == nil {
			delete(c.targets, t.socket)
			c.inUse--
			return t
		}
	}
	return nil
}

// forget marks a target as forgotten. It stays in the map until its room is needed.
func (c *Crowd) forget(t *target) {
	t.forgotten = true
	c.inUse--
	if !t.spare {
		t.spare = true
		c.spare = append(c.spare, t)
	}
}

// forgetIdle forgets a target that has no state left.
func (c *Crowd) forgetIdle(t *target) {
	if t.unresolved.n > 0 || t.listens() && !t.whole || t.flood != nil && t.flood.alarmed {
		return
	}
	if t.flood != nil {
		c.drop(t.flood)
		t.flood = nil
	}
	c.forget(t)
}

// newFlood begins to record evidence about a target.
func (c *Crowd) newFlood() *flood {
	limit := sampledSources
	if c.observed++; c.observed > manyFloods {
		limit = sampledFew
	}
	if n := len(c.unused); n > 0 {
		f := c.unused[n-1]
		c.unused = c.unused[:n-1]
		f.reset()
		*f = flood{facts: f.facts}
		f.sources.limit = limit
		return f
	}
	return &flood{facts: *newFacts(limit)}
}

// drop discards the evidence about a target.
func (c *Crowd) drop(f *flood) {
	c.observed--
	const most = 16
	if len(c.unused) < most && len(f.sources.values) < 256 {
		c.unused = append(c.unused, f)
	}
}

// keep stores a flood that is over.
func (c *Crowd) keep(f Flood) {
	switch {
	case f.Verdict == None:
	case len(c.floods) == maxFloods:
		c.floodsLost++
	default:
		c.floods = append(c.floods, f)
	}
}

// AckPassed must be called if the capture has a segment with ACK and without SYN, FIN or RST. A capture without one was
// filtered by control bits, or has no connection that was used.
func (c *Crowd) AckPassed() { c.acks = true }

// Syn records the first SYN of a new attempt.
func (c *Crowd) Syn(now int64, a *Attempt, syn *Probe) {
	c.advance(now)
	now = c.now
	port, whole := c.listener(a)
	if whole == nil {
		f := c.aim(a)
		whole = c.begin(f.whole, socket{addr: a.Target, whole: true}, a.V6)
		f.whole = whole
	}
	if port == nil {
		c.untracked++
	}
	spread := port == nil || port.unresolved.n < early
	for _, t := range [...]*target{port, whole} {
		if t == nil {
			continue
		}
		t.attempts++
		t.syns++
		t.last = now
		t.unresolved.begin(now, now)
		t.rates.attempt(now)
		t.look(now, a, syn, c, spread)
	}
}

// SynRetransmitted records a retransmitted SYN. first says whether it is the first retransmission of its attempt,
// answered whether the attempt had an answer before it.
func (c *Crowd) SynRetransmitted(now int64, a *Attempt, first, answered bool) {
	c.advance(now)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t == nil {
			continue
		}
		t.syns++
		if t.lastAnswered > a.SynAt && !answered {
			t.ignored++ // the SYN before
		}
		if first && !answered {
			t.ignoredSyn(a, true)
		}
		if f := t.flood; f != nil {
			f.syns++
			if first && a.SynAt >= f.begun {
				f.synRetransmitted++
				if fresh := t.freshOf(a); fresh != nil {
					fresh.synRetransmitted++
				}
			}
		}
	}
}

// SynAck records the first SYN-ACK of an attempt, with some options. late says whether the SYN had been retransmitted
// before.
func (c *Crowd) SynAck(now int64, a *Attempt, syn *Probe, synAck uint32, late bool) {
	c.advance(now)
	now = c.now
	port, whole := c.listener(a)
	for _, t := range [...]*target{port, whole} {
		if t == nil {
			continue
		}
		t.answered++
		t.embryonic.begin(now, now)
		t.noteEmbryonic(now)
		if f := t.flood; f != nil {
			f.answered++
			if fresh := t.freshOf(a); fresh != nil {
				fresh.answered++
			}
		}
	}
	if t := port; t != nil {
		t.markAnswered(a.SynAt / 1e9)
		if late {
			t.answeredLate(a, now)
		} else {
			t.prompt = max(t.prompt, a.SynAt)
		}
		t.lastAnswered = max(t.lastAnswered, a.SynAt)
		if t.cookies == nil && t.unresolved.n >= early {
			t.cookies = newCookies()
		}
		if t.cookies != nil {
			t.cookies.answered(now)
			if t.grants {
				t.cookies.options(now, syn, synAck)
			}
		}
		if granted, _ := grants(syn, synAck); granted {
			t.grants = true
		}
	}
}

// SynAckRetransmitted records the nth SYN-ACK of an attempt that no SYN caused. After the ACK it shows that the target
// has not accepted the connection.
func (c *Crowd) SynAckRetransmitted(now int64, a *Attempt, n int, acked bool) {
	c.advance(now)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil && t.flood != nil && n == 1 && a.SynAt >= t.flood.begun {
			t.flood.synAckRetransmitted++
			if fresh := t.freshOf(a); fresh != nil {
				fresh.synAckRetransmitted++
			}
		}
	}
	if port == nil {
		return
	}
	if acked {
		port.fellBack++
	}
	if n != 1 {
		return
	}
	if !acked {
		port.timeouts.add(c.now - a.SynAckAt)
	}
	if port.cookies != nil {
		port.cookies.retransmitted(a.SynAckAt, c.now)
	}
}

// Complete records the ACK that completes a handshake. repeated says whether SynAckRetransmitted was called for the
// attempt.
func (c *Crowd) Complete(now int64, a *Attempt, repeated bool) {
	c.advance(now)
	now = c.now
	port, whole := c.listener(a)
	for _, t := range [...]*target{port, whole} {
		if t == nil {
			continue
		}
		t.completed++
		t.rates.completed++
		t.unresolved.end(a.SynAt)
		if a.SynAckAt != 0 {
			t.embryonic.end(a.SynAckAt)
			t.noteEmbryonic(now)
		}
		if f := t.flood; f != nil && a.SynAt >= f.begun && f.completed < f.attempts {
			f.completed++
		}
	}
	if t := port; t != nil {
		if a.AckAt != 0 { // 0: the ACK was not captured
			t.handshake.add(a.AckAt - a.SynAt)
		}
		if a.SynAckAt != 0 {
			if a.AckAt != 0 {
				t.synRcvd.add(a.AckAt - a.SynAckAt)
			}
			if t.cookies != nil {
				t.cookies.gone(a.SynAckAt, repeated)
			}
		}
	}
	if whole != nil {
		c.forgetIdle(whole)
	}
}

// Flooded reports whether an attempt belongs to a flood on its target, as far as is known by now.
func (c *Crowd) Flooded(a *Attempt) bool {
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil && t.flood != nil && t.flood.alarmed && a.SynAt >= t.flood.begun {
			return true
		}
	}
	return slices.ContainsFunc(c.floods, func(f Flood) bool {
		return f.Target == a.Target && (f.Whole || f.Port == a.TargetPort) && f.Onset <= a.SynAt && a.SynAt <= f.End
	})
}

// TakeBackCompletion records the end of an attempt that had seemed completed: the listener never accepted it. held says
// that FellBack has made it pending again. left is when it seemed to leave SYN_RCVD; 0 if FellBack has withdrawn that.
func (c *Crowd) TakeBackCompletion(now int64, a *Attempt, end End, held, cut bool, synAckRetransmissions int,
	left int64) {
	c.advance(now)
	c.uncompleted(a)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t == nil {
			continue
		}
		t.completed = less(t.completed)
		if f := t.flood; f != nil && a.SynAt >= f.begun {
			f.completed = less(f.completed)
		}
		switch {
		case cut:
		case held:
			t.ended(c.now, a, end)
		default:
			t.ends[end]++
		}
	}
	if t := port; t != nil {
		if end == Withdrawn && !held {
			t.resetAck(a)
		}
		t.retransmissions[min(synAckRetransmissions, maxRetransmissions)]++
		if a.AckAt != 0 {
			t.handshake.remove(a.AckAt - a.SynAt)
		}
		if left != 0 && a.SynAckAt != 0 {
			t.synRcvd.remove(left - a.SynAckAt)
		}
	}
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			c.forgetIdle(t)
		}
	}
	c.scans.attempt(a, end, cut, &Probe{})
}

// TakeBackFailure records that an attempt that had seemed to fail was completed before. completed is false if the
// capture lacks that handshake.
func (c *Crowd) TakeBackFailure(a *Attempt, end End, completed bool) {
	find := c.find
	if completed {
		find = c.listener
	}
	port, whole := find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			t.ends[end] = less(t.ends[end])
			if completed {
				t.completed++
			}
		}
	}
}

// Uncounted records that an attempt was completed by a handshake that the capture lacks, so it does not count.
func (c *Crowd) Uncounted(a *Attempt) {
	c.uncompleted(a)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			t.completed = less(t.completed)
		}
	}
}

func less(n uint64) uint64 { return n - min(n, 1) }

// FellBack records that the target still retransmits the SYN-ACK of an attempt that an ACK had completed: it is pending
// again. first says that it has not fallen back before, text that its client has already sent text.
func (c *Crowd) FellBack(now int64, a *Attempt, first, text bool) {
	c.advance(now)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			t.unresolved.begin(c.now, a.SynAt)
			t.embryonic.begin(c.now, a.SynAckAt)
			t.hold(a.AckAt)
			t.noteEmbryonic(c.now)
		}
	}
	if port != nil && first && a.AckAt != 0 {
		port.synRcvd.remove(a.AckAt - a.SynAckAt)
		port.ignoredAck(a, text)
	}
}

// Resumed records that an attempt that had fallen back is no longer pending.
func (c *Crowd) Resumed(now int64, a *Attempt) {
	c.advance(now)
	port, whole := c.find(a)
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			t.unresolved.end(a.SynAt)
			t.embryonic.end(a.SynAckAt)
			t.noteEmbryonic(c.now)
		}
	}
}

// Accepted records when an attempt that had fallen back finally left SYN_RCVD.
func (c *Crowd) Accepted(a *Attempt, at int64) {
	if port, _ := c.find(a); port != nil {
		port.synRcvd.add(at - a.SynAckAt)
		port.acceptedLate(a, at)
	}
}

// End records the end of an attempt, or of the connection that it has become. cut says that only the capture ends: the
// attempt is still pending. synAckRetransmissions is the number of SYN-ACKs that no SYN caused. syn is the first SYN;
// synRetransmitted says whether it was sent again.
func (c *Crowd) End(now int64, a *Attempt, end End, cut bool, synAckRetransmissions int, syn *Probe,
	synRetransmitted bool) {
	c.advance(now)
	port, whole := c.find(a)
	flooded := port != nil && port.flood != nil && port.flood.alarmed
	for _, t := range [...]*target{port, whole} {
		if t != nil && !cut {
			t.ended(c.now, a, end)
		}
	}
	if t := port; t != nil {
		if a.SynAckAt != 0 {
			t.retransmissions[min(synAckRetransmissions, maxRetransmissions)]++
			if t.cookies != nil && end < Idle && !cut {
				t.cookies.gone(a.SynAckAt, synAckRetransmissions > 0)
			}
		}
		const soon = int64(1e9)
		if end == Unanswered && c.now-a.SynAt >= soon && (t.embryonic.n > 0 || t.answeredAround(a.SynAt/1e9)) {
			t.ignored++
		}
		if end == Unanswered && c.now-a.SynAt >= soon && !synRetransmitted {
			t.ignoredSyn(a, false)
		}
	}
	for _, t := range [...]*target{port, whole} {
		if t != nil {
			c.forgetIdle(t)
		}
	}
	if !flooded {
		c.scans.attempt(a, end, cut, syn)
	}
}

func (t *target) ended(now int64, a *Attempt, end End) {
	t.ends[end]++
	if end >= Idle {
		return
	}
	t.unresolved.end(a.SynAt)
	if a.SynAckAt != 0 {
		t.embryonic.end(a.SynAckAt)
		t.noteEmbryonic(now)
	}
	if f := t.flood; f != nil && a.SynAt >= f.begun {
		f.ended(end)
		if fresh := t.freshOf(a); fresh != nil {
			fresh.ended(end)
		}
	}
}

func (f *facts) ended(end End) {
	switch end {
	case ResetByClient:
		f.resetBySource++
	case Refused:
		f.refused++
	case Unreachable:
		f.icmp++
	}
}

// Floods returns the floods until now, by onset, then by target.
func (c *Crowd) Floods() []Flood {
	list := slices.Clone(c.floods)
	for _, t := range c.order {
		if f := t.flood; f != nil && f.alarmed && !t.forgotten {
			f.sources.count()
			g := *f
			if t.rates.rising() { // in the present period
				g.extend(g.last)
			}
			if r := t.judge(&g, c); r.Verdict != None {
				list = append(list, r)
			}
		}
	}
	list = slices.DeleteFunc(list, func(f Flood) bool { return f.Whole && explained(&f, list) })
	slices.SortFunc(list, func(a, b Flood) int {
		return cmp.Or(cmp.Compare(a.Onset, b.Onset), a.Target.Compare(&b.Target), cmp.Compare(a.Port, b.Port))
	})
	return list
}

// explained reports whether the floods on ports of an address account for the flood on the address.
func explained(whole *Flood, floods []Flood) bool {
	var syns uint64
	for i := range floods {
		if f := &floods[i]; !f.Whole && f.Target == whole.Target && f.Onset <= whole.End && whole.Onset <= f.End {
			syns += f.Syns
		}
	}
	return 2*syns >= whole.Syns
}

// SentCookie reports whether the SYN-ACK that a listener sent at a time was a cookie, as far as is known by now.
func (c *Crowd) SentCookie(listener flows.Addr, port uint16, at int64) bool {
	t := c.targets[socket{addr: listener, port: port}]
	return t != nil && !t.forgotten && t.cookies != nil && t.cookies.sent(at, c.acks)
}

// OpenCookies is the number of unresolved attempts that a cookie answered: no listener holds them.
func (c *Crowd) OpenCookies() (n uint64) {
	if !c.acks {
		return 0
	}
	for _, t := range c.order {
		if !t.forgotten && t.cookies != nil {
			n += t.cookies.open
		}
	}
	return n
}

// Finish moves the time to the end of the capture.
func (c *Crowd) Finish(now int64) {
	c.advance(now)
	for _, t := range c.order {
		if !t.forgotten {
			t.tick(c.now, c)
			t.noteEmbryonic(c.now)
			t.finish(c)
		}
	}
}

// Listener has the totals of a listener.
type Listener struct {
	Addr                     flows.Addr
	Port                     uint16
	V6                       bool
	First, Last              int64 // attempts
	Attempts, Syns           uint64
	Answered, Completed      uint64
	Refused, Unanswered      uint64
	ResetByClient, Withdrawn uint64
	Unreachable, Abandoned   uint64
	Ignored, FellBack        uint64
	Embryonic, Unresolved    uint64 // now
	EmbryonicPeak            uint64
	EmbryonicPeakAt          int64
	EmbryonicCourse          *Course // nil if few attempts were pending
	UnresolvedPeak           uint64
	Retransmissions          []uint64
	Handshake, SynRcvd       Percentiles
	Cookies                  Cookies
	Overflows                []Overflow
	Proxy                    Proxy // none if it has no connections
	SynAckTimeout            Percentiles
}

// MaxListeners is the most listeners that Listeners returns.
const MaxListeners = 1000

// Listeners returns the busiest listeners, by the backlog that they would have needed, then by attempts. all is the
// number of all listeners.
func (c *Crowd) Listeners() (list []Listener, all uint64) {
	var found []*target
	for _, t := range c.order {
		if t.listens() && !t.whole && !t.forgotten {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *target) int {
		return cmp.Or(cmp.Compare(b.unresolved.peak, a.unresolved.peak), cmp.Compare(b.attempts, a.attempts),
			compareSockets(a.socket, b.socket))
	})
	all = uint64(len(found))
	for _, t := range found[:min(len(found), MaxListeners)] {
		list = append(list, t.listener(c.acks))
	}
	return list, all
}

func (t *target) listener(acks bool) Listener {
	ended := t.completed
	for _, n := range t.ends[:Idle] { // Idle and Used ones were completed
		ended += n
	}
	attempts := max(t.attempts, t.answered, ended) // some may have begun before the target was forgotten
	l := Listener{
		Addr: t.addr, Port: t.port, V6: t.v6, First: t.first, Last: t.last, Attempts: attempts,
		Syns:     max(t.syns, attempts),
		Answered: t.answered, Completed: t.completed,
		Refused: t.ends[Refused], Unanswered: t.ends[Unanswered], ResetByClient: t.ends[ResetByClient],
		Withdrawn:   t.ends[Withdrawn],
		Unreachable: t.ends[Unreachable], Abandoned: t.ends[Abandoned], Ignored: t.ignored, FellBack: t.fellBack,
		Embryonic: t.embryonic.n, Unresolved: t.unresolved.n, EmbryonicPeak: t.embryonic.peak,
		EmbryonicPeakAt: t.embryonic.peakAt, EmbryonicCourse: t.course.whole(),
		UnresolvedPeak: t.unresolved.peak, Handshake: t.handshake.percentiles(), SynRcvd: t.synRcvd.percentiles(),
	}
	if t.proxy.Connections >= manyProxied {
		l.Proxy = t.proxy
	}
	l.Overflows, l.SynAckTimeout = t.overflows(acks), t.timeouts.percentiles()
	n := len(t.retransmissions)
	for n > 0 && t.retransmissions[n-1] == 0 {
		n--
	}
	l.Retransmissions = slices.Clone(t.retransmissions[:n])
	if t.cookies != nil {
		l.Cookies = t.cookies.all(acks)
		if acks {
			l.Embryonic -= min(l.Embryonic, t.cookies.open)
		}
	}
	return l
}

// Unjudged is the number of attempts, floods and scanners that did not fit into the tables.
func (c *Crowd) Unjudged() uint64 { return c.untracked + c.floodsLost + c.scans.missed }

// Targets is the number of targets in use, including addresses.
func (c *Crowd) Targets() int { return c.inUse }
