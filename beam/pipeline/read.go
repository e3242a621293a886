package pipeline

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
)

// blockSegments is how many segments of a part a block has at most.
const blockSegments = 4096

// readStretch is the course of a stretch, and what else is known of it once it was read.
type readStretch struct {
	Number  uint64
	Course  course.Course
	Packets uint64
	Decoded decoded
}

// decoded are flows.Stats without what cannot be packed.
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

var (
	packedCourse = pack.Of[readStretch]()
	packedBlock  = pack.Of[[]course.Passage]()
)

// readFn reads a stretch. Its blocks go to the parts by number: the key is that of the part.
type readFn struct{ Config Config }

func (f *readFn) ProcessElement(
	ctx context.Context, element []byte, emitBlock func(int64, []byte), emitCourse func([]byte),
) error {
	var s stretch
	if _, err := packedStretch.Read(element, &s); err != nil {
		return err
	}
	r, err := f.Config.open(ctx, s.Files...)
	if err != nil {
		return err
	}
	defer r.Close()
	decoder := f.Config.decoder()
	c := readStretch{Number: s.Number, Course: *course.New(s.From)}
	blocks := blocks{stretch: s.Number, parts: make([]part, f.Config.Parts), emit: emitBlock}
	packets := make([]capture.Packet, 256)
	var segments []flows.Segment
	var before flows.Stats // what was decoded of others' packets
	latest := int64(math.MinInt64)
	hold := func(until int64) {
		for len(s.Held) > 0 && s.Held[0].At < until {
			segments = decoder.Decode(s.Held[0].packet(), segments[:0])
			s.Held = s.Held[1:]
		}
	}
	for more := true; more; {
		n, err := r.Read(packets)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
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
			if c.Packets == 0 {
				hold(later)
				before = decoder.Stats()
			}
			p.Number += s.Before
			c.Packets++
			segments = decoder.Decode(p, segments[:0])
			for k := range segments {
				blocks.add(c.Course.Add(&segments[k]))
			}
		}
	}
	if err := r.failed(); err != nil {
		return err
	}
	for i := range blocks.parts {
		blocks.flush(i)
	}
	if c.Packets > 0 {
		c.Decoded = decodedBetween(before, decoder.Stats())
	}
	emitCourse(packedCourse.Append(nil, &c))
	return nil
}

// decodedBetween is what was decoded between two moments. Where a datagram from before is completed what was lost then
// is less: so numbers can be below 0, and still add up.
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

// decodedStats puts what was decoded of all stretches together.
func decodedStats(list []readStretch) flows.Stats {
	s := flows.Stats{Decoded: map[string]uint64{}, Undecoded: map[string]uint64{}}
	for i := range list {
		d := &list[i].Decoded
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
	none := func(_ string, n uint64) bool { return n == 0 }
	maps.DeleteFunc(s.Decoded, none)
	maps.DeleteFunc(s.Undecoded, none)
	return s
}

// blocks divides the segments of a stretch among the parts.
type blocks struct {
	stretch uint64
	parts   []part
	emit    func(int64, []byte)
}

type part struct {
	passages []course.Passage
	sent     uint64 // blocks
}

func (b *blocks) add(p course.Passage) {
	mine := b.of(&p.Segment.Key)
	if k := p.Clock.Jump; k != nil {
		if its := b.of(&k.Key); its != mine { // it must learn whether it is believed
			o := p
			o.Own = false
			b.put(its, o)
		}
	}
	b.put(mine, p)
}

// of is the part of a connection.
func (b *blocks) of(k *flows.Key) int {
	var text [45]byte
	copy(text[:], k.A[:])
	copy(text[16:], k.B[:])
	binary.LittleEndian.PutUint16(text[32:], k.APort)
	binary.LittleEndian.PutUint16(text[34:], k.BPort)
	binary.LittleEndian.PutUint64(text[36:], k.Domain)
	if k.V6 {
		text[44] = 1
	}
	return int(xxhash.Sum64(text[:]) % uint64(len(b.parts)))
}

func (b *blocks) put(i int, p course.Passage) {
	q := &b.parts[i]
	if q.passages = append(q.passages, p); len(q.passages) == blockSegments {
		b.flush(i)
	}
}

func (b *blocks) flush(i int) {
	q := &b.parts[i]
	if len(q.passages) == 0 {
		return
	}
	b.emit(int64(i), newChunk(b.stretch, q.sent, packedBlock.Append(nil, &q.passages)))
	q.sent++
	q.passages = q.passages[:0]
}
