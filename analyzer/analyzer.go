// Package analyzer follows every TCP connection of a capture and reports its life: one record.Connection for each
// incarnation of a 4-tuple, with the states of both endpoints.
//
// It is for programs with their own source of packets; package tcplife reads files. The program calls Segment for each
// segment, in the capture's order. The Analyzer emits a record when nothing more can happen to its connection. A record
// is valid until emit returns, and is then reused: emit must not change it, and Clone copies it. Shards uses several
// goroutines, and emits the same records in the same order. Times are nanoseconds of the capture's clock since 1970.
// Segments with damaged contents do no harm, and no function returns an error.
//
// Memory is bounded by the connections alive at once. An ordinary connection stores its segments, and the rules judge
// them when it ends. Of the others, a limited number are structs that the rules work on; the rest are packed into some
// 400 bytes each until a segment or an alarm needs them. Options can set limits; evicted connections are counted, and
// their records say so.
//
// Section numbers in comments are those of RFC 9293, the successor of RFC 793. RFC 5961 has the defences against blind
// attacks, RFC 7323 timestamps and window scale, RFC 7413 Fast Open.
package analyzer

import (
	"slices"
	"time"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/ledger"
)

// Options say what the capture cannot show. The zero value means the defaults.
type Options struct {
	// MSL is the maximum segment lifetime: TIME_WAIT is taken to last twice as long (RFC 9293 §3.4.2). 0 is the
	// RFC's 2 minutes.
	MSL time.Duration
	// EmbryonicLimit ends the record of an incomplete attempt this long after its last packet. 0 is 240 s, more than
	// the 180 s for which RFC 1122 §4.2.3.5 requires a SYN to be retried.
	EmbryonicLimit time.Duration
	// IdleLimit ends the record of an open connection this long after its last packet. 0 is 5 days, the default of
	// Linux conntrack; a connection may be silent for hours and still be open.
	IdleLimit time.Duration
	// MaxConnections limits the connections and attempts followed at once. Beyond it the least useful are evicted:
	// closed ones and attempts first, then those silent for longest. 0 is no limit.
	MaxConnections uint64
	// MaxMemory limits the bytes that they take. It counts only what is stored for each of them. 0 is no limit.
	MaxMemory uint64
	// SplitMemory lets NewShards give each tracker an equal share of MaxMemory. Each tracker evicts its own
	// connections, so the evicted connections depend on the number of trackers. Without SplitMemory there is only one
	// tracker.
	SplitMemory bool
	// AtClose emits a record when its connection closes, with its TIME_WAIT as TimeWaitRunning, instead of when nothing
	// more can happen to it. The record lacks what happens afterwards.
	AtClose bool
	// Ports is the range from which clients choose their ports. The zero value is DefaultPortRange.
	Ports ledger.PortRange
	// NoPeers leaves Zeek and Tshark out of the records, which saves time.
	NoPeers bool
	// Whole, if not nil, says whether the record of an ordinary connection, or of an attempt like many others, is
	// needed whole. It gets a brief record: ID, Start, Ended, EndedBy, Handshake.Outcome, the addresses and ports, and
	// the findings with Code, Severity and Side. If it returns false, the brief record is emitted, which saves time. It
	// is called right before emit, in the same goroutine. Other records are always whole.
	Whole func(*record.Connection) bool
	// FloodSyns keeps samples of SYNs, for Result.FloodSyns.
	FloodSyns bool
	// Trace, if not nil, is called for each segment after it was processed, with the id of its record and its effect
	// there. A record that turns out to be a stray SYN inside another connection is never emitted: its segments count
	// for that connection. The segment is valid until Trace returns.
	Trace func(id uint64, seg *flows.Segment, effect tcpstate.Effect)
	// Proven, if not nil, is called after Trace with each earlier segment that the segment proves: Trace called it
	// dropped, but it had arrived. The proof is valid until Proven returns.
	Proven func(id uint64, p *tcpstate.Proof)
	// Traced says which connections need Trace. Trace may or may not be called for the others, which saves time and
	// memory. nil means all connections.
	Traced func(*flows.Key) bool
}

