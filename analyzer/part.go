package analyzer

import (
	"errors"
	"iter"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/pack"
	"github.com/tcplife/tcplife/internal/spare"
)

// Part follows a part of a capture's connections, for programs that divide them among machines as Shards does among
// processors. It is told of the segments of its own connections, and of others what Course says. What goes beyond one connection it
// writes into a journal; Merge reads the journals of all parts, and emits the records. They are those of one Analyzer, to the
// byte. A Part has no limits of memory, and no Trace.
type Part struct {
	tracker *Analyzer
	written chan struct{} // closed once all of the journal is
}

// PartEnd is what a Part knows at its end of the capture as a whole. It is for Merge, and can be packed.
type PartEnd struct {
	first, last record.Time
	passed      passed
}

// stretchPlaces is how many segments a stretch can have.
const stretchPlaces = 1 << 40

// NewPart makes a Part. It calls write with each page of its journal, in their order, by another goroutine; a page belongs to write.
func NewPart(o Options, write func(page []byte)) *Part {
	o.setDefaults()
	o.MaxConnections, o.MaxMemory, o.AtClose, o.Trace = 0, 0, false, nil
	j := newJournal()
	p := &Part{tracker: newAnalyzer(o, nil, &j.page.records[0]), written: make(chan struct{})}
	p.tracker.journal = j
	go func() {
		defer close(p.written)
		for page := range j.full {
			if len(page.events) > 0 {
				write(page.pack())
			}
			j.free.Put(page)
		}
	}()
	return p
}

// Stretch takes in the next stretch of the capture: its number, from 0 on, its course, and the passages of the part's own
// segments, by place, together with those that others have for it.
func (p *Part) Stretch(number uint64, c *Course, own iter.Seq2[*Passage, error]) error {
	next, stop := iter.Pull2(own)
	defer stop()
	others := c.Others
	for {
		o, err, there := next()
		if err != nil {
			return err
		}
		for len(others) > 0 && (!there || others[0].Place < o.Place) {
			p.pass(number, &others[0])
			others = others[1:]
		}
		if !there {
			break
		}
		if len(others) > 0 && others[0].Place == o.Place {
			others = others[1:]
		}
		p.pass(number, o)
	}
	if c.Settled {
		p.tracker.set(&c.End)
	}
	return nil
}

func (p *Part) pass(stretch uint64, x *Passage) {
	a := p.tracker
	if x.Timed {
		a.set(&x.Clock)
	}
	a.advance(x.Segment.Time, &x.Segment.Key)
	a.when = order{a.clock, turnOfSegment, stretch*stretchPlaces + x.Place}
	if x.Watched {
		a.watch(&x.Segment, x.Own)
	}
	if x.Own {
		a.accept(&x.Segment, a.table.seeds.hash(&x.Segment.Key))
	}
}

// set brings the clock to what it is by now.
func (a *Analyzer) set(k *Clock) {
	a.leaping = a.leaping && k.Leaps // of another's leap it is not told what became of it
	a.Advance(k.Now)
	if k.Leaps && !a.leaping {
		a.leaping, a.leapTo, a.leaper = true, k.LeapTo, k.Leaper
	}
}

// Advance lets time pass without a segment, as that of an Analyzer does.
func (p *Part) Advance(now int64) { p.tracker.Advance(now) }

// Close ends the capture.
func (p *Part) Close() PartEnd {
	a := p.tracker
	a.Close()
	a.journal.turn(nil)
	close(a.journal.full)
	<-p.written
	return PartEnd{a.first(), record.Time(a.clock), a.passed}
}

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

// Merge adds up what the parts of a capture have written into their journals, calls emit with each record as New says, and gives
// the result. Options are those of the parts.
func Merge(o Options, journals []iter.Seq2[[]byte, error], ends []PartEnd, emit func(*record.Connection)) (*record.Result, error) {
	o.setDefaults()
	a := newAccounts(&o, emit)
	readers := make([]journalReader, len(journals))
	failed := make([]error, len(journals))
	for i := range readers {
		readers[i].journal = &journal{full: make(chan *page, mergedPages), free: spare.New(mergedPages, func() *page { return &page{} })}
		go func() { failed[i] = readers[i].journal.replay(journals[i]) }()
	}
	for i := range readers {
		readers[i].begin()
	}
	a.takeAll(readers)
	first, last, all := record.NoTime, record.Time(0), passed{}
	for i := range ends {
		e := &ends[i]
		first, last = e.first, e.last // all know the same
		all, all.beyond = e.passed, all.beyond || e.passed.beyond
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	a.crowd.Finish(int64(last))
	return a.result(first, last, 0, &all), nil
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
