// Package analyzer follows every TCP connection of a capture and tells its life: one record.Connection for each
// incarnation of a 4-tuple, with the states of both endpoints.
//
// It is for programs with a source of packets of their own; package tcplife reads files. An Analyzer is fed segment
// by segment, in the capture's order, and emits a record when nothing more can happen to its connection. A record is
// valid until emit returns, and is then filled again; Clone copies it. Shards does so in several goroutines, with the
// same records in the same order. Times are nanoseconds of the capture's clock since 1970. Segments with damaged
// contents do no harm, and nothing here fails.
//
// Memory is bounded by the connections alive at once. Of an ordinary life the segments are written down, and judged
// when it ends. Of the others only some are awake, as structs that the rules can be read in; the rest is packed
// into some 400 bytes each, until a segment or an alarm wakes it. Options can set limits; what they evict is
// counted, and its record says so.
//
// To read it beside the standard, have RFC 9293 at hand (RFC 793's successor; section numbers in the comments are
// its), RFC 5961 for what receivers do about blind attacks, RFC 7323 for timestamps and window scale, RFC 7413 for
// Fast Open.
package analyzer

import (
	"cmp"
	"slices"
	"time"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/ledger"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Options say what the capture cannot. The zero value means the defaults.
type Options struct {
	// MSL is the maximum segment lifetime: TIME_WAIT is taken to last twice as long (RFC 9293 §3.4.2). 0 is the
	// RFC's 2 minutes.
	MSL time.Duration
	// EmbryonicLimit ends the record of a connection that nobody completes, so long after its last packet. 0 is 240 s,
	// above the 180 s for which RFC 1122 §4.2.3.5 wants a SYN retried.
	EmbryonicLimit time.Duration
	// IdleLimit ends the record of an open connection, so long after its last packet. 0 is 5 days, what Linux
	// conntrack grants; a connection may be silent for hours and live.
	IdleLimit time.Duration
	// MaxConnections is how many connections and attempts are followed at most. Beyond it those of the least use are
	// given up: closed ones and attempts first, then the longest silent. 0 is no limit.
	MaxConnections uint64
	// MaxMemory is how many bytes they take at most, about: only what is kept for each of them counts. 0 is no limit.
	MaxMemory uint64
	// SplitMemory lets NewShards give each tracker an equal share of MaxMemory. What is evicted then depends on how
	// many there are, for each evicts its own; without it there is only one.
	SplitMemory bool
	// AtClose emits a record when its connection closes, its TIME_WAIT TimeWaitRunning, and not when nothing more can
	// happen to it. What comes afterwards is not told.
	AtClose bool
	// Ports is the range from which clients are taken to choose theirs. The zero value is DefaultPortRange.
	Ports ledger.PortRange
	// FloodSyns keeps samples of SYNs, for Result.FloodSyns.
	FloodSyns bool
	// Trace, if it is set, is told of each segment, after it has been taken in, with the id of the record it went to
	// and what it was there. A record that turns out to be a stray SYN inside another connection is never emitted: its
	// segments count for that one. The segment is valid until Trace returns.
	Trace func(id uint64, seg *flows.Segment, effect tcpstate.Effect)
	// Traced says which connections Trace is for. Of others it may be told or not, which takes
	// less time and memory. nil is all.
	Traced func(*flows.Key) bool
}

const (
	defaultMSL            = 2 * time.Minute
	defaultEmbryonicLimit = 240 * time.Second
	defaultIdleLimit      = 5 * 24 * time.Hour
)

// Analyzer follows the connections of one capture. It is fed in the capture's order and is not safe for concurrent
// use. It never reads the wall clock.
type Analyzer struct {
	options  Options
	accounts *accounts
	journal  *journal // what the accounts are told by others; nil if it is told at once
	when     order

	table   table
	wheel   store.Wheel
	scratch connection // an attempt's, to be finished
	life    tcpstate.Ordinary

	evicted        uint64
	spared         []store.Alarm // by evict, to be used again
	awakeLimit     int
	encapsulations encapsulations // of the connections at rest
	packing        []byte
	peeked         []connection

	overtaken  overtaken
	translated flows.Segment // the one at hand, where it was captured in other numbers

	clock   int64 // the latest time of the capture so far
	begun   bool
	origin  int64 // the time of the first segment
	jumping bool  // one packet lies far ahead, at jumpTo
	jumpTo  int64
	jumpKey flows.Key // the sockets of that packet
	passed  course.Passed

	texts   texts
	like    likeness // of the attempt whose record is the model of twins
	noTwins bool
	record  *record.Connection // what emit is given, filled anew for each
	live    record.Live        // but for the attempts
}

// New makes an Analyzer. It calls emit with each record as its connection ends, in the order of the capture times at
// which they end, then of their ids. A record is valid until emit returns, unless
// emit keeps what it holds and puts a used one in its place, whose memory is used again for the next.
func New(options Options, emit func(*record.Connection)) *Analyzer {
	options.setDefaults()
	return newAnalyzer(options, newAccounts(&options, emit), &record.Connection{})
}

func newAnalyzer(o Options, accounts *accounts, record *record.Connection) *Analyzer {
	return &Analyzer{
		options: o, accounts: accounts, table: newTable(), awakeLimit: awakeLimit, record: record,
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

// Segment takes in the next segment of the capture, or the next ICMP error that quotes one.
func (a *Analyzer) Segment(seg *flows.Segment) {
	a.advance(seg.Time, &seg.Key)
	a.watch(seg, true)
	a.accept(seg, a.table.seeds.hash(&seg.Key))
}

// accept takes in a segment, the time of which has come. The tag is its key's hash.
func (a *Analyzer) accept(seg *flows.Segment, tag uint32) {
	a.makeRoom()
	if w := a.overtaken.of(&seg.Key); w != nil && seg.Quote == nil {
		a.meets(seg, w)
	} else {
		a.segment(seg, tag, mayWait)
	}
	a.bound()
}

// segment takes in a segment, or has it wait if it may.
func (a *Analyzer) segment(seg *flows.Segment, tag uint32, turn turn) {
	if seg.Quote != nil {
		a.quoted(seg, tag)
		return
	}
	n := a.table.find(&seg.Key, tag)
	if n != 0 && turn == mayWait && a.proceeds(n, seg) {
		return
	}
	head := a.awakened(n)
	if head == nil && a.createAttempt(seg, tag) {
		return
	}
	if head == nil && turn == mayWait && refuses(seg) {
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
	effect, expected := a.take(c, head, seg, passage{other: other, seen: turn == seenBefore,
		bridged: a.passed.Bridged()})
	if expected {
		return // no state has changed, and its alarm can wait
	}
	a.follow(c, seg, effect)
	a.recount(c)
	a.reportClosed(c)
	a.schedule(c)
}

// expects takes in a segment if the state machine predicts it (tcpstate.Conn.Predict) and a look at a few fields shows
// that all else which segment asks of it has the usual answer. That is most of a transfer. Otherwise it does nothing.
func (a *Analyzer) expects(c *connection, seg *flows.Segment) bool {
	from, to := sender(seg), 1-sender(seg)
	x, y := &c.sides[from], &c.sides[to]
	switch {
	case c.older != nil || seg.Flags&^flows.PSH != flows.ACK || seg.Options.MPTCP != flows.NoMPTCP:
		return false
	case x.packets == 0 || y.synAnswer != record.Yes && c.tcp.Ends[to].ISSKnown:
		return false // there is more to be learnt of it
	case seg.Checksum == flows.ChecksumWrong || c.numberings[0].known != [2]bool{} || x.sent(seg):
		return false // as captured it is not what was received, or it is captured twice
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

// Close ends the capture: every record that is still open is emitted, by id.
func (a *Analyzer) Close() {
	if a.jumping {
		a.expire(a.jumpTo)
	}
	a.letAllGo()
	left := a.all()
	a.table.index = nil // nobody searches it any more
	for i, o := range left {
		if i%foreseenEnds == 0 {
			a.table.foreseeEnds(left[i:min(i+foreseenEnds, len(left))])
		}
		a.when = order{a.clock, turnOfRest, o.id}
		if a.table.places.At(o.place).kind == bare {
			a.finishAttempt(o.place, a.clock, record.EndCaptureEnd)
			continue
		}
		a.makeRoom()
		a.judgeWhole(o.place)
		c := a.newest(o.place)
		for c.id != o.id {
			c = c.older
		}
		a.remove(c)
		a.finish(c, a.clock, record.EndCaptureEnd)
	}
	if a.journal == nil {
		a.accounts.crowd.Finish(a.clock)
	}
	a.table, a.wheel = newTable(), store.Wheel{}
}

// at is where a record is that has not ended.
type at struct {
	id    uint64
	place uint32
}

// all gives every record that has not ended, by id.
func (a *Analyzer) all() []at {
	list := make([]at, 0, a.table.live) // more where there are several incarnations
	var ids []uint64
	for n := uint32(1); n <= a.table.places.Made(); n++ {
		ids = a.ids(ids[:0], n)
		for _, id := range ids {
			list = append(list, at{id, n})
		}
	}
	slices.SortFunc(list, func(x, y at) int { return cmp.Compare(x.id, y.id) })
	return list
}

// Result adds up what was emitted so far. After Close it is complete.
func (a *Analyzer) Result() *record.Result {
	return a.accounts.result(a.first(), record.Time(a.clock), a.evicted, &a.passed)
}

// first is the time of the first segment, if there was any.
func (a *Analyzer) first() record.Time {
	if !a.begun {
		return record.NoTime
	}
	return record.Time(a.origin)
}

// find gives the incarnation that a segment belongs to, a new one if there is none, and the newest then.
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
	if seg.Flags.Has(flows.SYN|flows.ACK) && (head.over() || head.waits()) && head.rejectsSynAck(seg) {
		c = a.begin(seg, head) // it answers an old duplicate of the SYN: a stale SYN is an attempt of its own
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
	if older != nil {
		c.place = older.place
	} else {
		c.place = a.table.add(a.table.seeds.hash(&c.key))
	}
	if older != nil {
		c.follows(older, seg)
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

// take lets a connection have a segment, and draws the conclusions for the other incarnations of its 4-tuple. It
// reports whether the segment was expected, and there are none.
func (a *Analyzer) take(c, head *connection, seg *flows.Segment, how passage) (effect tcpstate.Effect, expected bool) {
	c.heard = a.now()
	effect, expected = c.segment(seg, how)
	a.passed.Beyond = a.passed.Beyond || seg.Flags.Has(flows.RST) && c.tcp.ResetBeyondSyn()
	if o := &seg.Options; o.MPTCP == flows.MPTCPCapable && o.MPTCPToken != 0 && !effect.Has(tcpstate.Rejected) {
		a.tell(mptcpOpens, &event{token: o.MPTCPToken, packet: c.id})
	}
	if a.options.Trace != nil {
		a.options.Trace(c.id, seg, effect)
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
		// The side whose SYN interrupted the connection goes on in it: the SYN was stale, or not its own (RFC 5961 §4).
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
	// A listener that answers a SYN has nothing left of the connections before; one that sees the answer
	// acknowledged has nothing left of the other attempts. Of the client an old SYN says nothing. The record of a
	// connection that its client may still hold stays.
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
			c.supersedes(o)
			o.succeeded(c)
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

// finish emits a connection's record. The caller has taken it out of the table; after it there is no connection.
func (a *Analyzer) finish(c *connection, at int64, by record.EndedBy) {
	if !c.reported {
		a.settle(c, at)
		a.fill(a.record, c, at, c.settledEnd(by))
		e := event{probe: c.first, attempt: c.attempt(), silent: c.openUnseen}
		c.tellServed(&e)
		a.tell(recordEnds, &e)
	} else if c.waited != [2]bool{} {
		a.tellTimeWaits(c, at, by)
	}
	a.drop(c, by)
}

// lookup gives the newest incarnation of a 4-tuple, nil if there is none.
func (a *Analyzer) lookup(key *flows.Key, tag uint32) *connection {
	return a.awakened(a.table.find(key, tag))
}

// awakened gives the newest incarnation at a place, nil for none, to a segment of it.
func (a *Analyzer) awakened(n uint32) *connection {
	if n == 0 {
		return nil
	}
	c := a.newest(n)
	c.touched = true
	return c
}

// newest gives the newest incarnation at a place, awake.
func (a *Analyzer) newest(n uint32) *connection {
	switch p := a.table.places.At(n); {
	case p.kind == bare:
		return a.promote(n)
	case p.kind == orderly:
		return a.judge(n)
	case p.kind == atRest:
		return a.wake(n)
	default:
		return a.table.awake.at(p.where)
	}
}

// put makes a connection the newest at its place.
func (a *Analyzer) put(c *connection) {
	p := a.table.places.At(c.place)
	p.where, p.kind = c.number, awake
}

// remove takes a connection out of the table.
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

// drop ends all accounts of a connection that has left the table.
func (a *Analyzer) drop(c *connection, by record.EndedBy) {
	a.leave(c, by)
	a.uncount(c)
	a.table.awake.release(c)
}
