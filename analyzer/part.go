package analyzer

import (
	"errors"
	"iter"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/spare"
)

// Part follows a part of a capture's connections, for programs that divide them among machines as Shards does among
// processors. It is told of the segments of its own connections, and of others what course.Whole says. What goes beyond
// one connection it writes into a journal; Merger reads the journals of all parts, and emits the records. They are
// those of one Analyzer, to the byte. A Part has no limits of memory, and no Trace.
type Part struct {
	tracker *Analyzer
	others  []course.Passage // that have not passed
	end     course.Clock
	written chan struct{} // closed once all of the journal is
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
	o.MaxConnections, o.MaxMemory, o.AtClose, o.Trace = 0, 0, false, nil
	j := newJournal()
	j.cuts = cuts
	p := &Part{tracker: newAnalyzer(o, nil, &j.page.records[0]), others: w.Others, end: w.End,
		written: make(chan struct{})}
	p.tracker.journal = j
	go func() {
		defer close(p.written)
		for page := range j.full {
			if len(page.events) > 0 {
				write(page.slice, page.pack())
			}
			j.free.Put(page)
		}
	}()
	return p
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
		readers[i].begin()
		next.push(&readers[i])
	}
	for len(next) > 0 {
		e, record := next[0].next()
		m.accounts.take(e, record, &next[0].twins)
		next.settle()
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

func (h *journalHeap) push(r *journalReader) {
	if !r.there() {
		return
	}
	*h = append(*h, r)
	for i := len(*h) - 1; i > 0 && (*h).before(i, (i-1)/2); i = (i - 1) / 2 {
		(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
	}
}

func (h journalHeap) before(i, j int) bool { return h[i].event().when.compare(&h[j].event().when) < 0 }

// settle puts the first one where it belongs after an event was taken from it.
func (h *journalHeap) settle() {
	list := *h
	if !list[0].there() {
		list[0] = list[len(list)-1]
		list = list[:len(list)-1]
		*h = list
	}
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(list); child++ {
			if list.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		list[i], list[least] = list[least], list[i]
		i = least
	}
}

// mergedPages is how many pages of a journal are read ahead.
const mergedPages = 2

// replay puts the pages of a journal where its reader finds them, and an empty one behind, also where it fails.
func (j *journal) replay(pages iter.Seq2[[]byte, error]) error {
	var failed error
	for b, err := range pages {
		p := j.free.Take()
		if err == nil {
			err = p.unpack(b)
		}
		if err != nil {
			failed = err
			j.free.Put(p)
			break
		}
		p.last = nil
		j.full <- p
	}
	p := j.free.Take()
	p.events, p.records, p.last = p.events[:0], nil, &work{}
	j.full <- p
	return failed
}
