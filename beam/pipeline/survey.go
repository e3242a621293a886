package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pack"
)

// file is a capture file and its place in the order of files.
type file struct {
	Order int
	Path  string
}

// surveyed is what is known about a file before its connections are tracked.
type surveyed struct {
	file
	Size   int64 // bytes, compressed if it is
	Stats  stats
	Begin  int64  // the time of its first packet; later if it has none, so that the file comes after all others
	Latest int64  // the latest time in it, likewise
	Held   []held // the fragments that wait for others at its end
}

// held is a packet with a part that waits for other fragments.
type held struct {
	At     int64 // when it comes: its time, or the later time of an earlier packet of the file
	Time   int64
	Number uint64 // of the packet in its file
	Link   capture.LinkType
	Length int
	Data   []byte
}

func (h *held) packet() *capture.Packet {
	return &capture.Packet{Number: h.Number, Time: h.Time, Link: h.Link, Length: h.Length, Data: h.Data}
}

// later is the time of a packet without a time, if its file has had no time before.
const later = math.MaxInt64

// stats is capture.Stats without the fields that cannot be packed.
type stats struct {
	Packets, CapturedBytes, WireBytes, Untimed uint64
	First, Last, Until                         int64
	Links                                      []linkCount
	Drops                                      capture.Drops
	Damage                                     []capture.Damage
}

type linkCount struct {
	Link    capture.LinkType
	Packets uint64
}

var (
	named        = pack.Of[file]()
	packedSurvey = pack.Of[surveyed]()
)

// surveyFn surveys a file.
type surveyFn struct{ Config Config }

func (f *surveyFn) ProcessElement(ctx context.Context, element []byte, emit func([]byte)) error {
	var s surveyed
	if _, err := named.Read(element, &s.file); err != nil {
		return err
	}
	s.Begin, s.Latest = later, later
	r, err := f.Config.open(ctx, s.Path)
	if unread := (*unreadError)(nil); errors.As(err, &unread) {
		s.Stats = statsOf(capture.NewTally(nil).Stats())
		s.Stats.Damage = []capture.Damage{{File: s.Path, Expected: unread.Error(), Unread: true}}
		emit(packedSurvey.Append(nil, &s))
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	_, s.Size = r.Progress()
	fragments := fragments{decoder: f.Config.decoder(), at: math.MinInt64, packets: map[uint64]*held{}}
	if p, err := r.Next(); err == nil {
		if r.Stats().Untimed == 0 {
			s.Begin = p.Time
		}
		fragments.add(p)
	}
	packets := make([]capture.Packet, 256)
	for err == nil {
		var n int
		n, err = r.Read(packets)
		for i := range packets[:n] {
			fragments.add(&packets[i])
		}
	}
	if failed := r.failed(); failed != nil {
		return failed
	}
	if err != io.EOF {
		return err
	}
	s.Held = fragments.held()
	s.Stats = statsOf(r.Stats())
	if s.Begin != later {
		s.Latest = s.Stats.Last
	}
	emit(packedSurvey.Append(nil, &s))
	return nil
}

// fragments finds the packets that wait for other fragments.
type fragments struct {
	decoder  *flows.Decoder
	segments []flows.Segment
	at       int64
	packets  map[uint64]*held // by number: those that wait, and some that did
}

func (f *fragments) add(p *capture.Packet) {
	f.at = max(f.at, p.Time)
	f.segments = f.decoder.Decode(p, f.segments[:0])
	if !f.decoder.Held() {
		return
	}
	const many = 4096
	if f.packets[p.Number] = (&held{f.at, p.Time, p.Number, p.Link, p.Length,
		bytes.Clone(p.Data)}); len(f.packets)%many == 0 {
		f.trim()
	}
}

// trim forgets the packets that do not wait any more.
func (f *fragments) trim() {
	waiting := f.decoder.Waiting()
	maps.DeleteFunc(f.packets, func(n uint64, _ *held) bool {
		_, is := slices.BinarySearch(waiting, n)
		return !is
	})
}

func (f *fragments) held() (list []held) {
	f.trim()
	for _, n := range slices.Sorted(maps.Keys(f.packets)) {
		list = append(list, *f.packets[n])
	}
	return list
}

func statsOf(s capture.Stats) stats {
	t := stats{s.Packets, s.CapturedBytes, s.WireBytes, s.Untimed, s.First, s.Last, s.Until, nil, s.Drops, s.Damage}
	for link, n := range s.LinkTypes {
		t.Links = append(t.Links, linkCount{link, n})
	}
	return t
}
