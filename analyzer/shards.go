package analyzer

import (
	"math"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
)

// Shards is an Analyzer that uses several processors. Its connections are divided among trackers by a hash of their
// sockets; each has a goroutine of its own, takes in the segments of its connections, and sees others pass where it
// would not know the time without them. What all connections add up to is added by one more goroutine in the order in
// which a single tracker would have come to it, so that it makes no difference how many there are.
type Shards struct {
	accounts *accounts
	shards   []*shard
	seeds    seeds
	taken    uint64 // segments so far
	passed   course.Passed
	used     spare.List[*work] // that can be filled again
	done     func([]flows.Segment)
	merged   chan struct{} // closed once all is added
	fault    atomic.Pointer[fault.Error]
}

// shard is a tracker among several.
type shard struct {
	tracker *Analyzer
	work    chan *work
}

// work is the next segments, or something else to be done, for every shard.
type work struct {
	list   []flows.Segment
	own    [][]owned // the segments of each shard's connections
	steady bool      // times do not go back, and no segment is the first of its kind
	before uint64    // how many segments came before those of the list
	do     func(*Analyzer)
}

// owned is a segment of a shard's own.
type owned struct {
	tag   uint32 // hash of the key
	place uint32 // in the list
}

// waitingWork is how many lists of segments may wait for a tracker, or be merged.
const waitingWork = 32

// NewShards makes a Shards of n trackers, or of a single one where trackers depend on each other: with limits (except
// with SplitMemory), with AtClose and with Trace. Another goroutine emits the records, in the order of New. It calls
// done with each list of segments, in order, after the records that these ended; then the list may be reused.
func NewShards(o Options, n int, emit func(*record.Connection), done func([]flows.Segment)) *Shards {
	o.setDefaults()
	if o.MaxConnections > 0 || o.MaxMemory > 0 && !o.SplitMemory || o.AtClose || o.Trace != nil {
		n = 1
	}
	o.MaxMemory /= uint64(max(n, 1))
	s := &Shards{accounts: newAccounts(&o, emit), done: done, merged: make(chan struct{}), seeds: newSeeds()}
	n = max(n, 1)
	s.used = spare.New(waitingWork, func() *work { return &work{own: make([][]owned, n)} })
	for range n {
		j := newJournal()
		a := newAnalyzer(o, nil, &j.page.records[0])
		a.journal, a.awakeLimit = j, o.awakeAmong(n)
		a.table.seeds = s.seeds
		s.shards = append(s.shards, &shard{tracker: a, work: make(chan *work, waitingWork)})
	}
	for i := range s.shards {
		go s.run(uint32(i))
	}
	go s.merge()
	return s
}

// Segments processes the next segments of the capture. They must not change until done is called with them.
func (s *Shards) Segments(list []flows.Segment) {
	w := s.used.Take()
	w.list, w.steady, w.before = list, true, s.taken
	s.taken += uint64(len(list))
	for i := range w.own {
		w.own[i] = w.own[i][:0]
	}
	latest := int64(math.MinInt64)
	for i := range list {
		seg, before := &list[i], s.passed
		s.passed.Note(seg)
		w.steady = w.steady && latest <= seg.Time && s.passed == before
		latest = seg.Time
		tag := s.seeds.hash(&seg.Key)
		own := &w.own[tag%uint32(len(w.own))]
		*own = append(*own, owned{tag, uint32(i)})
	}
	s.give(w)
}

// Advance moves the clock without a segment, like Analyzer.Advance.
func (s *Shards) Advance(now int64) { s.give(&work{do: func(a *Analyzer) { a.Advance(now) }}) }

// Close ends the capture: it emits every open record, by id, and returns when all are emitted.
func (s *Shards) Close() {
	s.give(&work{do: (*Analyzer).Close})
	s.Abandon()
	s.accounts.crowd.Finish(s.shards[0].tracker.clock)
}

// Abandon ends the goroutines like Close, without emitting the records that are still open. Records that have ended are
// emitted. Then there is no Result.
func (s *Shards) Abandon() {
	for i := range s.shards {
		close(s.shards[i].work)
	}
	<-s.merged
}

// Fault returns the first panic of a tracker, nil if there was none. After it no record is emitted, and there is no
// Result.
func (s *Shards) Fault() error {
	if f := s.fault.Load(); f != nil {
		return f
	}
	return nil
}

func (s *Shards) failed(f *fault.Error) { s.fault.CompareAndSwap(nil, f) }