const (
	defaultMSL            = 2 * time.Minute
	defaultEmbryonicLimit = 240 * time.Second
	defaultIdleLimit      = 5 * 24 * time.Hour
)

// Analyzer follows the connections of one capture. Segments must come in the capture's order. It is not safe for
// concurrent use, and never reads the wall clock.
type Analyzer struct {
	options  Options
	accounts *accounts
	journal  *journal // events for the accounts of another goroutine; nil if accounts is this one's
	when     order

	table        table
	wheel        store.Wheel
	scratch      connection // only for filling a record
	life         tcpstate.Ordinary
	ordinarySums ordinarySums

	evicted        uint64
	evictions      evictions
	passedOver     []store.Alarm // by evict; a buffer
	awakeLimit     int
	encapsulations encapsulations // of the connections at rest
	packing        []byte
	peeked         []connection

	overtaken  overtaken
	translated flows.Segment // the current segment in its connection's numbers, if it was captured in others
	event      event         // the current one, without a journal
	stored     flows.Segment // the stored segment that is read

	clock   int64 // the latest time of the capture so far
	begun   bool
	origin  int64 // the time of the first segment
	jumping bool  // one packet lies far ahead, at jumpTo
	jumpTo  int64
	jumpKey flows.Key // the sockets of that packet
	passed  course.Passed

	texts   texts
	ended   *endedOrdinary    // the next one, without a journal
	sums    *ledger.Sums      // of connections with brief records
	model   record.Connection // of twins with brief records
	like    likeness          // of the attempt whose record is the model of twins
	noTwins bool
	record  *record.Connection // passed to emit, and filled anew for each
	live    record.Live        // without the attempts
}

// New makes an Analyzer. It calls emit with each record as its connection ends, ordered by the capture time of the end,
// then by id. The record is reused after emit returns; Clone it to keep it.
func New(options Options, emit func(*record.Connection)) *Analyzer {
	options.setDefaults()
	a := newAnalyzer(options, newAccounts(&options, emit), &record.Connection{})
	a.sums = &a.accounts.totals.Sums
	return a
}

func newAnalyzer(o Options, accounts *accounts, record *record.Connection) *Analyzer {
	return &Analyzer{
		options: o, accounts: accounts, table: newTable(), awakeLimit: o.awakeAmong(1), record: record,
	}
}

func (o *Options) setDefaults() {
	if o.MSL == 0 {
		o.MSL = defaultMSL
	}
	if o.EmbryonicLimit == 0 {
		o.EmbryonicLimit = defaultEmbryonicLimit
	}
	if o.IdleLimit == 0 {
		o.IdleLimit = defaultIdleLimit
	}
	if o.Ports == (ledger.PortRange{}) {
		o.Ports = ledger.DefaultPortRange
	}
}

// Segment processes the next segment of the capture, or the next ICMP error that quotes one.
func (a *Analyzer) Segment(seg *flows.Segment) {
	a.advance(seg.Time, &seg.Key)
	a.watch(seg, true)
	a.accept(seg, a.table.seeds.hash(&seg.Key))
}

// accept processes a segment once the clock has reached it. tag is the hash of its key.
func (a *Analyzer) accept(seg *flows.Segment, tag uint32) {
	a.makeRoom()
	if w := a.overtaken.of(&seg.Key); w != nil && seg.Quote == nil {
		a.segmentBehindWaiting(seg, w)
	} else {
		a.segment(seg, tag, mayWait)
	}
	a.bound()
}

