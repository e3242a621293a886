package course

import (
	"math"

	"github.com/tcplife/tcplife/flows"
)

// Passage is a segment with what an analyzer.Part must know to process it without the segments before it.
type Passage struct {
	Place   uint64 // in the order of all segments (Place)
	Own     bool   // its connection is the Part's; otherwise only its time, key and flags matter
	Watched bool   // it may be the first of its kind in the capture
	Clock   Clock  // before the segment, if it is known
	Segment flows.Segment
}

// Place returns the place of the nth segment of a stretch in the order of all segments.
func Place(stretch, n uint64) uint64 { return stretch<<placeBits + n }

const placeBits = 40 // a stretch has fewer than a trillion segments

// Course is what every tracker must know about a stretch of a capture: how it moves the clock, and which of its
// segments may be the first of their kind. It does not depend on earlier stretches, and usually has few segments. Join
// joins the courses of all stretches. A capture is cut into stretches by time. In the merged order of its files, all
// packets of a stretch come after those of the stretches before, and From is at least the latest time of these.
type Course struct {
	Number   uint64 // of the stretch, from 0
	From     int64
	Segments uint64
	Latest   int64     // the latest time of a segment, confirmed or not; NoTime's value without segments
	Others   []Passage // segments that every tracker must know, by place; none is Own
	Settled  bool      // the clock is known after the last of Others that is not Watched,
	End      Clock     // and this is the clock at the end of the stretch

	before int64 // while it is not settled: the time of the segment before
	passed Passed
}

// New begins the course of a stretch from a time.
func New(number uint64, from int64) *Course {
	return &Course{Number: number, From: from, Latest: math.MinInt64}
}

// Add processes the next segment of the stretch.
//
// Whatever the clock was before the stretch, two segments in a row make it known if the second is not earlier than any
// segment before, and at most Far later than the first: either neither lies far ahead, or the second confirms the
// first.
func (c *Course) Add(seg *flows.Segment) {
	before := c.passed
	c.passed.Note(seg)
	if watched := c.passed != before; !c.Settled || watched {
		c.Others = append(c.Others, other(Place(c.Number, c.Segments), seg, watched, c.End))
	}
	if c.Settled {
		c.End.See(seg)
	} else {
		first := c.Segments == 0
		if !first && c.before <= seg.Time && seg.Time-c.before <= Far && seg.Time >= c.From && seg.Time >= c.Latest {
			c.Settled, c.End = true, Clock{Known: true, Now: seg.Time}
		}
		c.before = seg.Time
	}
	c.Latest = max(c.Latest, seg.Time)
	c.Segments++
}

// other returns what trackers of other connections must know about a segment.
func other(place uint64, seg *flows.Segment, watched bool, clock Clock) Passage {
	return Passage{Place: place, Watched: watched, Clock: clock, Segment: flows.Segment{Packet: seg.Packet,
		Time: seg.Time, Key: seg.Key, FromB: seg.FromB, Flags: seg.Flags, Quote: seg.Quote}}
}

// Whole is what a tracker of only some connections must know about the whole capture.
type Whole struct {
	Stretches []Stretch
	// Others are the segments that every tracker must know, by place: the first one, those that are the first of their
	// kind, and the first of a stretch that decides whether the clock has jumped before it.
	Others []Passage
	End    Clock
}

// Stretch is what is known about a stretch after Join.
type Stretch struct {
	Begin    Clock
	Segments uint64
	Latest   int64 // the latest time of a segment, confirmed or not, until the end of the stretch
}

// Join joins the courses of all stretches, which are in order.
func Join(courses []*Course) *Whole {
	w := &Whole{Stretches: make([]Stretch, 0, len(courses))}
	var passed Passed
	latest := int64(math.MinInt64)
	for _, c := range courses {
		latest = max(latest, c.Latest)
		w.Stretches = append(w.Stretches, Stretch{w.End, c.Segments, latest})
		for i := range c.Others {
			o := c.Others[i]
			if !o.Clock.Known {
				o.Clock = w.End
			}
			before := passed
			passed.Note(&o.Segment)
			o.Watched = passed != before
			decides := o.Place == Place(c.Number, 0) && o.Clock.Jump != nil
			if !o.Clock.Known || o.Watched || decides {
				w.Others = append(w.Others, o)
			}
			w.End = o.Clock
			w.End.See(&o.Segment)
		}
		if c.Settled {
			w.End = c.End
		}
	}
	return w
}

// Apart reports whether no connection can have segments in two stretches, the earlier one first, if a connection ends
// at most this long after its last segment.
func (w *Whole) Apart(first, second uint64, lasts int64) bool {
	return w.Stretches[second].Begin.Now-lasts > w.Stretches[first].Latest
}