// Result returns the totals of the emitted records. It must not be called before Close has returned.
func (s *Shards) Result() *record.Result {
	a := s.shards[0].tracker
	evicted, after, passed := uint64(0), uint64(0), a.passed
	for _, shard := range s.shards {
		evicted += shard.tracker.evicted
		after += shard.tracker.departed.after
		passed.Beyond = passed.Beyond || shard.tracker.passed.Beyond
	}
	return s.accounts.result(a.first(), record.Time(a.clock), evicted, after, &passed)
}

func (s *Shards) give(w *work) {
	for i := range s.shards {
		s.shards[i].work <- w
	}
}

// run is the goroutine of one shard. After a panic it only hands on what the others wait for.
func (s *Shards) run(i uint32) {
	a := s.shards[i].tracker
	whole := true
	for w := range s.shards[i].work {
		whole = whole && s.work(a, w, i)
		a.record = a.journal.turn(w)
	}
	close(a.journal.full)
}

// work does one thing that is to be done. It reports false after a panic.
func (s *Shards) work(a *Analyzer, w *work, i uint32) (whole bool) {
	packet := uint64(0)
	defer fault.Catch(&packet, s.failed)
	if w.do != nil {
		w.do(a)
	} else if len(w.list) > 0 {
		a.share(w, w.own[i], &packet)
	}
	return true
}

// share takes in a shard's own segments. The packet at hand is put into packet. Those of others need not be seen if all
// that they do is to move the clock, step by step.
func (a *Analyzer) share(w *work, own []owned, packet *uint64) {
	a.table.foresee(own)
	last := w.list[len(w.list)-1].Time
	alone := w.steady && a.begun && !a.jumping && last-a.clock <= course.Far
	next := uint32(0)
	for _, o := range own {
		for ; next < o.place && !alone; next++ {
			a.pass(w, next, false)
		}
		*packet = w.list[o.place].Packet
		a.pass(w, o.place, true)
		a.accept(&w.list[o.place], o.tag)
		next = o.place + 1
	}
	for ; int(next) < len(w.list) && !alone; next++ {
		a.pass(w, next, false)
	}
	if alone {
		a.expire(last)
	}
}

// pass sees a segment pass.
func (a *Analyzer) pass(w *work, place uint32, own bool) {
	seg := &w.list[place]
	a.advance(seg.Time, &seg.Key)
	a.when = order{a.clock, turnOfSegment, w.before + uint64(place)}
	a.watch(seg, own)
}

// merge tells the accounts what is in the journals, in the order of its moments.
func (s *Shards) merge() {
	defer close(s.merged)
	readers := make([]journalReader, len(s.shards))
	for i := range readers {
		readers[i].journal = s.shards[i].tracker.journal
	}
	for {
		for i := range readers {
			if !readers[i].begin() {
				return
			}
		}
		s.enter(readers)
		finished := readers[0].page.last
		for i := range readers {
			readers[i].journal.free.Put(readers[i].page)
		}
		if finished.do == nil {
			s.done(finished.list)
			s.used.Put(finished)
		}
	}
}

// enter tells the accounts what is in the journals about one list, unless there was a panic.
func (s *Shards) enter(readers []journalReader) {
	packet := uint64(0)
	func() {
		defer fault.Catch(&packet, s.failed)
		if s.fault.Load() == nil {
			s.accounts.takeAll(readers)
		}
	}()
	for i := range readers {
		for readers[i].there() {
			readers[i].events = len(readers[i].page.events)
		}
	}
}

// takeAll enters what is left of a list, in the order of its moments.
func (a *accounts) takeAll(readers []journalReader) {
	for {
		var first *journalReader
		for i := range readers {
			if r := &readers[i]; r.there() && (first == nil || r.event().when.compare(&first.event().when) < 0) {
				first = r
			}
		}
		if first == nil {
			return
		}
		e, record := first.next()
		a.take(e, record, &first.twins)
	}
}

// journalReader reads a journal up to the last page of a list of segments.
type journalReader struct {
	journal *journal
	page    *page
	events  int // read of the page
	records int
	twins   twins
}

// begin waits for the first page about the next list. It reports false when there is none, and never will be.
func (r *journalReader) begin() bool {
	page, open := <-r.journal.full
	r.page, r.events, r.records = page, 0, 0
	return open
}

// there reports whether there is another event of the list. It may have to wait for it.
func (r *journalReader) there() bool {
	for r.events == len(r.page.events) {
		if r.page.last != nil {
			return false
		}
		r.journal.free.Put(r.page)
		r.begin()
	}
	return true
}

// event is the next one.
func (r *journalReader) event() *event { return &r.page.events[r.events] }

// next passes over the next event, and gives it with the record that it is about, if it is about one.
func (r *journalReader) next() (*event, *record.Connection) {
	e := r.event()
	r.events++
	if !e.kind.hasRecord() {
		return e, nil
	}
	r.records++
	return e, &r.page.records[r.records-1]
}
