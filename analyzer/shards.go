package analyzer

import (
	"container/heap"
	"errors"
	"iter"
	"math"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/spare"
	"github.com/tcplife/tcplife/ledger"
)

// Shards is an Analyzer that uses several processors. A hash of its sockets assigns each connection to a tracker, which
// has a goroutine of its own. A tracker processes the segments of its connections, and sees others only where they
// matter for its clock. One more goroutine adds up all connections in the order of a single tracker, so the number of
// trackers makes no difference.
type Shards struct {
	accounts *accounts
	shards   []*shard
	seeds    seeds
	taken    uint64 // segments so far
	passed   course.Passed
	used     spare.List[*work] // to be filled again
	done     func([]flows.Segment)
	merged   chan struct{} // closed once all is added up
	fault    atomic.Pointer[fault.Error]
}

// shard is one of several trackers.
type shard struct {
	tracker *Analyzer
	work    chan *work
}

// work is the next thing to do for every shard: process segments, or call a function.
type work struct {
	list   []flows.Segment
	own    [][]owned // the segments of each shard's connections
	steady bool      // times do not go back, and no segment is the first of its kind
	before uint64    // how many segments came before the list
	do     func(*Analyzer)
}

// owned is a segment of a connection that the shard tracks.
type owned struct {
	tag   uint32 // hash of the key
	place uint32 // in the list
}

// waitingWork is the most lists of segments that wait for a tracker, or are merged.
const waitingWork = 32

// NewShards makes a Shards of n trackers. With limits (except with SplitMemory), AtClose or Trace, trackers would
// depend on each other, so there is only one. Another goroutine emits the records, in the order of New. After the
// records that a list of segments ended it calls done with the list, which may then be reused.
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
		if o.Whole != nil {
			sums := ledger.NewSums()
			a.sums = &sums
		}
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
		seg := &list[i]
		if w.steady = w.steady && latest <= seg.Time; !s.passed.ACKs {
			before := s.passed
			s.passed.Note(seg)
			w.steady = w.steady && s.passed == before
		}
		latest = seg.Time
		tag := s.seeds.hash(&seg.Key)
		own := &w.own[tag%uint32(len(w.own))] // table uses the upper bits
		*own = append(*own, owned{tag, uint32(i)})
	}
	s.give(w)
}

// Advance moves the clock without a segment, like Analyzer.Advance.
func (s *Shards) Advance(now int64) { s.give(&work{do: func(a *Analyzer) { a.Advance(now) }}) }

// Close ends the capture: it emits every open record, in the order of ids, and returns when all are emitted.
func (s *Shards) Close() {
	s.give(&work{do: (*Analyzer).Close})
	s.Abandon()
	for i := range s.shards {
		if sums := s.shards[i].tracker.sums; sums != nil {
			s.accounts.totals.Merge(sums)
		}
	}
	s.accounts.crowd.Finish(s.shards[0].tracker.clock)
}

// Abandon ends the goroutines like Close, but emits only the records that have ended. There is no Result afterwards.
func (s *Shards) Abandon() {
	for i := range s.shards {
		close(s.shards[i].work)
	}
	<-s.merged
}

// Fault returns the first panic of a tracker, nil if there was none. After a panic no record is emitted, and there is
// no Result.
func (s *Shards) Fault() error {
	if f := s.fault.Load(); f != nil {
		return f
	}
	return nil
}

func (s *Shards) setFault(f *fault.Error) { s.fault.CompareAndSwap(nil, f) }

// Result returns the totals of the emitted records. It must not be called before Close has returned.
func (s *Shards) Result() *record.Result {
	a := s.shards[0].tracker
	evicted, after, passed := uint64(0), uint64(0), a.passed
	for _, shard := range s.shards {
		evicted += shard.tracker.evicted
		after += shard.tracker.evictions.skipped
		passed.Beyond = passed.Beyond || shard.tracker.passed.Beyond
	}
	return s.accounts.result(a.first(), record.Time(a.clock), evicted, after, &passed)
}

func (s *Shards) give(w *work) {
	for i := range s.shards {
		s.shards[i].work <- w
	}
}

// run is the goroutine of one shard. After a panic it only passes on the work that merge waits for.
func (s *Shards) run(i uint32) {
	a := s.shards[i].tracker
	whole := true
	for w := range s.shards[i].work {
		whole = whole && s.work(a, w, i)
		a.record = a.journal.turn(w)
	}
	close(a.journal.full)
}

// work does w. It returns false after a panic.
func (s *Shards) work(a *Analyzer, w *work, i uint32) (whole bool) {
	packet := uint64(0)
	defer fault.Catch(&packet, s.setFault)
	if w.do != nil {
		w.do(a)
	} else if len(w.list) > 0 {
		a.share(w, w.own[i], &packet)
	}
	return true
}

