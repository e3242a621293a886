package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/pack"
)

// pagesBytes is how many bytes of a journal are sent at once, about.
const pagesBytes = 1 << 20

var (
	packedPages = pack.Of[[][]byte]()
	packedEnd   = pack.Of[analyzer.PartEnd]()
)

// trackFn follows the connections of a part. Of a part it gives chunks with pages of its
// journal, and last one with its end.
type trackFn struct{ Config Config }

func (f *trackFn) ProcessElement(_ context.Context, number int64, blocks func(*[]byte) bool, planned []byte,
	courses func(*[]byte) bool,
	emit func([]byte)) error {
	p, list, err := planAndCourses(planned, courses)
	if err != nil {
		return err
	}
	s, err := newSpool(blocks)
	if err != nil {
		return err
	}
	defer s.close()
	out := journal{part: uint64(number), emit: emit}
	t := analyzer.NewPart(f.Config.tracking(), out.add)
	for i := range list {
		c := &list[i]
		if err := t.Stretch(c.Number, &c.Course, passages(s.of(c.Number))); err != nil {
			t.Close()
			return err
		}
	}
	if p.Stats.Until != capture.NoTime {
		t.Advance(p.Stats.Until)
	}
	end := t.Close()
	out.flush()
	emit(newChunk(out.part, out.sent, packedEnd.Append([]byte{holdsEnd}, &end)))
	return nil
}

// allCourses gives the courses of all stretches in their order.
func allCourses(next func(*[]byte) bool, p *plan) ([]readStretch, error) {
	var list []readStretch
	var b []byte
	var packets uint64
	for next(&b) {
		var c readStretch
		if _, err := packedCourse.Read(b, &c); err != nil {
			return nil, err
		}
		list = append(list, c)
		packets += c.Packets
	}
	slices.SortFunc(list, func(a, b readStretch) int { return cmp.Compare(a.Number, b.Number) })
	if uint64(len(list)) != p.Stretches || packets != p.Stats.Packets {
		return nil, fmt.Errorf("%d packets in %d stretches were read, but the survey found %d in %d: a file has "+
			"changed meanwhile",
			packets, len(list), p.Stats.Packets, p.Stretches)
	}
	return list, nil
}

// planAndCourses is what every part begins with: the plan, and the courses of all its stretches.
func planAndCourses(planned []byte, courses func(*[]byte) bool) (p plan, list []readStretch, err error) {
	if _, err := packedPlan.Read(planned, &p); err != nil {
		return p, nil, err
	}
	list, err = allCourses(courses, &p)
	return p, list, err
}

// passages unpacks blocks.
func passages(blocks iter.Seq2[[]byte, error]) iter.Seq2[*course.Passage, error] {
	return func(yield func(*course.Passage, error) bool) {
		var list []course.Passage
		for b, err := range blocks {
			if err == nil {
				_, err = packedBlock.Read(b, &list)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range list {
				if !yield(&list[i], nil) {
					return
				}
			}
		}
	}
}

// journal sends the pages of a part's journal on.
type journal struct {
	part, sent uint64
	pages      [][]byte
	bytes      int
	emit       func([]byte)
}

func (j *journal) add(page []byte) {
	j.pages = append(j.pages, page)
	if j.bytes += len(page); j.bytes >= pagesBytes {
		j.flush()
	}
}

func (j *journal) flush() {
	if len(j.pages) > 0 {
		j.emit(newChunk(j.part, j.sent, packedPages.Append([]byte{holdsPages}, &j.pages)))
		j.sent++
		j.pages, j.bytes = j.pages[:0], 0
	}
}