// segment processes a segment, or makes it wait if turn allows that.
func (a *Analyzer) segment(seg *flows.Segment, tag uint32, turn turn) {
	if seg.Quote != nil {
		a.quoted(seg, tag)
		return
	}
	n := a.table.find(&seg.Key, tag)
	if n != 0 && turn == mayWait && a.tryExpected(n, seg) {
		return
	}
	if n == 0 && a.skipsEvicted(seg) {
		return
	}
	head := a.awakened(n)
	if head == nil && a.createAttempt(seg, tag) {
		return
	}
	if head == nil && turn == mayWait && isRefusal(seg) {
		a.wait(seg, tag, waited)
		return
	}
	other := false
	if head != nil {
		captured := seg
		seg, other = a.translate(seg, head)
		if turn == mayWait && head.answersUnseen(seg) {
			a.wait(captured, tag, seenBefore)
			head.nearest(seg).peersSee(seg)
			a.recount(head) // it may have been a bare attempt until now
			return
		}
	}
	c, head := a.find(seg, head)
	effect, expected := a.deliver(c, head, seg, passage{other: other, seen: turn == seenBefore,
		bridged: a.passed.Bridged()})
	if expected {
		return // no state has changed, and its alarm can wait
	}
	a.follow(c, seg, effect)
	a.recount(c)
	a.reportClosed(c)
	a.schedule(c)
}

// tryPredicted processes a segment that the state machine predicts (tcpstate.Conn.Predict) and that needs nothing else
// of what segment does. Most segments of a transfer are such. Otherwise it does nothing, and returns false.
func (a *Analyzer) tryPredicted(c *connection, seg *flows.Segment) bool {
	from, to := sender(seg), 1-sender(seg)
	x, y := &c.sides[from], &c.sides[to]
	switch {
	case c.older != nil || seg.Flags&^flows.PSH != flows.ACK || seg.Options.MPTCP != flows.NoMPTCP:
		return false
	case x.packets == 0 || y.synAnswer != record.Yes && c.tcp.Ends[to].ISSKnown:
		return false // its opening is not complete
	case seg.Checksum == flows.ChecksumWrong || c.numberings[0].known != [2]bool{} || x.sent(seg):
		return false // the receiver may have got something else, or the capture may hold it twice
	}
	nxt, _ := c.tcp.Ends[from].SndNxt()
	if una, _ := c.tcp.Ends[to].SndNxt(); !near(seg.Ack, uint32(una)) {
		return false
	}
	var s tcpstate.Segment
	reduce(&s, seg)
	if !c.tcp.Predict(from, &s) {
		return false
	}
	c.touched, c.heard = true, a.clock
	c.peersSee(seg)
	x.count(seg)
	c.end = max(c.end, seg.Time)
	x.remember(seg, false, y)
	c.predicted(from, to, seg, nxt)
	return true
}

// Close ends the capture: it emits every open record, in the order of ids.
func (a *Analyzer) Close() {
	if a.jumping {
		a.expire(a.jumpTo)
	}
	a.releaseAll()
	a.table.index, a.wheel = nil, store.Wheel{} // no more searches or alarms
	a.eachOpen(func(o openRecord) {
		a.when = order{a.clock, turnOfRest, o.id}
		if a.table.places.At(o.place).kind == kindAttempt {
			a.finishAttempt(o.place, a.clock, record.EndCaptureEnd)
			return
		}
		if a.endBriefly(o.place, a.clock, record.EndCaptureEnd) {
			return
		}
		a.makeRoom()
		a.judgeWhole(o.place)
		c := a.newest(o.place)
		for c.id != o.id {
			c = c.older
		}
		a.remove(c)
		a.finish(c, a.clock, record.EndCaptureEnd)
	})
	if a.journal == nil {
		a.accounts.crowd.Finish(a.clock)
	}
	a.table, a.wheel = newTable(), store.Wheel{}
}

// openRecord is a record that has not ended, and its place.
type openRecord struct {
	id    uint64
	place uint32
}

// eachOpen visits every record that has not ended, in the order of ids. It lists them in 8 bytes each: half of the id,
// and the place.
func (a *Analyzer) eachOpen(visit func(openRecord)) {
	list := make([]uint64, 0, a.table.live) // a place may have several incarnations
	var ids []uint64
	for high, more := uint64(0), true; more; high++ {
		list, more = list[:0], false
		for n := uint32(1); n <= a.table.places.Made(); n++ {
			ids = a.ids(ids[:0], n)
			for _, id := range ids {
				if more = more || id>>32 > high; id>>32 == high {
					list = append(list, id<<32|uint64(n))
				}
			}
		}
		slices.Sort(list)
		for i, o := range list {
			if i%prefetchedEnds == 0 {
				a.table.prefetchEnds(list[i:min(i+prefetchedEnds, len(list))])
			}
			visit(openRecord{high<<32 | o>>32, uint32(o)})
		}
	}
}

