package analyzer

import (
	"cmp"
	"errors"
	"math"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/offers"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
	"github.com/tcplife/tcplife/internal/spare"
	"github.com/tcplife/tcplife/ledger"
)

// accounts holds the sums over all connections. One goroutine adds to it, in the order of events. Several trackers that
// follow connections in parallel each keep a journal for it.
type accounts struct {
	emit   func(*record.Connection)
	tokens offers.Tokens
	totals ledger.Totals
	crowd  *crowd.Crowd
	twins  twins // for a tracker without a journal
	brief  record.Connection
	maker  *Analyzer // of whole records; nil without Options.Whole

	related related
}

func newAccounts(o *Options, emit func(*record.Connection)) *accounts {
	a := &accounts{emit: emit, totals: ledger.NewTotals(o.Ports), crowd: crowd.New(), related: newRelated()}
	a.brief.Findings = []record.Finding{}
	if o.FloodSyns {
		a.crowd.KeepSyns()
	}
	if o.Whole != nil {
		a.maker = newAnalyzer(*o, nil, &record.Connection{})
		a.maker.passed.Others = true // any ordinary connection has some
	}
	return a
}

// event is something that happens to one connection and matters beyond it. It has no pointers, so the garbage collector
// need not scan it.
type event struct {
	when    order
	attempt crowd.Attempt
	probe   crowd.Probe // its first segment; synAckUnasked: the SYN-ACK
	granted uint32      // synAcked: options of the first SYN-ACK, like probe.Options
	token   uint32      // mptcpOpens: of an end
	// listenerAccepted; recordEnds: when the server became ESTABLISHED, 0 for never
	acceptedAt int64
	askedAt    int64  // recordEnds: the client's first text, 0 for none
	servedAt   int64  // recordEnds: the server's first text or FIN, 0 for none
	heardAt    int64  // recordEnds: the server's last segment
	at         int64  // twinEnds: the end of the record; completionTakenBack: when it seemed to have left SYN_RCVD
	packet     uint64 // synAckUnasked, twinEnds; mptcpOpens: the connection's first packet
	// synAckRetransmitted, handshakeCompletes, completionTakenBack, attemptEnds: SYN-ACKs that no SYN asked for
	synAckRetransmissions int32
	clientPort            uint16 // synAckUnasked, twinEnds
	synAckTTL             uint8  // recordEnds: of the SYN-ACK, if another device than the server made it; else 0
	serverTTL             uint8  // recordEnds: of the server, if synAckTTL is set
	kind                  eventKind
	end                   crowd.End // attemptEnds, completionTakenBack, failureTakenBack, twinEnds
	firstRetransmission   bool      // synRetransmitted: for the first time
	retransmitted         bool      // synAcked, attemptEnds: the SYN was retransmitted before
	text                  bool      // listenerFellBack: the client had sent text
	answered              bool      // synRetransmitted: a SYN-ACK had come
	completed             bool      // synAckRetransmitted: the ACK had come; failureTakenBack: the capture shows how
	firstBack             bool      // listenerFellBack: for the first time
	held                  bool      // completionTakenBack: the listener had fallen back
	cut                   bool      // attemptEnds, completionTakenBack, twinEnds: the capture ended
	// recordEnds, handshakeCompletes, attemptEnds: only silence shows that the SYN-ACK was acknowledged
	silent bool
	reset  bool // segmentStrayed: an RST answered it
	model  bool // recordEnds: this record is the model for later twinEnds
}

// eventKind says what happened: a record ended, or something for the crowd's method of the same name. twinEnds is the
// end of an attempt whose record equals the model. briefEnds is the end of an ordinary connection without a whole
// record.
type eventKind uint8

