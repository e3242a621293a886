package analyzer

import (
	"cmp"
	"errors"
	"math"

	"github.com/tcplife/tcplife/analyzer/course"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/offers"
	"github.com/tcplife/tcplife/analyzer/ledger"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
	"github.com/tcplife/tcplife/internal/spare"
)

// accounts is what all connections add up to. It is kept in the order of what happens, by one alone; the connections
// themselves can be followed by several side by side, each of which keeps a journal for it.
type accounts struct {
	emit   func(*record.Connection)
	tokens offers.Tokens
	totals ledger.Totals
	crowd  *crowd.Crowd
	twins  twins // of the one who tells without a journal

	related related
}

func newAccounts(o *Options, emit func(*record.Connection)) *accounts {
	a := &accounts{emit: emit, totals: ledger.NewTotals(o.Ports), crowd: crowd.New(), related: newRelated()}
	if o.FloodSyns {
		a.crowd.KeepSyns()
	}
	return a
}

// event is what happens to one connection and matters beyond it. There is no pointer in it that the
// collector would have to follow.
type event struct {
	when    order
	attempt crowd.Attempt
	probe   crowd.Probe // its first segment

	synAck crowd.Probe // synAcked: the first SYN-ACK
	// listenerAccepted; recordEnds: when the server came to be ESTABLISHED, 0 for never
	acceptedAt int64
	askedAt    int64  // recordEnds: the client's first text, 0 for none
	servedAt   int64  // recordEnds: the server's first text or FIN, 0 for none
	heardAt    int64  // recordEnds: the server's last segment
	synAckTTL  uint8  // recordEnds: of the SYN-ACK, if another device than the server made it; else 0
	serverTTL  uint8  // recordEnds: of the server then
	at         int64  // twinEnds: the end of the record; completionTakenBack: when it seemed to have left SYN_RCVD
	token      uint32 // mptcpOpens: of an end
	// synAckRetransmitted, handshakeCompletes, completionTakenBack, attemptEnds: SYN-ACKs that no SYN asked for
	synAckRetransmissions int32
	kind                  eventKind
	end                   crowd.End // attemptEnds, completionTakenBack, failureTakenBack, twinEnds
	firstRetransmission   bool      // synRetransmitted: for the first time
	retransmitted         bool      // synAcked, attemptEnds: the SYN was sent again before
	text                  bool      // listenerFellBack: the client had sent text
	answered              bool      // synRetransmitted: a SYN-ACK had come
	completed             bool      // synAckRetransmitted: the ACK had come
	firstBack             bool      // listenerFellBack: for the first time
	held                  bool      // completionTakenBack: since it fell back
	cut                   bool      // attemptEnds, completionTakenBack, twinEnds: with the capture
	// recordEnds, handshakeCompletes, attemptEnds: nothing but silence says that the SYN-ACK was acknowledged
	silent     bool
	reset      bool   // segmentStrayed: an RST answered it
	model      bool   // recordEnds: those that twinEnds tells of are like this one
	clientPort uint16 // synAckUnasked, twinEnds
	packet     uint64 // synAckUnasked, twinEnds; mptcpOpens: the first of the connection
}

// eventKind says which it is: the end of a record, or what the method of the crowd that has its name is told. twinEnds
// is the end of an attempt and of its record, which is like that of a model.
type eventKind uint8

const (
	nothingHappens eventKind = iota
	recordEnds
	twinEnds
	timeWaitsEnd
	synSent
	synRetransmitted
	synAcked
	synAckRetransmitted
	handshakeCompletes
	completionTakenBack
	failureTakenBack
	completionUnseen
	listenerFellBack
	listenerResumed
	listenerAccepted
	attemptEnds
	segmentStrayed
	synAckUnasked
	ackPassed
	mptcpOpens
)

// order is a place in the order of what happens. It is the same whoever follows the connection, and however
// much of the others' segments he sees: by the capture's clock, then as the constants say, then by the
// place among all segments or the id.
type order struct {
	clock int64
	turn  int64
	id    uint64
}

// The turns of what happens while the clock shows one time: segments that waited long enough; those that moved
// the clock there, and came while it stood there; alarms, by the times for which they were set; at the end of
// the capture, by id, what is left.
const (
	turnOfWaiting = math.MinInt64
	turnOfSegment = math.MinInt64 + 1
	turnOfRest    = never
)

func (m *order) compare(o *order) int {
	switch {
	case m.clock != o.clock:
		return cmp.Compare(m.clock, o.clock)
	case m.turn != o.turn:
		return cmp.Compare(m.turn, o.turn)
	}
	return cmp.Compare(m.id, o.id)
}