// Result returns the totals of the records emitted so far. After Close they are complete.
func (a *Analyzer) Result() *record.Result {
	return a.accounts.result(a.first(), record.Time(a.clock), a.evicted, a.evictions.skipped, &a.passed)
}

// first returns the time of the first segment, NoTime if there was none.
func (a *Analyzer) first() record.Time {
	if !a.begun {
		return record.NoTime
	}
	return record.Time(a.origin)
}

// find returns the incarnation that a segment belongs to, and the newest one of its 4-tuple. It begins one if
// necessary.
func (a *Analyzer) find(seg *flows.Segment, head *connection) (c, newest *connection) {
	if head == nil {
		c = a.begin(seg, nil)
		return c, c
	}
	if opens(seg) {
		for c := head; c != nil; c = c.older {
			if !c.opensWith(seg) {
				continue
			}
			if c.outlived(seg) {
				break
			}
			return c, head
		}
		c = a.begin(seg, head)
		return c, c
	}
	if seg.Flags.Has(flows.SYN|flows.ACK) && (head.over() || head.anyInTimeWait()) && head.rejectsSynAck(seg) {
		c = a.begin(seg, head) // it answers a stale SYN, which is an attempt of its own
		return c, c
	}
	if head.older == nil {
		return head, head
	}
	return head.nearest(seg), head
}

// maxIncarnations bounds how many incarnations of one 4-tuple can be undecided at once.
const maxIncarnations = 4

func (a *Analyzer) begin(seg *flows.Segment, older *connection) *connection {
	a.live.Begun++
	c := a.table.awake.take()
	c.begin(seg, older)
	c.noPeers = a.options.NoPeers
	if older != nil {
		c.place = older.place
	} else {
		c.place = a.table.add(a.table.seeds.hash(&c.key))
	}
	if older != nil {
		c.compareWithOlder(older, seg)
	}
	n := 1
	for o := c; o.older != nil; o = o.older {
		if n++; n > maxIncarnations {
			last := o.older
			o.older = nil
			a.finish(last, seg.Time, last.endReason(record.EndSuperseded))
			break
		}
	}
	a.put(c)
	return c
}

