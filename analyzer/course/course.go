package course

import (
	"math"

	"github.com/tcplife/tcplife/flows"
)

// Far is a step ahead of the clock that one packet alone is not believed: a damaged time stamp would end every record.
const Far = int64(3600e9) // ns

// Clock is the capture's clock, as every tracker has it: a packet far ahead is not
// believed before the next one has come.
type Clock struct {
	Now  int64
	Jump *Jump // one packet lies far ahead; nil else
}

// Jump is a packet that is not believed yet.
type Jump struct {
	To  int64     // its time
	Key flows.Key // and its connection
}

// see moves the clock to the time of a segment, as analyzer.Analyzer does.
func (k *Clock) see(seg *flows.Segment) {
	switch {
	case seg.Time-k.Now <= Far:
		k.Jump = nil
		k.Now = max(k.Now, seg.Time)
	case k.Jump == nil:
		k.Jump = &Jump{seg.Time, seg.Key}
	default:
		k.Jump = nil
		k.Now = seg.Time
	}
}

// Passage is a segment that passes, and what an analyzer.Part must know to take it in without having seen those before.
type Passage struct {
	Place   uint64 // how many segments of the stretch came before
	Own     bool   // it is of a connection of the Part; of another one only the time, the key and the flags matter
	Watched bool   // it may be the first of its kind in the capture
	Timed   bool   // the clock before it is known,
	Clock   Clock  // and this is it
	Segment flows.Segment
}

// Course is what everybody must know of a stretch of a capture, who follows only some of its connections: which
// segments move the clock in a way that cannot be told from his own ones, and which may be the first of their kind. It
// is made without knowing what was before the stretch. Mostly it is a handful of segments.
//
// A capture is cut into stretches by time: all packets of a stretch come after those of the stretches before, where
// several files are read, and From is the latest time so far, or later, when the first packet of it comes.
type Course struct {
	From     int64
	Segments uint64
	Others   []Passage // segments that everybody must know of, by place; none is Own
	Settled  bool      // the clock is known since the last of Others that is not Watched,
	End      Clock     // and this is it at the end of the stretch

	latest, before int64 // while it is not settled: the latest time, and that of the segment before
	passed         Passed
}

// New begins a stretch from a time.
func New(from int64) *Course { return &Course{From: from, latest: math.MinInt64} }

// Add takes in the next segment of the stretch, and gives what a Part needs of it.
//
// Whatever the clock was before the stretch, it is known after two segments in a row of which the second is not earlier
// than the first, by no more than a jump later, and not earlier than anything before: both are believed, or both lie
// far ahead, and then the second confirms the first.
func (c *Course) Add(seg *flows.Segment) Passage {
	p := Passage{Place: c.Segments, Own: true, Timed: c.Settled, Clock: c.End, Segment: *seg}
	before := c.passed
	c.passed.Note(seg)
	p.Watched = c.passed != before
	if !c.Settled || p.Watched {
		o := Passage{Place: p.Place, Watched: p.Watched, Timed: p.Timed, Clock: p.Clock}
		o.Segment = flows.Segment{Packet: seg.Packet, Time: seg.Time, Key: seg.Key, FromB: seg.FromB, Flags: seg.Flags,
			Quote: seg.Quote}
		c.Others = append(c.Others, o)
	}
	if c.Settled {
		c.End.see(seg)
	} else {
		first := c.Segments == 0
		if !first && c.before <= seg.Time && seg.Time-c.before <= Far && seg.Time >= c.From && seg.Time >= c.latest {
			c.Settled, c.End = true, Clock{Now: seg.Time}
		}
		c.before, c.latest = seg.Time, max(c.latest, seg.Time)
	}
	c.Segments++
	return p
}