// take enters an event. The record is the one that ends, if one does; the twins are those of who tells it.
func (a *accounts) take(e *event, record *record.Connection, twins *twins) {
	if e.silent && a.crowd.Flooded(&e.attempt) {
		a.keepOpen(e, record)
	}
	switch e.kind {
	case nothingHappens:
	case recordEnds:
		if e.model {
			twins.follow(record)
		}
		a.settleCookie(record)
		a.crowd.Open(&e.attempt, e.acceptedAt, e.askedAt, e.servedAt, e.heardAt)
		a.explainOverflow(record, &e.attempt)
		a.related.explain(record, e)
		a.related.compareISNs(record)
		if e.synAckTTL > 0 {
			a.crowd.Proxied(&e.attempt, e.synAckTTL, e.serverTTL)
		}
		a.tokens.Join(record.Handshake.MPTCP)
		a.totals.Add(record)
		a.emit(record)
	case twinEnds:
		a.endAttempt(e)
		twin := twins.fill(e)
		a.related.explain(twin, e)
		a.totals.Add(twin)
		a.emit(twin)
	case timeWaitsEnd:
		a.totals.EndTimeWaits(record)
	case synSent:
		a.crowd.Syn(e.when.clock, &e.attempt, &e.probe)
	case synRetransmitted:
		a.crowd.SynRetransmitted(e.when.clock, &e.attempt, e.firstRetransmission, e.answered)
	case synAcked:
		a.crowd.SynAck(e.when.clock, &e.attempt, &e.probe, &e.synAck, e.retransmitted)
	case synAckRetransmitted:
		a.crowd.SynAckRetransmitted(e.when.clock, &e.attempt, int(e.synAckRetransmissions), e.completed)
	case handshakeCompletes:
		a.crowd.Complete(e.when.clock, &e.attempt, e.synAckRetransmissions > 0)
		a.crowd.Completed(&e.attempt, &e.probe)
		a.related.completed(e)
	case completionTakenBack:
		a.crowd.TakeBackCompletion(e.when.clock, &e.attempt, e.end, e.held, e.cut, int(e.synAckRetransmissions), e.at)
	case failureTakenBack:
		a.crowd.TakeBackFailure(&e.attempt, e.end)
	case completionUnseen:
		a.crowd.Uncounted(&e.attempt)
	case listenerFellBack:
		a.crowd.FellBack(e.when.clock, &e.attempt, e.firstBack, e.text)
	case listenerResumed:
		a.crowd.Resumed(e.when.clock, &e.attempt)
	case listenerAccepted:
		a.crowd.Accepted(&e.attempt, e.acceptedAt)
	case attemptEnds:
		a.endAttempt(e)
	case segmentStrayed:
		a.crowd.Stray(e.when.clock, &e.attempt, &e.probe, e.reset)
	case synAckUnasked:
		a.related.synAckUnasked(e)
	case mptcpOpens:
		a.tokens.Add(e.token, e.packet)
	case ackPassed:
		a.crowd.AckPassed()
	}
}

// endAttempt tells the crowd what became of an attempt.
func (a *accounts) endAttempt(e *event) {
	a.crowd.End(e.when.clock, &e.attempt, e.end, e.cut, int(e.synAckRetransmissions), &e.probe, e.retransmitted)
}

// settleCookie takes back the SYN_RCVD of a listener that kept nothing of the attempt (RFC 4987 §3.6).
func (a *accounts) settleCookie(r *record.Connection) {
	s := &r.Server
	if r.Handshake.Outcome != record.OutcomeEmbryonic || len(s.States) != 1 || s.States[0].State != tcpstate.SynRcvd ||
		s.Syns > r.Client.Syns {
		return
	}
	if a.crowd.SentCookie(flows.Addr(s.IP.As16()), s.Port, int64(r.Handshake.SynAckAt)) {
		s.States, s.State = s.States[:0], record.StateOrNone{}
	}
}

// explainOverflow adds to a record that a full queue of the listener let its client wait, or refused it.
func (a *accounts) explainOverflow(r *record.Connection, attempt *crowd.Attempt) {
	h := &r.Handshake
	since, packet := h.SynAt, h.SynPacket
	switch {
	case attempt.SynAt == 0:
		return
	case r.Found(record.FindingAckNotAccepted), r.Found(record.FindingAckReset):
		since, packet = h.SynAckAt, h.SynAckPacket
	case !r.Found(record.FindingSynRetransmitted):
		return
	}
	var detail string
	switch a.crowd.Overflowed(attempt, int64(since)) {
	case crowd.NoQueue:
		return
	case crowd.SynQueue:
		detail = ": it held as many attempts as ever in its SYN queue"
	case crowd.AcceptQueue:
		detail = ": connections waited in its accept queue for the program"
	}
	b := append([]byte("server: "), record.FindingBacklogOverflow.Kind().Meaning...)
	b = appendPackets(append(b, detail...), []uint64{uint64(packet)}, 1)
	insertFinding(r, record.FindingBacklogOverflow, record.Server, uint64(packet), string(b))
}

