package analyzer_test

import (
	"encoding/json"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/testrun"
)

// accounted has the emitted records, in their order, and their sums.
type accounted struct {
	records []string
	result  string
	later   int // slices of journals with events, beyond the first
}

func (t *accounted) add(c *record.Connection) { t.records = append(t.records, asJSON(c)) }

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func byOne(o analyzer.Options, segments []flows.Segment, until int64) (t accounted) {
	a := analyzer.New(o, t.add)
	for i := range segments {
		a.Segment(&segments[i])
	}
	if until != math.MinInt64 {
		a.Advance(until)
	}
	a.Close()
	t.result = asJSON(a.Result())
	return t
}

func byShards(o analyzer.Options, segments []flows.Segment, until int64, n int) (t accounted) {
	s := analyzer.NewShards(o, n, t.add, func([]flows.Segment) {})
	for len(segments) > 0 {
		some := min(len(segments), 7)
		s.Segments(segments[:some])
		segments = segments[some:]
	}
	if until != math.MinInt64 {
		s.Advance(until)
	}
	s.Close()
	t.result = asJSON(s.Result())
	return t
}

// byParts cuts the segments at random into stretches. For each stretch one part follows the connections that lie in it,
// or in several stretches far apart. n parts follow the others.
func byParts(t *testing.T, random *rand.Rand, o analyzer.Options, segments []flows.Segment, until int64,
	n int) (all accounted) {
	t.Helper()
	var courses []*course.Course
	stretches := [][]*flows.Segment{}
	latest := int64(math.MinInt64)
	for i := range segments {
		s := &segments[i]
		if len(courses) == 0 || random.IntN(1+min(len(segments)/4, 40)) == 0 {
			courses = append(courses, course.New(uint64(len(courses)), latest))
			stretches = append(stretches, nil)
		}
		latest = max(latest, s.Time)
		last := len(courses) - 1
		courses[last].Add(s)
		stretches[last] = append(stretches[last], s)
	}
	whole := course.Join(courses)
	cuts, journals := cutsOf(random, whole), [][][][]byte{} // by slice, by part
	for range len(cuts) + 1 {
		journals = append(journals, make([][][]byte, n+len(stretches)))
	}
	part := func(number int) *analyzer.Part {
		return analyzer.NewPart(o, whole, cuts,
			func(slice int, page []byte) { journals[slice][number] = append(journals[slice][number], page) })
	}
	var parts []*analyzer.Part
	for i := range n {
		parts = append(parts, part(i))
	}
	m := analyzer.NewMerger(o, all.add)
	cross := crossing(o, whole, stretches)
	for k, list := range stretches {
		local, clock := part(n+k), whole.Stretches[k].Begin
		its := func(k2 *flows.Key) *analyzer.Part {
			if !cross[k][*k2] {
				return local
			}
			h := uint64(k2.APort)*31 + uint64(k2.BPort)
			for _, b := range slices.Concat(k2.A[:], k2.B[:]) {
				h = h*31 + uint64(b)
			}
			return parts[h%uint64(n)]
		}
		for i, s := range list {
			x := course.Passage{Place: course.Place(uint64(k), uint64(i)), Clock: clock, Segment: *s}
			clock.See(s)
			mine := its(&s.Key)
			if jump := x.Clock.Jump; jump != nil {
				if other := its(&jump.Key); other != mine {
					other.Pass(&x)
				}
			}
			x.Own = true
			mine.Pass(&x)
		}
		m.End(local.Close(until))
	}
	for _, p := range parts {
		m.End(p.Close(until))
	}
	for i, slice := range journals {
		pages := slices.Concat(slice...)
		if i > 0 && len(pages) > 0 {
			all.later++
		}
		var readers []iter.Seq2[[]byte, error]
		for _, pages := range slice {
			readers = append(readers, func(yield func([]byte, error) bool) {
				for _, page := range pages {
					if !yield(page, nil) {
						return
					}
				}
			})
		}
		if err := m.Slice(readers); err != nil {
			t.Fatal(err)
		}
	}
	all.result = asJSON(m.Result())
	return all
}

// crossing returns for each stretch the connections that may have begun before it or continue after it.
func crossing(o analyzer.Options, w *course.Whole, stretches [][]*flows.Segment) []map[flows.Key]bool {
	cross, last := make([]map[flows.Key]bool, len(stretches)), map[flows.Key]int{}
	for k, list := range stretches {
		cross[k] = map[flows.Key]bool{}
		for _, s := range list {
			if before, there := last[s.Key]; there && before < k &&
				!w.Apart(uint64(before), uint64(k), o.Lasts()) {
				cross[before][s.Key], cross[k][s.Key] = true, true
			}
			last[s.Key] = k
		}
	}
	return cross
}

