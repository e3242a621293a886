package pipeline

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"sync"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
)

// blockSegments is the most segments of a block.
const blockSegments = 4096

// decoded is flows.Stats without the fields that cannot be packed.
type decoded struct {
	Stats     flowStats
	Decoded   []count
	Undecoded []count
}

type flowStats struct {
	Packets, Segments, Quotes, BadIPChecksums, Reassembled, LostDatagrams uint64
	CheckedTCPSegments, BadTCPChecksums, UnfinishedTCPChecksums           uint64
}

type count struct {
	Word string
	N    uint64
}

var packedBlock = pack.Of[[]course.Passage]()

// The inputs of readFn for a stretch: the stretch itself, and the connections that cross from it to others.
const (
	isStretch = iota
	isCrossing
)

func tagged(tag byte, b []byte) []byte { return append([]byte{tag}, b...) }

// readFn reads a stretch. It tracks the connections that lie in it, and emits their journal. It sends the segments of
// other connections to their parts in blocks: the key is the number of the part.
type readFn struct{ Config Config }

func (f *readFn) ProcessElement(ctx context.Context, number int64, told func(*[]byte) bool, joined []byte,
	emitBlock func(int64, []byte), emitJournal func([]byte)) error {
	var w whole
	if _, err := packedWhole.Read(joined, &w); err != nil {
		return err
	}
	s, cross, err := unpackInputs(told)
	if err != nil {
		return err
	}
	known := &w.Course.Stretches[number]
	var emitting sync.Mutex // a journal is written by a goroutine of its own
	d := divider{stretch: s.Number, clock: known.Begin, cross: cross, parts: make([]part, f.Config.Parts),
		emit: func(part int64, b []byte) {
			emitting.Lock()
			defer emitting.Unlock()
			emitBlock(part, b)
		},
		follow: func() *follower {
			return f.Config.follow(&w, s.Number, func(b []byte) {
				emitting.Lock()
				defer emitting.Unlock()
				emitJournal(b)
			})
		}}
	_, err = f.Config.readStretch(ctx, s, d.add)
	d.finish()
	if err != nil {
		return err
	}
	if d.segments != known.Segments {
		return fmt.Errorf("read %q again: %d segments, but %d the time before: a file has changed meanwhile",
			s.Files, d.segments, known.Segments)
	}
	return nil
}

