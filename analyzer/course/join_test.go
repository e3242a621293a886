package course

import (
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// Every tracker must know the first segment, those that are the first of their kind, and the one that decides whether
// the clock jumped at the end of the stretch before. The clock at the beginning of a stretch is the one that a single
// tracker has there.
func TestJoin(t *testing.T) {
	const hour = 3600e9
	stretches := [][]flows.Segment{
		{{Time: 0, Flags: flows.SYN}, {Time: 1, Flags: flows.SYN | flows.ACK}, {Time: 2, Flags: flows.ACK},
			{Time: 2 * hour, Flags: flows.ACK}},
		{{Time: 3, Flags: flows.ACK}, {Time: 3 * hour, Flags: flows.ACK}},
		{{Time: 4 * hour, Flags: flows.ACK}, {Time: 5, Flags: flows.ACK}},
		{},
		{{Time: 6, Flags: flows.FIN | flows.ACK}},
	}
	var courses []*Course
	for i, list := range stretches {
		c := New(uint64(i), 0)
		for k := range list {
			c.Add(&list[k])
		}
		courses = append(courses, c)
	}
	w := Join(courses)
	want := []uint64{Place(0, 0), Place(0, 2), Place(1, 0), Place(2, 0)}
	for i, o := range w.Others {
		if i >= len(want) || o.Place != want[i] || o.Own {
			t.Fatalf("the others are %+v, want the places %d", w.Others, want)
		}
	}
	var clock Clock
	for i, list := range stretches {
		s := &w.Stretches[i]
		if s.Begin.Known != clock.Known || s.Begin.Now != clock.Now || (s.Begin.Jump == nil) != (clock.Jump == nil) ||
			s.Segments != uint64(len(list)) {
			t.Errorf("stretch %d begins with %+v, want %+v", i, s, clock)
		}
		for k := range list {
			clock.See(&list[k])
		}
	}
	if w.End != clock || len(w.Others) != len(want) {
		t.Errorf("at the end %+v and %d others, want %+v and %d", w.End, len(w.Others), clock, len(want))
	}
}

// Connections with the same sockets are separate if the clock has moved since by more than a connection can last.
func TestApart(t *testing.T) {
	w := Join([]*Course{
		stretch(0, 10, 30, 20), stretch(1, 31, 32), stretch(2, 40, 41),
	})
	for lasts, want := range map[int64]bool{1: true, 2: false, 3: false} {
		if got := w.Apart(0, 2, lasts); got != want {
			t.Errorf("connections that last for %d ns are apart: %v, want %v", lasts, got, want)
		}
	}
}

func stretch(number uint64, times ...int64) *Course {
	c := New(number, 0)
	for _, at := range times {
		c.Add(&flows.Segment{Time: at, Flags: flows.ACK})
	}
	return c
}