// cutsOf returns some of the times at which stretches begin.
func cutsOf(random *rand.Rand, w *course.Whole) (cuts []int64) {
	for _, s := range w.Stretches {
		if s.Begin.Known && random.IntN(3) > 0 && (len(cuts) == 0 || cuts[len(cuts)-1] < s.Begin.Now) {
			cuts = append(cuts, s.Begin.Now)
		}
	}
	return cuts
}

// However the connections are divided, and wherever the capture is cut, parts and shards report what one Analyzer
// reports, in the same order, even if clocks jump, stand still and go back.
func TestPartsEqualOneAnalyzer(t *testing.T) {
	files, _ := filepath.Glob("../testdata/pcaps/*")
	if len(files) < 50 {
		t.Fatalf("there are only %d captures", len(files))
	}
	later := 0
	for i, file := range testrun.Some(3, files) {
		if ext := filepath.Ext(file); ext != ".pcap" && ext != ".pcapng" {
			continue
		}
		segments, until := segmentsOf(t, file), int64(math.MinInt64)
		for variant := range 3 {
			random := rand.New(rand.NewPCG(uint64(i), uint64(variant)))
			list := slices.Clone(segments)
			if variant > 0 {
				disturb(random, list)
				until = list[len(list)-1].Time + 300e9
			}
			o := analyzer.Options{}
			if random.IntN(2) > 0 { // connections with the same sockets, in stretches that are far apart
				o = analyzer.Options{MSL: time.Second, EmbryonicLimit: 3 * time.Second, IdleLimit: 10 * time.Second}
			}
			want, n := byOne(o, list, until), 1+random.IntN(6)
			for by, got := range map[string]accounted{
				"parts":  byParts(t, random, o, list, until, n),
				"shards": byShards(o, list, until, n),
			} {
				later += got.later
				got.later = 0
				if d := cmp.Diff(want, got, cmp.AllowUnexported(accounted{})); d != "" {
					t.Fatalf("%s, variant %d: one Analyzer (-) and %d %s (+):\n%s", file, variant, n, by, d)
				}
			}
		}
	}
	if later == 0 {
		t.Error("the journals were not cut")
	}
}

// disturb changes some times, forward or back, by hours, for one segment or from it on.
func disturb(random *rand.Rand, list []flows.Segment) {
	shift := int64(0)
	for i := range list {
		by := []int64{3601e9, 3599e9, 7e12, 1e15, -1e9, -5e12, 30e9, 1}[random.IntN(8)]
		switch random.IntN(12) {
		case 0:
			list[i].Time += by
		case 1:
			shift += by
		case 2:
			if i > 0 {
				list[i].Time = list[i-1].Time
				continue
			}
		}
		list[i].Time += shift
	}
}

// A panic while a journal is written or read reaches the caller: as a panic of Close, and as an error of Slice.
func TestPartsPanic(t *testing.T) {
	segments := segmentsOf(t, "../testdata/pcaps/embryonic.pcap")
	whole := course.New(0, math.MinInt64)
	for i := range segments {
		whole.Add(&segments[i])
	}
	end := func(write func(int, []byte)) (end analyzer.PartEnd) {
		p := analyzer.NewPart(analyzer.Options{}, course.Join([]*course.Course{whole}), nil, write)
		for i := range segments {
			p.Pass(&course.Passage{Place: course.Place(0, uint64(i)), Segment: segments[i], Own: true})
		}
		return p.Close(math.MinInt64)
	}
	func() {
		defer func() {
			if f, is := recover().(*fault.Error); !is || f.Value != "no room" {
				t.Errorf("Close panicked with %v", f)
			}
		}()
		end(func(int, []byte) { panic("no room") })
	}()

	var pages [][]byte
	end(func(_ int, page []byte) { pages = append(pages, page) })
	for read := range len(pages) + 1 {
		m := analyzer.NewMerger(analyzer.Options{}, func(*record.Connection) {})
		err := m.Slice([]iter.Seq2[[]byte, error]{func(yield func([]byte, error) bool) {
			for _, page := range pages[:read] {
				yield(page, nil)
			}
			panic("no page")
		}})
		if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Value != "no page" {
			t.Errorf("after %d pages: %v", read, err)
		}
	}
}
