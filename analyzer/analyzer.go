package analyzer

import (
	"cmp"
	"slices"
	"time"

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
	// AtClose emits a record when its connection closes, its TIME_WAIT TimeWaitRunning, and not when nothing more can
	// happen to it. What comes afterwards is not told.
	AtClose bool
	// Trace, if it is set, is told of each segment, after it has been taken in, with the id of the record it went to and
	// what it was there. A record that turns out to be a stray SYN inside another connection is never emitted: its
	// segments count for that one. The segment is valid until Trace returns.
	Trace func(id uint64, seg *flows.Segment, effect tcpstate.Effect)
}

const (
	defaultMSL            = 2 * time.Minute
	defaultEmbryonicLimit = 240 * time.Second
	defaultIdleLimit      = 5 * 24 * time.Hour
)

// Analyzer follows the connections of one capture. It is fed in the capture's order and is not safe for concurrent
// use. It never reads the wall clock.
type Analyzer struct {
	options Options
	emit    func(*Connection)

	table      table
	places     []*connection // nil where free
	freePlaces []place
	embryos    embryos
	timers     timers
	scratch    connection // an embryo's, to be finished
	clock      int64      // the latest time of the capture so far
	begun      bool
	leaping    bool // one packet lies far ahead, at leapTo
	leapTo     int64
	leaper     flows.Key // the sockets of that packet

	record Connection // what emit is given, filled anew for each
	totals totals
	floods floods
	live   Live // but for the embryos
}

// New makes an Analyzer. It calls emit with each record as its connection ends, in the order of the capture times at
// which they end, then of their ids. A record is valid until emit returns.
func New(options Options, emit func(*Connection)) *Analyzer {
	if options.MSL == 0 {
		options.MSL = defaultMSL
	}
	if options.EmbryonicLimit == 0 {
		options.EmbryonicLimit = defaultEmbryonicLimit
	}
	if options.IdleLimit == 0 {
		options.IdleLimit = defaultIdleLimit
	}
	return &Analyzer{options: options, emit: emit, table: table{}, totals: newTotals(), floods: newFloods()}
}

// Segment takes in the next segment of the capture, or the next ICMP error that quotes one.
func (a *Analyzer) Segment(seg *flows.Segment) {
	a.advance(seg)
	if seg.Quote != nil {
		a.quoted(seg)
		return
	}
	head := a.lookup(&seg.Key)
	if head == nil && bareSyn(seg) {
		a.conceive(seg)
		return
	}
	c, head := a.find(seg, head)
	a.take(c, head, seg)
	a.follow(c)
	a.recount(c)
	a.reportClosed(c)
	a.schedule(c)
}

// Close ends the capture: every record that is still open is emitted, by id.
func (a *Analyzer) Close() {
	if a.leaping {
		a.expire(a.leapTo)
	}
	type open struct {
		id   uint64
		conn *connection // nil for an embryo
		slot uint32
	}
	var left []open
	for _, p := range a.table {
		if p&embryoPlace != 0 {
			slot := uint32(p &^ embryoPlace)
			left = append(left, open{a.embryos.slot(slot).packet, nil, slot})
			continue
		}
		for c := a.places[p]; c != nil; c = c.older {
			left = append(left, open{c.id, c, 0})
		}
	}
	slices.SortFunc(left, func(x, y open) int { return cmp.Compare(x.id, y.id) })
	for _, o := range left {
		if o.conn == nil {
			a.finishEmbryo(o.slot, a.clock, EndCaptureEnd)
		} else {
			a.finish(o.conn, a.clock, EndCaptureEnd)
		}
	}
	clear(a.table)
	a.places, a.freePlaces = nil, nil
}

// Result adds up what was emitted so far. After Close it is complete.
func (a *Analyzer) Result() *Result {
	return &Result{Summary: a.totals.summary(&a.floods), SynFloods: a.floods.records()}
}

// find gives the incarnation that a segment belongs to, a new one if there is none, and the newest then.
func (a *Analyzer) find(seg *flows.Segment, head *connection) (c, newest *connection) {
	if head == nil {
		c = a.begin(seg, nil)
		return c, c
	}
	if opens(seg) {
		for c := head; c != nil; c = c.older {
			if c.opensWith(seg) {
				return c, head
			}
		}
		c = a.begin(seg, head)
		return c, c
	}
	if seg.Flags.Has(flows.SYN|flows.ACK) && (head.over() || head.waits()) && head.foreignSynAck(seg) {
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
	c := &connection{}
	c.begin(seg, older)
	if older != nil {
		c.stale = older.onlySyns() && older.opener == sender(seg) || older.waits()
		c.beforeWaits = older.waits()
	}
	n := 1
	for o := c; o.older != nil; o = o.older {
		if n++; n > maxIncarnations {
			last := o.older
			o.older = nil
			a.finish(last, seg.Time, last.endReason(EndSuperseded))
			break
		}
	}
	a.put(c)
	return c
}

// take lets a connection have a segment, and draws the conclusions for the other incarnations of its 4-tuple.
func (a *Analyzer) take(c, head *connection, seg *flows.Segment) {
	c.heard = a.now()
	effect := c.segment(seg)
	if a.options.Trace != nil {
		a.options.Trace(c.id, seg, effect)
	}
	if head.older == nil || effect.Has(tcpstate.Foreign) {
		return
	}
	if c != head && c.older == nil && head.older == c && head.onlySyns() && c.open() && !seg.Flags.Has(flows.RST) && sender(seg) == head.opener {
		// The side whose SYN interrupted the connection goes on in it: the SYN was stale, or not its own (RFC 5961 §4).
		c.absorb(head)
		a.put(c)
		a.drop(head)
		return
	}
	if c != head && head.onlySyns() && sender(seg) != head.opener {
		head.challengedIn(c, seg)
	}
	if h := c.tcp.HalfOpen; c != head && h != nil && c.tcp.HalfOpenPacket == seg.Packet && head.challenged {
		h.By = tcpstate.AnsweredSyn // RFC 9293 §3.5.1, figure 9
		c.tcp.LostBy(1-h.Survivor, head.start, head.id)
	}
	answered := seg.Flags.Has(flows.SYN|flows.ACK) && !effect.Has(tcpstate.BadSynAck)
	completed := c.tcp.HandshakeAcked && c.tcp.HandshakeAckPacket == seg.Packet
	if !answered && !completed {
		return
	}
	// A listener that answers a SYN has nothing left of the connections before; one that sees the answer
	// acknowledged has nothing left of the other attempts.
	var keep *connection
	for o := head; o != nil; {
		next := o.older
		if o != c && (completed || !o.embryonic()) {
			if o.disowned() {
				o.stale = true
				c.interrupted = o.id
			}
			reason := o.endReason(EndSuperseded)
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
}

// finish emits a connection's record. The caller takes it out of the table.
func (a *Analyzer) finish(c *connection, at int64, by EndedBy) {
	if c.reported {
		a.drop(c)
		return
	}
	c.tcp.Settle(at)
	a.drop(c)
	c.fill(&a.record, &a.options, at, by)
	a.totals.add(&a.record)
	a.emit(&a.record)
}

// drop ends all accounts of a connection that leaves the table.
func (a *Analyzer) drop(c *connection) {
	a.forget(c)
	a.leave(c)
	a.uncount(c)
}
