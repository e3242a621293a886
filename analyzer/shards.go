package analyzer

import (
	"container/heap"
	"errors"
	"iter"
	"math"
	"sync/atomic"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/ledger"
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
		own := &w.own[tag%uint32(len(w.own))] // the upper bits choose a bucket
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
	for i := range s.shards {
		if sums := s.shards[i].tracker.sums; sums != nil {
			s.accounts.totals.Merge(sums)
		}
	}
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
	last := w.list[len(w.list)-1].Time
	alone := w.steady && a.begun && !a.jumping && last-a.clock <= course.Far
	next := uint32(0)
	for i, o := range own {
		if i%foreseen == 0 {
			a.table.foresee(own[i:min(i+foreseen, len(own))])
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
		e, record, story := first.next()
		a.take(e, record, story, &first.twins)
	}
}

// journalReader reads a journal up to the last page of a list of segments.
type journalReader struct {
	journal *journal
	page    *page
	events  int // read of the page
	records int
	stories int
	twins   twins
}

// begin waits for the first page about the next list. It reports false when there is none, and never will be.
func (r *journalReader) begin() bool {
	page, open := <-r.journal.full
	r.page, r.events, r.records, r.stories = page, 0, 0, 0
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

// next passes over the next event, and gives it with the record or the story that it is about, if it is about one.
func (r *journalReader) next() (*event, *record.Connection, *story) {
	e := r.event()
	r.events++
	switch {
	case e.kind.hasRecord():
		r.records++
		return e, &r.page.records[r.records-1], nil
	case e.kind == briefEnds:
		r.stories++
		return e, nil, &r.page.stories[r.stories-1]
	}
	return e, nil, nil
}

// Part follows a part of a capture's connections, for programs that divide them among machines as Shards does among
// processors. It gets the segments of its own connections, and of others what course.Whole says. It writes events that
// concern several connections into a journal; Merger reads the journals of all parts, and emits the records. They are
// those of one Analyzer, to the byte. A Part has no limits of memory, and no Trace.
type Part struct {
	tracker  *Analyzer
	others   []course.Passage // that have not passed
	end      course.Clock
	written  chan struct{} // closed once all of the journal is
	panicked *fault.Error  // of write
}

// PartEnd is what a Part knows at its end of the capture as a whole. It is for Merger, and can be packed.
type PartEnd struct {
	first, last record.Time
	passed      course.Passed
}

// NewPart makes a Part. It calls write with each page of its journal, in their order, by another goroutine; a page
// belongs to write. The cuts are times of the capture's clock, in order. They cut the journal into slices, so that
// Merger needs only a slice of each at once: a page is of one slice.
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

// write is the goroutine that writes the journal. After a panic it writes no more, and Close panics.
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

// Lasts is how long after its last segment a connection is followed at most, in ns of the capture's clock. What comes
// later with the same sockets is another connection, and does not depend on it.
func (o Options) Lasts() int64 {
	o.setDefaults()
	return max(2*int64(o.MSL), int64(o.EmbryonicLimit), int64(o.IdleLimit), closingLimit) + overtaking
}

// Pass takes in the next segment of the part's own, or one of another part's of which its reader says that it decides
// about a jump of the clock. They come by place.
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

// set brings the clock to what it is by now.
func (a *Analyzer) set(k *course.Clock) {
	a.jumping = a.jumping && k.Jump != nil // of another's jump it is not told what became of it
	a.Advance(k.Now)
	if k.Jump != nil && !a.jumping {
		a.jumping, a.jumpTo, a.jumpKey = true, k.Jump.To, k.Jump.Key
	}
}

// Close ends the capture at a time, as Advance and Close of an Analyzer do, or with its last segment if that is later.
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

// Merger adds up what the parts of a capture have written into their journals, as one Analyzer would.
type Merger struct {
	accounts *accounts
	last     PartEnd
}

// NewMerger makes a Merger. It calls emit with each record as New says. Options are those of the parts.
func NewMerger(o Options, emit func(*record.Connection)) *Merger {
	o.setDefaults()
	return &Merger{accounts: newAccounts(&o, emit), last: PartEnd{first: record.NoTime}}
}

// Slice adds up the next slice of all journals: the pages that each has of it.
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
		if readers[i].begin(); readers[i].there() {
			next = append(next, &readers[i])
		}
	}
	heap.Init(&next)
	for len(next) > 0 {
		e, record, story := next[0].next()
		m.accounts.take(e, record, story, &next[0].twins)
		if next[0].there() {
			heap.Fix(&next, 0)
		} else {
			heap.Pop(&next)
		}
	}
	for i := range readers {
		for range readers[i].journal.full { // replay has returned once it is closed
		}
	}
	return errors.Join(failed...)
}

// End is told how each part ended.
func (m *Merger) End(e PartEnd) {
	e.passed.Beyond = e.passed.Beyond || m.last.passed.Beyond
	m.last = e // all know the same otherwise
}

// Result is what all parts add up to.
func (m *Merger) Result() *record.Result {
	m.accounts.crowd.Finish(int64(m.last.last))
	return m.accounts.result(m.last.first, m.last.last, 0, 0, &m.last.passed)
}

// journalHeap are the readers of the journals that have events left, as a heap: the first one has the next event.
type journalHeap []*journalReader

func (h *journalHeap) Len() int { return len(*h) }

func (h *journalHeap) Less(i, j int) bool {
	return (*h)[i].event().when.compare(&(*h)[j].event().when) < 0
}

func (h *journalHeap) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is not needed: no journal begins later.
func (h *journalHeap) Push(any) {}

func (h *journalHeap) Pop() (last any) {
	*h = (*h)[:len(*h)-1]
	return nil
}

// mergedPages is how many pages of a journal are read ahead.
const mergedPages = 2

// replay puts the pages of a journal where its reader finds them, and an empty one behind, also where it fails. A panic
// is an error of the journal.
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
