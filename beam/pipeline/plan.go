package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/pack"
)

// plan is made from the surveys of all files.
type plan struct {
	Stats     stats
	Stretches uint64
}

// stretch is a stretch of time whose packets one worker reads: those at or after From and before To, with all files
// read as one. A packet comes at its time, or at the latest time that an earlier packet of its file had.
type stretch struct {
	Number   uint64
	From, To int64
	Files    []string // that have packets in it
	Before   uint64   // how many packets the files have that end before it
	Held     []held   // their fragments that may still wait for others, in the order of arrival
}

// heldFor is the greatest age of a fragment that can matter to a stretch: twice as long as flows.Decoder waits, because
// times sometimes go back.
const heldFor = int64(120e9) // ns

var (
	packedPlan    = pack.Of[plan]()
	packedStretch = pack.Of[stretch]()
)

// planFn divides the work among the workers.
type planFn struct{ Config Config }

func (f *planFn) ProcessElement(_ context.Context, _ int64, surveys func(*[]byte) bool, emitPlan,
	emitStretch func([]byte)) error {
	var files []surveyed
	var b []byte
	for surveys(&b) {
		var s surveyed
		if _, err := packedSurvey.Read(b, &s); err != nil {
			return err
		}
		files = append(files, s)
	}
	t := total(files)
	read := func(d capture.Damage) bool { return !d.Unread }
	if len(t.Damage) == len(files) && !slices.ContainsFunc(t.Damage, read) {
		return fmt.Errorf("open capture %q: %s", t.Damage[0].File, t.Damage[0].Expected)
	}
	stretches := cut(files, f.Config.Stretch)
	emitPlan(packedPlan.Append(nil, &plan{t, uint64(len(stretches))}))
	for i := range stretches {
		emitStretch(packedStretch.Append(nil, &stretches[i]))
	}
	return nil
}

// total adds up the counts of the files, as a capture.Reader of all of them does.
func total(files []surveyed) stats {
	// Damage is reported in the order in which a reader finds it: at once if a file has no packet, else after its last
	// one.
	slices.SortFunc(files, func(a, b surveyed) int {
		found := func(s *surveyed) int64 {
			if s.Stats.Packets == 0 {
				return math.MinInt64
			}
			return s.Latest
		}
		return cmp.Or(cmp.Compare(found(&a), found(&b)), cmp.Compare(a.Order, b.Order))
	})
	t := stats{First: capture.NoTime, Last: capture.NoTime, Until: capture.NoTime}
	for i := range files {
		s := &files[i].Stats
		t.Packets += s.Packets
		t.CapturedBytes += s.CapturedBytes
		t.WireBytes += s.WireBytes
		t.Untimed += s.Untimed
		if s.First != capture.NoTime && (t.First == capture.NoTime || s.First < t.First) {
			t.First = s.First
		}
		t.Last, t.Until = max(t.Last, s.Last), max(t.Until, s.Until)
		t.Drops.Add(s.Drops)
		t.Damage = append(t.Damage, s.Damage...)
		for _, l := range s.Links {
			at := slices.IndexFunc(t.Links, func(o linkCount) bool { return o.Link == l.Link })
			if at < 0 {
				t.Links = append(t.Links, linkCount{Link: l.Link})
				at = len(t.Links) - 1
			}
			t.Links[at].Packets += l.Packets
		}
	}
	return t
}

// cut cuts the time of the files into stretches with at least a number of bytes.
func cut(files []surveyed, atLeast int64) (list []stretch) {
	files = slices.DeleteFunc(slices.Clone(files), func(s surveyed) bool { return s.Stats.Packets == 0 })
	slices.SortFunc(files, func(a, b surveyed) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.Order, b.Order))
	})
	from := int64(math.MinInt64)
	var bytes int64
	end := func(to int64) {
		s := stretch{Number: uint64(len(list)), From: from, To: to}
		var in []surveyed
		for _, f := range files {
			switch {
			case f.Latest < from:
				s.Before += f.Stats.Packets
				for _, h := range f.Held {
					if h.At >= from-heldFor {
						s.Held = append(s.Held, h)
					}
				}
			case f.Begin < to || to == later:
				in = append(in, f)
			}
		}
		slices.SortFunc(in, func(a, b surveyed) int { return cmp.Compare(a.Order, b.Order) })
		slices.SortStableFunc(s.Held, func(a, b held) int { return cmp.Compare(a.At, b.At) })
		for _, f := range in {
			s.Files = append(s.Files, f.Path)
		}
		list = append(list, s)
		from, bytes = to, 0
	}
	latest := int64(math.MinInt64)
	for i, f := range files {
		if i > 0 && bytes >= atLeast && f.Begin != later {
			if at := between(latest, &f); at > from && at < later {
				end(at)
			}
		}
		bytes += f.Size
		latest = max(latest, f.Latest)
	}
	if len(files) > 0 {
		end(later)
	}
	return list
}

// between returns where to cut before a file begins. If a file continues after the cut, its part before the cut is read
// twice. So if this file begins only a little before the others end, as in a rotated set, the cut is after their end.
func between(latest int64, f *surveyed) int64 {
	const little = 16
	if f.Begin <= latest && latest < math.MaxInt64-1 && latest-f.Begin <= (f.Latest-f.Begin)/little {
		return latest + 1
	}
	return f.Begin
}