// result is what they add up to between two times of the capture.
func (a *accounts) result(from, to record.Time, evicted, after uint64, passed *course.Passed) *record.Result {
	r := a.totals.Result(from, to)
	r.Evicted, r.AfterEviction, r.FlagsOnly = evicted, after, passed.FlagsOnly()
	a.crowd.AddTo(r)
	return r
}

// tell has an event entered in the accounts.
func (a *Analyzer) tell(kind eventKind, e *event) {
	e.kind, e.when = kind, a.when
	if a.journal == nil {
		e.when.clock = a.clock
		a.accounts.take(e, a.record, &a.accounts.twins)
		return
	}
	a.record = a.journal.enter(e)
}

// journal is what the accounts are to be told by one of several trackers.
type journal struct {
	page  *page
	full  chan *page
	free  spare.List[*page]
	cuts  []int64 // a page has events of the clock before the first of these only
	slice int     // how many cuts there were
}

// page is a part of a journal.
type page struct {
	events  []event
	records []record.Connection // what the events are about that are about one, in their order
	filled  int                 // of the records
	slice   int                 // how many cuts of the journal are before it
	last    *work               // what this is the last page about; nil on others
}

// How much is on a page, and how many pages there are: a tracker goes on while the others, or the accounts, are behind.
const (
	pageEvents   = 256
	pageRecords  = 32
	journalPages = 24
)

func newJournal() *journal {
	j := &journal{full: make(chan *page, journalPages), free: spare.New(journalPages, func() *page {
		return &page{events: make([]event, 0, pageEvents), records: make([]record.Connection, pageRecords)}
	})}
	j.page = j.free.Take()
	return j
}

// enter adds an event, and gives the room for the next record.
func (j *journal) enter(e *event) *record.Connection {
	j.reach(e.when.clock)
	p := j.page
	p.events = append(p.events, *e)
	if e.kind.hasRecord() {
		p.filled++
	}
	if len(p.events) == pageEvents || p.filled == pageRecords {
		j.turn(nil)
	}
	return &j.page.records[j.page.filled]
}

// reach begins the slice of a time of the clock, and gives the room for the next record.
func (j *journal) reach(clock int64) *record.Connection {
	for len(j.cuts) > 0 && clock >= j.cuts[0] {
		if len(j.page.events) > 0 {
			j.turn(nil)
		}
		j.cuts, j.slice = j.cuts[1:], j.slice+1
		j.page.slice = j.slice
	}
	return &j.page.records[j.page.filled]
}

// turn begins a new page, and gives the room for its first record. The old one may be the last about something.
func (j *journal) turn(last *work) *record.Connection {
	p, next := j.page, j.free.Take()
	next.events, next.filled, next.slice = next.events[:0], 0, j.slice
	if p.filled < pageRecords { // the next record may have been filled, but its end not been told
		next.records[0], p.records[p.filled] = p.records[p.filled], next.records[0]
	}
	p.last, j.page = last, next
	j.full <- p // who reads it may put it back at once
	return &next.records[0]
}

// hasRecord reports that the event is about a record, and not only about an attempt.
func (k eventKind) hasRecord() bool { return k == recordEnds || k == timeWaitsEnd }

var (
	packedEvents  = pack.Of[[]event]()
	packedRecords = pack.Of[[]record.Connection]()
)

// pack gives a page as bytes.
func (p *page) pack() []byte {
	records := p.records[:p.filled]
	return packedRecords.Append(packedEvents.Append(nil, &p.events), &records)
}

// unpack reads a page.
func (p *page) unpack(b []byte) error {
	b, err := packedEvents.Read(b, &p.events)
	if err != nil {
		return err
	}
	b, err = packedRecords.Read(b, &p.records)
	if err == nil && len(b) > 0 {
		err = errors.New("unpack a page of a journal: there are bytes behind it")
	}
	if err != nil {
		return err
	}
	p.filled = 0
	for i := range p.events {
		if p.events[i].kind.hasRecord() {
			p.filled++
		}
	}
	if p.filled != len(p.records) {
		return errors.New("unpack a page of a journal: the records are not those of its events")
	}
	return nil
}
