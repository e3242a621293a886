package pipeline

import (
	"context"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/internal/pack"
)

// pagesBytes is about the number of bytes of a journal that are sent at once.
const pagesBytes = 1 << 20

var (
	packedPages = pack.Of[[][]byte]()
	packedEnd   = pack.Of[analyzer.PartEnd]()
)

// trackFn follows the connections of a part, and emits their journal.
type trackFn struct{ Config Config }

func (f *trackFn) ProcessElement(_ context.Context, number int64, blocks func(*[]byte) bool, joined []byte,
	emit func([]byte)) error {
	var w whole
	if _, err := packedWhole.Read(joined, &w); err != nil {
		return err
	}
	s, err := newSpool(blocks)
	if err != nil {
		return err
	}
	defer s.close()
	t := f.Config.follow(&w, uint64(len(w.Course.Stretches))+uint64(number), emit) // behind those of stretches
	defer t.finish()
	var list []course.Passage
	for _, stretch := range s.all() {
		for b, err := range s.of(stretch) {
			if err == nil {
				_, err = packedBlock.Read(b, &list)
			}
			if err != nil {
				return err
			}
			for i := range list {
				t.part.Pass(&list[i])
			}
		}
	}
	return nil
}

// journal sends the pages of a journal on, as chunks of their slice. The last chunk, of the slice ends, is what the
// part knows at its end.
type journal struct {
	from, slice, sent uint64
	pages             [][]byte
	bytes             int
	emit              func([]byte)
}

// ends is no slice: its chunks are PartEnds.
const ends = ^uint64(0)

func (j *journal) add(slice int, page []byte) {
	if uint64(slice) != j.slice {
		j.flush()
		j.slice, j.sent = uint64(slice), 0
	}
	j.pages = append(j.pages, page)
	if j.bytes += len(page); j.bytes >= pagesBytes {
		j.flush()
	}
}

func (j *journal) flush() {
	if len(j.pages) > 0 {
		j.emit(newChunk(source{j.slice, j.from}, j.sent, packedPages.Append(nil, &j.pages)))
		j.sent++
		j.pages, j.bytes = j.pages[:0], 0
	}
}

func (j *journal) finish(end *analyzer.PartEnd) {
	j.flush()
	j.emit(newChunk(source{ends, j.from}, 0, packedEnd.Append(nil, end)))
}