// unpackInputs unpacks the inputs of readFn for a stretch.
func unpackInputs(next func(*[]byte) bool) (s *stretch, cross map[socketHash]bool, err error) {
	s, cross = &stretch{}, map[socketHash]bool{}
	var b []byte
	for next(&b) {
		if b[0] == isStretch {
			_, err = packedStretch.Read(b[1:], s)
		} else {
			var list []byte
			if list, err = chunkBytes(b[1:]); err == nil {
				err = unpackHashes(list, func(h socketHash) { cross[h] = true })
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return s, cross, nil
}

// stretchRead is the result of reading a stretch.
type stretchRead struct {
	packets uint64
	decoded decoded
}

// readStretch calls each with the segments of a stretch. They are valid until it returns.
func (c *Config) readStretch(ctx context.Context, s *stretch, each func(*flows.Segment)) (t stretchRead, err error) {
	r, err := c.open(ctx, s.Files...)
	if err != nil {
		return t, err
	}
	defer r.Close()
	decoder := c.decoder()
	packets := make([]capture.Packet, 256)
	var segments []flows.Segment
	var before flows.Stats // the counts of packets before the stretch
	latest, waiting := int64(math.MinInt64), s.Held
	hold := func(until int64) {
		for len(waiting) > 0 && waiting[0].At < until {
			segments = decoder.Decode(waiting[0].packet(), segments[:0])
			waiting = waiting[1:]
		}
	}
	for more := true; more; {
		n, err := r.Read(packets)
		if err == io.EOF {
			break
		}
		if err != nil {
			return t, err
		}
		for i := range packets[:n] {
			p := &packets[i]
			latest = max(latest, p.Time)
			if more = latest < s.To || s.To == later; !more {
				break
			}
			if latest < s.From {
				hold(latest)
				decoder.Decode(p, segments[:0])
				continue
			}
			if t.packets == 0 {
				hold(later)
				before = decoder.Stats()
			}
			p.Number += s.Before
			t.packets++
			segments = decoder.Decode(p, segments[:0])
			for k := range segments {
				each(&segments[k])
			}
		}
	}
	if err := r.failed(); err != nil {
		return t, err
	}
	if t.packets > 0 {
		t.decoded = decodedBetween(before, decoder.Stats())
	}
	return t, nil
}

// decodedBetween returns what was decoded between two moments. A datagram from before can be completed between them, so
// fewer are lost: a number can be below 0, and the sums are still right.
func decodedBetween(a, b flows.Stats) decoded {
	return decoded{
		flowStats{b.Packets - a.Packets, b.Segments - a.Segments, b.Quotes - a.Quotes,
			b.BadIPChecksums - a.BadIPChecksums,
			b.Reassembled - a.Reassembled, b.LostDatagrams - a.LostDatagrams,
			b.CheckedTCPSegments - a.CheckedTCPSegments,
			b.BadTCPChecksums - a.BadTCPChecksums, b.UnfinishedTCPChecksums - a.UnfinishedTCPChecksums},
		counts(a.Decoded, b.Decoded), counts(a.Undecoded, b.Undecoded),
	}
}

func counts(a, b map[string]uint64) (list []count) {
	for word, n := range b {
		list = append(list, count{word, n - a[word]})
	}
	for word, n := range a {
		if _, there := b[word]; !there {
			list = append(list, count{word, -n})
		}
	}
	return list
}

// addTo adds the counts of a stretch to s.
func (d *decoded) addTo(s *flows.Stats) {
	t := &d.Stats
	s.Packets += t.Packets
	s.Segments += t.Segments
	s.Quotes += t.Quotes
	s.BadIPChecksums += t.BadIPChecksums
	s.Reassembled += t.Reassembled
	s.LostDatagrams += t.LostDatagrams
	s.CheckedTCPSegments += t.CheckedTCPSegments
	s.BadTCPChecksums += t.BadTCPChecksums
	s.UnfinishedTCPChecksums += t.UnfinishedTCPChecksums
	for _, c := range d.Decoded {
		s.Decoded[c.Word] += c.N
	}
	for _, c := range d.Undecoded {
		s.Undecoded[c.Word] += c.N
	}
}

// stats returns the counts in package flows' form.
func (d *decoded) stats() flows.Stats {
	s := flows.Stats{Decoded: map[string]uint64{}, Undecoded: map[string]uint64{}}
	d.addTo(&s)
	none := func(_ string, n uint64) bool { return n == 0 }
	maps.DeleteFunc(s.Decoded, none)
	maps.DeleteFunc(s.Undecoded, none)
	return s
}

// divider divides the segments of a stretch among the parts, and follows the connections that lie within the stretch.
type divider struct {
	stretch, segments uint64
	clock             course.Clock
	cross             map[socketHash]bool
	parts             []part
	emit              func(int64, []byte)
	follow            func() *follower
	local             *follower // of the connections that lie in it; nil until there is one
}

type part struct {
	passages []course.Passage
	sent     uint64 // blocks
}

// within stands for the stretch itself: a connection that lies in it goes to no part.
const within = -1

// add adds the next segment of the stretch.
func (d *divider) add(seg *flows.Segment) {
	x := course.Passage{Place: course.Place(d.stretch, d.segments), Clock: d.clock, Segment: *seg}
	d.segments++
	d.clock.See(seg)
	mine := d.of(&seg.Key)
	if jump := x.Clock.Jump; jump != nil {
		if its := d.of(&jump.Key); its != mine { // that part must learn whether the jump is believed
			d.put(its, &x)
		}
	}
	x.Own = true
	d.put(mine, &x)
}

// of returns the part of a connection, or within.
func (d *divider) of(k *flows.Key) int {
	h := socketsOf(k)
	if !d.cross[h] {
		return within
	}
	return h.part(len(d.parts))
}

func (d *divider) put(i int, x *course.Passage) {
	if i == within {
		if d.local == nil {
			d.local = d.follow()
		}
		d.local.part.Pass(x)
		return
	}
	q := &d.parts[i]
	if q.passages = append(q.passages, *x); len(q.passages) == blockSegments {
		d.flush(i)
	}
}

func (d *divider) flush(i int) {
	q := &d.parts[i]
	if len(q.passages) == 0 {
		return
	}
	d.emit(int64(i), newChunk(source{of: d.stretch}, q.sent, packedBlock.Append(nil, &q.passages)))
	q.sent++
	q.passages = q.passages[:0]
}

// finish ends the stretch.
func (d *divider) finish() {
	for i := range d.parts {
		d.flush(i)
	}
	if d.local != nil {
		d.local.finish()
	}
}

// follower follows connections, and sends their journal on.
type follower struct {
	part    *analyzer.Part
	journal journal
	until   int64
}

// follow begins to follow connections whose journal has a number.
func (c *Config) follow(w *whole, number uint64, emit func([]byte)) *follower {
	f := &follower{journal: journal{from: number, emit: emit}, until: w.Until}
	f.part = analyzer.NewPart(c.tracking(), &w.Course, w.Cuts, f.journal.add)
	return f
}

// finish ends the capture.
func (f *follower) finish() {
	end := f.part.Close(f.until)
	f.journal.finish(&end)
}
