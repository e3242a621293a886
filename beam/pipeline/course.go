package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
)

// followed is the course of a stretch, with what else its first reading shows.
type followed struct {
	Course  course.Course
	Packets uint64
	Decoded decoded
}

// whole joins what is known about all stretches.
type whole struct {
	Course  course.Whole
	Decoded decoded
	Until   int64   // when the capture ends, or capture.NoTime
	Cuts    []int64 // the times of the clock that cut the journals into slices
}

var (
	packedFollowed = pack.Of[followed]()
	packedWhole    = pack.Of[whole]()
)

// courseFn reads a stretch for its course and its sockets. The key of sockets is that of their bucket.
type courseFn struct{ Config Config }

func (f *courseFn) ProcessElement(ctx context.Context, element []byte, emitCourse func([]byte),
	emitSockets func(int64, []byte)) error {
	var s stretch
	if _, err := packedStretch.Read(element, &s); err != nil {
		return err
	}
	c := followed{Course: *course.New(s.Number, s.From)}
	var all sockets
	r, err := f.Config.readStretch(ctx, &s, func(seg *flows.Segment) {
		c.Course.Add(seg)
		all.add(socketsOf(&seg.Key))
	})
	if err != nil {
		return err
	}
	c.Packets, c.Decoded = r.packets, r.decoded
	emitCourse(packedFollowed.Append(nil, &c))
	for bucket, list := range all.buckets() {
		emitSockets(int64(bucket), newChunk(source{of: s.Number}, 0, list.pack()))
	}
	return nil
}

// joinFn joins the courses of all stretches.
type joinFn struct{ Config Config }

func (f *joinFn) ProcessElement(_ context.Context, _ int64, courses func(*[]byte) bool, planned []byte,
	emit func([]byte)) error {
	var p plan
	if _, err := packedPlan.Read(planned, &p); err != nil {
		return err
	}
	var list []*course.Course
	var b []byte
	var packets uint64
	sum := flows.Stats{Decoded: map[string]uint64{}, Undecoded: map[string]uint64{}}
	for courses(&b) {
		if len(b) == 0 {
			continue // the seed, so that this step runs without any stretch
		}
		var c followed
		if _, err := packedFollowed.Read(b, &c); err != nil {
			return err
		}
		list = append(list, &c.Course)
		packets += c.Packets
		c.Decoded.addTo(&sum)
	}
	slices.SortFunc(list, func(a, b *course.Course) int { return cmp.Compare(a.Number, b.Number) })
	if uint64(len(list)) != p.Stretches || packets != p.Stats.Packets {
		return fmt.Errorf("read the files again: %d packets in %d stretches, but %d in %d the first time: "+
			"a file has changed meanwhile", packets, len(list), p.Stats.Packets, p.Stretches)
	}
	w := whole{Course: *course.Join(list), Decoded: decodedBetween(flows.Stats{}, sum), Until: p.Stats.Until}
	w.Cuts = cuts(&w.Course)
	emit(packedWhole.Append(nil, &w))
	return nil
}

// maxSlices is the most slices of a journal.
const maxSlices = 4096

// cuts returns the times that cut a journal into at most maxSlices slices: beginnings of stretches.
func cuts(w *course.Whole) (list []int64) {
	every := len(w.Stretches)/maxSlices + 1
	for i := every; i < len(w.Stretches); i += every {
		if k := w.Stretches[i].Begin; k.Known && (len(list) == 0 || list[len(list)-1] < k.Now) {
			list = append(list, k.Now)
		}
	}
	return list
}