// share processes a shard's own segments, and stores the number of each packet in packet. It skips the segments of
// others if these only move the clock, in small steps.
func (a *Analyzer) share(w *work, own []owned, packet *uint64) {
	last := w.list[len(w.list)-1].Time
	alone := w.steady && a.begun && !a.jumping && last-a.clock <= course.Far
	next := uint32(0)
	for i, o := range own {
		if i%prefetchedSegments == 0 {
			a.table.prefetch(own[i:min(i+prefetchedSegments, len(own))])
		}
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

// pass moves the clock to a segment, and records its kind.
func (a *Analyzer) pass(w *work, place uint32, own bool) {
	seg := &w.list[place]
	a.advance(seg.Time, &seg.Key)
	a.when = order{a.clock, turnOfSegment, w.before + uint64(place)}
	a.watch(seg, own)
}

// merge passes the events of all journals to the accounts, in their order.
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
		s.addList(readers)
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

// addList passes the events of one list of segments to the accounts, unless there was a panic.
func (s *Shards) addList(readers []journalReader) {
	packet := uint64(0)
	func() {
		defer fault.Catch(&packet, s.setFault)
		if s.fault.Load() == nil {
			s.accounts.takeAll(readers)
		}
	}()
	for i := range readers {
		for readers[i].hasNext() {
			readers[i].events = len(readers[i].page.events)
		}
	}
}

// takeAll takes the remaining events of a list, in their order.
func (a *accounts) takeAll(readers []journalReader) {
	for {
		var first *journalReader
		for i := range readers {
			if r := &readers[i]; r.hasNext() && (first == nil || r.peek().when.compare(&first.peek().when) < 0) {
				first = r
			}
		}
		if first == nil {
			return
		}
		e, record, story := first.next()
		a.take(e, record, story, &first.twins)
	}
}

// journalReader reads a journal up to the last page of a list of segments.
type journalReader struct {
	journal *journal
	page    *page
	events  int // how many of the page were read
	records int
	ended   int
	twins   twins
}

// begin waits for the first page of the next list. It returns false at the end of the journal.
func (r *journalReader) begin() bool {
	page, open := <-r.journal.full
	r.page, r.events, r.records, r.ended = page, 0, 0, 0
	return open
}

// hasNext reports whether the list has another event. It may wait for a page.
func (r *journalReader) hasNext() bool {
	for r.events == len(r.page.events) {
		if r.page.last != nil {
			return false
		}
		r.journal.free.Put(r.page)
		r.begin()
	}
	return true
}

// peek returns the next event.
func (r *journalReader) peek() *event { return &r.page.events[r.events] }

// next returns the next event, with its record or its ended ordinary connection, and moves past it.
func (r *journalReader) next() (*event, *record.Connection, *endedOrdinary) {
	e := r.peek()
	r.events++
	switch {
	case e.kind.hasRecord():
		r.records++
		return e, &r.page.records[r.records-1], nil
	case e.kind == briefEnds:
		r.ended++
		return e, nil, &r.page.ended[r.ended-1]
	}
	return e, nil, nil
}

// Part follows a part of a capture's connections, for programs that divide them among machines as Shards does among
// processors. It gets the segments of its own connections, and those of others that course.Whole lists. It writes a
// journal of events. Merger reads the journals of all parts, and emits the records, which equal those of one Analyzer
// to the byte. A Part has no limits on memory, and no Trace.
type Part struct {
	tracker  *Analyzer
	others   []course.Passage // those that have not passed
	end      course.Clock
	written  chan struct{} // closed once all of the journal is written
	panicked *fault.Error  // of write
}

// PartEnd is what a Part knows about the whole capture at its end. It is for Merger, and can be packed.
type PartEnd struct {
	first, last record.Time
	passed      course.Passed
}

// NewPart makes a Part. Another goroutine calls write with each page of the journal, in order; write may keep the page.
// The cuts are times of the capture's clock, in order. They cut the journal into slices, so that Merger needs only one
// slice of each journal at once. A page is of one slice.
func NewPart(o Options, w *course.Whole, cuts []int64, write func(slice int, page []byte)) *Part {
	o.setDefaults()
	o.MaxConnections, o.MaxMemory, o.AtClose, o.Trace, o.Whole = 0, 0, false, nil, nil
	j := newJournal()
	j.cuts = cuts
	p := &Part{tracker: newAnalyzer(o, nil, &j.page.records[0]), others: w.Others, end: w.End,
		written: make(chan struct{})}
	p.tracker.journal = j
	go p.write(write)
	return p
}

// write is the goroutine that writes the journal. After a panic it stops writing, and Close panics.
func (p *Part) write(to func(slice int, page []byte)) {
	defer close(p.written)
	journal := p.tracker.journal
	for page := range journal.full {
		func() {
			defer fault.Keep(&p.panicked)
			if len(page.events) > 0 && p.panicked == nil {
				to(page.slice, page.pack())
			}
		}()
		journal.free.Put(page)
	}
}

// Lasts returns how long after its last segment a connection is followed at most, in ns of the capture's clock. Later
// segments of its sockets are another connection, which does not depend on it.
func (o Options) Lasts() int64 {
	o.setDefaults()
	return max(2*int64(o.MSL), int64(o.EmbryonicLimit), int64(o.IdleLimit), closingLimit) + longestWait
}

// Pass processes the next segment of the part's own, or one of another part that decides about a jump of the clock,
// according to its reader. They come by place.
func (p *Part) Pass(x *course.Passage) {
	for len(p.others) > 0 && p.others[0].Place < x.Place {
		p.pass(&p.others[0], p.others[0].Watched)
		p.others = p.others[1:]
	}
	watched := false
	if len(p.others) > 0 && p.others[0].Place == x.Place {
		watched = p.others[0].Watched
		p.others = p.others[1:]
	}
	p.pass(x, watched)
}

func (p *Part) pass(x *course.Passage, watched bool) {
	a := p.tracker
	if x.Clock.Known {
		a.set(&x.Clock)
	}
	a.advance(x.Segment.Time, &x.Segment.Key)
	a.when = order{a.clock, turnOfSegment, x.Place}
	if watched {
		a.watch(&x.Segment, x.Own)
	}
	if x.Own {
		a.accept(&x.Segment, a.table.seeds.hash(&x.Segment.Key))
	}
}

// set sets the clock to k.
func (a *Analyzer) set(k *course.Clock) {
	a.jumping = a.jumping && k.Jump != nil // another part's jump may have ended unseen
	a.Advance(k.Now)
	if k.Jump != nil && !a.jumping {
		a.jumping, a.jumpTo, a.jumpKey = true, k.Jump.To, k.Jump.Key
	}
}

// Close ends the capture like Advance(until) and Close of an Analyzer, or with its last segment if that is later.
func (p *Part) Close(until int64) PartEnd {
	a := p.tracker
	for i := range p.others {
		p.pass(&p.others[i], p.others[i].Watched)
	}
	a.set(&p.end)
	if until > a.clock {
		a.Advance(until)
	}
	a.Close()
	a.journal.turn(nil)
	close(a.journal.full)
	<-p.written
	p.panicked.Again()
	return PartEnd{a.first(), record.Time(a.clock), a.passed}
}

// Merger adds up the journals of the parts of a capture, as one Analyzer would.
type Merger struct {
	accounts *accounts
	last     PartEnd
}

// NewMerger makes a Merger, which calls emit like an Analyzer (see New). The Options must be those of the parts.
func NewMerger(o Options, emit func(*record.Connection)) *Merger {
	o.setDefaults()
	return &Merger{accounts: newAccounts(&o, emit), last: PartEnd{first: record.NoTime}}
}

// Slice adds up the next slice of all journals, given the pages of each.
func (m *Merger) Slice(journals []iter.Seq2[[]byte, error]) error {
	readers := make([]journalReader, len(journals))
	failed := make([]error, len(journals))
	for i := range readers {
		readers[i].journal = &journal{full: make(chan *page, mergedPages),
			free: spare.New(mergedPages, func() *page { return &page{} })}
		go func() {
			failed[i] = readers[i].journal.replay(journals[i])
			close(readers[i].journal.full)
		}()
	}
	var next journalHeap
	for i := range readers {
		if readers[i].begin(); readers[i].hasNext() {
			next = append(next, &readers[i])
		}
	}
	heap.Init(&next)
	for len(next) > 0 {
		e, record, story := next[0].next()
		m.accounts.take(e, record, story, &next[0].twins)
		if next[0].hasNext() {
			heap.Fix(&next, 0)
		} else {
			heap.Pop(&next)
		}
	}
	for i := range readers {
		for range readers[i].journal.full { // once it is closed, replay has returned
		}
	}
	return errors.Join(failed...)
}

// End records how a part ended.
func (m *Merger) End(e PartEnd) {
	e.passed.Beyond = e.passed.Beyond || m.last.passed.Beyond
	m.last = e // the rest is the same in all parts
}

// Result returns the totals of all parts.
func (m *Merger) Result() *record.Result {
	m.accounts.crowd.Finish(int64(m.last.last))
	return m.accounts.result(m.last.first, m.last.last, 0, 0, &m.last.passed)
}

// journalHeap is a heap of the readers that have events left: the first one has the next event.
type journalHeap []*journalReader

func (h *journalHeap) Len() int { return len(*h) }

func (h *journalHeap) Less(i, j int) bool {
	return (*h)[i].peek().when.compare(&(*h)[j].peek().when) < 0
}

func (h *journalHeap) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is not needed: no journal begins later.
func (h *journalHeap) Push(any) {}

func (h *journalHeap) Pop() (last any) {
	*h = (*h)[:len(*h)-1]
	return nil
}

// mergedPages is the most pages of a journal that are read ahead.
const mergedPages = 2

// replay passes the pages of a journal to its reader, and an empty one at the end, also after a failure. A panic is an
// error of the journal.
func (j *journal) replay(pages iter.Seq2[[]byte, error]) (failed error) {
	defer func() {
		p := j.free.Take()
		p.events, p.records, p.last = p.events[:0], nil, &work{}
		j.full <- p
	}()
	defer fault.Catch(new(uint64), func(f *fault.Error) { failed = f })
	for b, err := range pages {
		if err != nil {
			return err
		}
		p := j.free.Take()
		if err := p.unpack(b); err != nil {
			j.free.Put(p)
			return err
		}
		p.last = nil
		j.full <- p
	}
	return nil
}