const (
	nothingHappens eventKind = iota
	recordEnds
	briefEnds
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

// order is the place of an event among all events. It does not depend on which tracker follows the connection, nor on
// how many segments of other connections that tracker sees. It compares the capture's clock, then the turn, then the
// number of the segment or the id.
type order struct {
	clock int64
	turn  int64
	id    uint64
}

// The turns of events at one time of the clock. First come segments that waited long enough, then segments that moved
// the clock there or came at that time, then alarms, by the times for which they were set. At the end of the capture
// the rest follows, by id.
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

// take adds an event to the sums. If a record ends, it is record, or for briefEnds ended. The twins belong to the
// tracker that reports the event.
func (a *accounts) take(e *event, record *record.Connection, story *endedOrdinary, twins *twins) {
	if e.silent && a.crowd.Flooded(&e.attempt) {
		a.keepOpen(e, record)
	}
	switch e.kind {
	case nothingHappens:
	case recordEnds:
		if e.model {
			twins.setModel(record)
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
	case briefEnds:
		a.crowd.Open(&e.attempt, e.acceptedAt, e.askedAt, e.servedAt, e.heardAt)
		r := &a.brief
		story.brief(r, e)
		a.related.compareISNs(r)
		if e.synAckTTL > 0 {
			a.crowd.Proxied(&e.attempt, e.synAckTTL, e.serverTTL)
		}
		a.totals.List(r)
		r.Client.Options = nil // ended's
		if a.totals.SumFindings(r.Findings); a.maker.options.Whole(r) {
			r = explained(a.maker.whole(story), r)
		}
		a.emit(r)
		a.endAttempt(e)
	case twinEnds:
		a.endAttempt(e)
		if a.maker == nil {
			twin := twins.fill(e)
			a.related.explain(twin, e)
			a.totals.Add(twin)
			a.emit(twin)
			break
		}
		r := twins.outline(e)
		a.related.explain(r, e)
		if a.totals.SumFindings(r.Findings[1:]); a.maker.options.Whole(r) {
			r = explained(twins.fill(e), r)
		}
		a.emit(r)
	case timeWaitsEnd:
		a.totals.EndTimeWaits(record)
	case synSent:
		a.crowd.Syn(e.when.clock, &e.attempt, &e.probe)
	case synRetransmitted:
		a.crowd.SynRetransmitted(e.when.clock, &e.attempt, e.firstRetransmission, e.answered)
	case synAcked:
		a.crowd.SynAck(e.when.clock, &e.attempt, &e.probe, e.granted, e.retransmitted)
	case synAckRetransmitted:
		a.crowd.SynAckRetransmitted(e.when.clock, &e.attempt, int(e.synAckRetransmissions), e.completed)
	case handshakeCompletes:
		a.crowd.Complete(e.when.clock, &e.attempt, e.synAckRetransmissions > 0)
		a.crowd.Completed(&e.attempt, &e.probe)
		a.related.completed(e)
	case completionTakenBack:
		a.crowd.TakeBackCompletion(e.when.clock, &e.attempt, e.end, e.held, e.cut, int(e.synAckRetransmissions), e.at)
	case failureTakenBack:
		a.crowd.TakeBackFailure(&e.attempt, e.end, e.completed)
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

// explained adds to a record the findings that its brief record has gained.
func explained(r, brief *record.Connection) *record.Connection {
	r.Findings = append(r.Findings, brief.Findings[len(r.Findings):]...)
	return r
}

// endAttempt reports to the crowd how an attempt ended.
func (a *accounts) endAttempt(e *event) {
	a.crowd.End(e.when.clock, &e.attempt, e.end, e.cut, int(e.synAckRetransmissions), &e.probe, e.retransmitted)
}

// settleCookie withdraws the SYN_RCVD of a listener that kept no state for the attempt (RFC 4987 §3.6).
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

// explainOverflow adds a finding to a record if the listener's queue was full, so that the client had to wait or was
// refused.
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

// result returns the sums. from and to bound their population.
func (a *accounts) result(from, to record.Time, evicted, after uint64, passed *course.Passed) *record.Result {
	r := a.totals.Result(from, to)
	r.Evicted, r.AfterEviction, r.FlagsOnly = evicted, after, passed.FlagsOnly()
	a.crowd.AddTo(r)
	return r
}

// tell adds an event to the journal or, if there is none, to the accounts.
func (a *Analyzer) tell(kind eventKind, e *event) {
	to := a.next(kind)
	e.kind, e.when = to.kind, to.when
	*to = *e
	a.enter(to)
}

// next returns an event with the current time, at its final place. The caller fills it in, and then calls enter.
func (a *Analyzer) next(kind eventKind) *event {
	e := &a.event
	if a.journal != nil {
		e = a.journal.next(a.when.clock)
	}
	*e = event{}
	e.kind, e.when = kind, a.when
	return e
}

// enter adds the event that next returned.
func (a *Analyzer) enter(e *event) {
	if a.journal != nil {
		a.record = a.journal.enter(e.kind)
		return
	}
	e.when.clock = a.clock
	a.accounts.take(e, a.record, a.ended, &a.accounts.twins)
}

// journal holds the events that one of several trackers reports to the accounts.
type journal struct {
	page  *page
	full  chan *page
	free  spare.List[*page]
	cuts  []int64 // a page holds only events before the first of these times
	slice int     // how many cuts came before
}

// page is part of a journal.
type page struct {
	events      []event
	records     []record.Connection // of the events that have a record, in order
	filled      int                 // of the records
	ended       []endedOrdinary     // of briefEnds, in order; nil until the first
	endedFilled int                 // of ended
	slice       int                 // how many cuts of the journal come before it
	last        *work               // the work that ends with this page; nil on others
}

// The size of a page, and the number of pages. They let a tracker continue while the others, or the accounts, are
// behind. More pages would not stay in a processor's cache.
const (
	pageEvents   = 256
	pageRecords  = 32
	pageEnded    = 32
	journalPages = 8
)

func newJournal() *journal {
	j := &journal{full: make(chan *page, journalPages), free: spare.New(journalPages, func() *page {
		return &page{events: make([]event, 0, pageEvents), records: make([]record.Connection, pageRecords)}
	})}
	j.page = j.free.Take()
	return j
}

// next returns the place for an event at a time of the clock.
func (j *journal) next(clock int64) *event {
	j.reach(clock)
	return &j.page.events[:len(j.page.events)+1][len(j.page.events)]
}

// enter adds the event that next returned, and returns the place for the next record.
func (j *journal) enter(kind eventKind) *record.Connection {
	p := j.page
	p.events = p.events[:len(p.events)+1]
	switch {
	case kind.hasRecord():
		p.filled++
	case kind == briefEnds:
		p.endedFilled++
	}
	if len(p.events) == pageEvents || p.filled == pageRecords || p.endedFilled == pageEnded {
		j.turn(nil)
	}
	return &j.page.records[j.page.filled]
}

// reach begins the slice that a time belongs to, and returns the place for the next record.
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

// turn begins a new page, and returns the place for its first record. last is the work that ends with the old page, if
// any.
func (j *journal) turn(last *work) *record.Connection {
	p, next := j.page, j.free.Take()
	next.events, next.filled, next.endedFilled, next.slice = next.events[:0], 0, 0, j.slice
	if p.filled < pageRecords { // the next record may be filled although its end was not reported
		next.records[0], p.records[p.filled] = p.records[p.filled], next.records[0]
	}
	p.last, j.page = last, next
	j.full <- p // the reader may put it back at once
	return &next.records[0]
}

// nextEnded returns the place for the next ended connection.
func (p *page) nextEnded() *endedOrdinary {
	if p.ended == nil {
		p.ended = make([]endedOrdinary, pageEnded)
	}
	return &p.ended[p.endedFilled]
}

// hasRecord reports whether the event has a record.
func (k eventKind) hasRecord() bool { return k == recordEnds || k == timeWaitsEnd }

var (
	packedEvents  = pack.Of[[]event]()
	packedRecords = pack.Of[[]record.Connection]()
)

// pack returns a page as bytes.
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
		err = errors.New("unpack a page of a journal: bytes follow it")
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
		return errors.New("unpack a page of a journal: its events and records do not match")
	}
	return nil
}