// deliver passes a segment to its connection, and updates the other incarnations of the 4-tuple. expected means that
// the segment was expected, and that there are no others.
func (a *Analyzer) deliver(c, head *connection, seg *flows.Segment, how passage) (effect tcpstate.Effect,
	expected bool) {
	c.heard = a.now()
	effect, expected = c.segment(seg, how)
	a.passed.Beyond = a.passed.Beyond || seg.Flags.Has(flows.RST) && c.tcp.ResetBeyondSyn()
	if o := &seg.Options; o.MPTCP == flows.MPTCPCapable && o.MPTCPToken != 0 && !effect.Has(tcpstate.Rejected) {
		a.tell(mptcpOpens, &event{token: o.MPTCPToken, packet: c.id})
	}
	if a.options.Trace != nil {
		a.options.Trace(c.id, seg, effect)
	}
	if proven := c.tcp.Proven(); a.options.Proven != nil {
		for i := range proven {
			a.options.Proven(c.id, &proven[i])
		}
	}
	if head.older == nil || effect.Has(tcpstate.Rejected) {
		return effect, expected
	}
	if c == head && opens(seg) {
		for o := head.older; o != nil; o = o.older {
			o.tcp.Provoked(1-sender(seg), seg.Time)
		}
	}
	if c != head && c.older == nil && head.older == c && head.onlySyns() && c.open() && !seg.Flags.Has(flows.RST) &&
		sender(seg) == head.opener {
		// The side whose SYN interrupted the connection continues it: the SYN was stale, or not its own (RFC 5961 §4).
		c.absorb(head)
		a.put(c)
		a.drop(head, record.EndSuperseded)
		return effect, false
	}
	if c != head && head.onlySyns() && sender(seg) != head.opener {
		head.challengedIn(c, seg, effect)
	}
	if h := c.tcp.HalfOpen; c != head && h != nil && c.tcp.HalfOpenPacket == seg.Packet && head.challenged {
		c.tcp.LostBy(1-h.Survivor, head.start, head.id)
	}
	answered := seg.Flags.Has(flows.SYN|flows.ACK) && !effect.Has(tcpstate.BadSynAck)
	completed := c.tcp.HandshakeAcked && c.tcp.HandshakeAckPacket == seg.Packet
	if !answered && !completed {
		return effect, false
	}
	// A listener that answers a SYN no longer has the connections before it. When that answer is acknowledged, it no
	// longer has the other attempts either. An old SYN says nothing about the client, which may still have a later
	// connection: that record stays.
	var keep *connection
	for o := head; o != nil; {
		next := o.older
		if o != c && answered && c.old {
			o.expireUnderStale(1-c.opener, c.start)
		}
		if o != c && (completed || !o.embryonic() && !c.old) && !o.mayLive() {
			if o.openerReset() {
				o.stale = true
				c.interrupted = o.id
			}
			reason := o.endReason(record.EndSuperseded)
			c.noteGivenUp(o)
			o.succeededBy(c)
			a.finish(o, seg.Time, reason)
		} else {
			o.older = nil
			if keep == nil {
				a.put(o)
			} else {
				keep.older = o
			}
			keep = o
		}
		o = next
	}
	return effect, false
}

// finish emits the record of a connection that the caller has removed from the table, and releases the connection.
func (a *Analyzer) finish(c *connection, at int64, by record.EndedBy) {
	if !c.reported {
		a.settle(c, at)
		a.fill(a.record, c, at, c.settledEnd(by))
		e := event{probe: c.first, attempt: c.attempt(), silent: c.openUnseen}
		c.tellServed(&e)
		a.tell(recordEnds, &e)
	} else if c.waitedAtClose != [2]bool{} {
		a.tellTimeWaits(c, at, by)
	}
	a.drop(c, by)
}

// lookup returns the newest incarnation of a 4-tuple, nil if there is none.
func (a *Analyzer) lookup(key *flows.Key, tag uint32) *connection {
	return a.awakened(a.table.find(key, tag))
}

// awakened returns the newest incarnation at a place for a segment of it, nil if n is 0.
func (a *Analyzer) awakened(n uint32) *connection {
	if n == 0 {
		return nil
	}
	c := a.newest(n)
	c.touched = true
	return c
}

// newest returns the newest incarnation at a place, and wakes it.
func (a *Analyzer) newest(n uint32) *connection {
	switch p := a.table.places.At(n); {
	case p.kind == kindAttempt:
		return a.promote(n)
	case p.kind == kindOrdinary:
		return a.judge(n)
	case p.kind == kindResting:
		return a.wake(n)
	default:
		return a.table.awake.at(p.where)
	}
}

// put makes a connection the newest at its place.
func (a *Analyzer) put(c *connection) {
	p := a.table.places.At(c.place)
	p.where, p.kind = c.number, kindAwake
}

// remove removes a connection from the table.
func (a *Analyzer) remove(c *connection) {
	head := a.newest(c.place)
	if head != c {
		for o := head; o != nil; o = o.older {
			if o.older == c {
				o.older = c.older
			}
		}
		return
	}
	if c.older == nil {
		a.table.remove(&c.key, c.place)
		return
	}
	a.put(c.older)
}

// drop releases a connection that has left the table, and tells the crowd how its attempt ended.
func (a *Analyzer) drop(c *connection, by record.EndedBy) {
	a.leave(c, by)
	a.uncount(c)
	a.table.awake.release(c)
}
