package analyzer_test

import (
	"encoding/json"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// accounted is what was emitted, in its order, and what it adds up to.
type accounted struct {
	records []string
	result  string
}

func (t *accounted) add(c *record.Connection) { t.records = append(t.records, asJSON(c)) }

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func byOne(segments []flows.Segment, until int64) (t accounted) {
	a := analyzer.New(analyzer.Options{}, t.add)
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Advance(until)
	a.Close()
	t.result = asJSON(a.Result())
	return t
}

func byShards(segments []flows.Segment, until int64, n int) (t accounted) {
	s := analyzer.NewShards(analyzer.Options{}, n, t.add, func([]flows.Segment) {})
	for len(segments) > 0 {
		some := min(len(segments), 7)
		s.Segments(segments[:some])
		segments = segments[some:]
	}
	s.Advance(until)
	s.Close()
	t.result = asJSON(s.Result())
	return t
}

// byParts cuts the segments at random into stretches, and divides the connections among n parts.
func byParts(t *testing.T, random *rand.Rand, segments []flows.Segment, until int64, n int) (all accounted) {
	t.Helper()
	var courses []*course.Course
	passages := make([][][]course.Passage, 0) // by stretch, by part
	latest := int64(math.MinInt64)
	part := func(k *flows.Key) int {
		h := uint64(k.APort)*31 + uint64(k.BPort)
		for _, b := range slices.Concat(k.A[:], k.B[:]) {
			h = h*31 + uint64(b)
		}
		return int(h % uint64(n))
	}
	for i := range segments {
		s := &segments[i]
		if len(courses) == 0 || s.Time >= latest && random.IntN(1+min(len(segments)/4, 40)) == 0 {
			courses = append(courses, course.New(latest))
			passages = append(passages, make([][]course.Passage, n))
		}
		latest = max(latest, s.Time)
		now := passages[len(passages)-1]
		p := courses[len(courses)-1].Add(s)
		mine := part(&s.Key)
		if p.Clock.Jump != nil {
			if its := part(&p.Clock.Jump.Key); its != mine {
				o := p
				o.Own = false
				now[its] = append(now[its], o)
			}
		}
		now[mine] = append(now[mine], p)
	}
	journals := make([][][]byte, n)
	var ends []analyzer.PartEnd
	for i := range n {
		p := analyzer.NewPart(analyzer.Options{}, func(page []byte) { journals[i] = append(journals[i], page) })
		for k, c := range courses {
			if err := p.Stretch(uint64(k), c, func(yield func(*course.Passage, error) bool) {
				for j := range passages[k][i] {
					if !yield(&passages[k][i][j], nil) {
						return
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		p.Advance(until)
		ends = append(ends, p.Close())
	}
	var readers []iter.Seq2[[]byte, error]
	for i := range journals {
		readers = append(readers, func(yield func([]byte, error) bool) {
			for _, page := range journals[i] {
				if !yield(page, nil) {
					return
				}
			}
		})
	}
	result, err := analyzer.Merge(analyzer.Options{}, readers, ends, all.add)
	if err != nil {
		t.Fatal(err)
	}
	all.result = asJSON(result)
	return all
}

// However the connections are divided, and wherever the capture is cut, parts and shards tell what one Analyzer tells,
// in the same order; also where clocks leap, stand still and go back.
func TestPartsAreOne(t *testing.T) {
	files, _ := filepath.Glob("../testdata/pcaps/*")
	if len(files) < 50 {
		t.Fatalf("there are only %d captures", len(files))
	}
	for i, file := range files {
		if ext := filepath.Ext(file); ext != ".pcap" && ext != ".pcapng" {
			continue
		}
		segments, until := segmentsOf(t, file), int64(0)
		for variant := range 3 {
			random := rand.New(rand.NewPCG(uint64(i), uint64(variant)))
			list := slices.Clone(segments)
			if variant > 0 {
				disturb(random, list)
				until = list[len(list)-1].Time + 300e9
			}
			want, n := byOne(list, until), 1+random.IntN(6)
			for by, got := range map[string]accounted{
				"parts":  byParts(t, random, list, until, n),
				"shards": byShards(list, until, n),
			} {
				if d := cmp.Diff(want, got, cmp.AllowUnexported(accounted{})); d != "" {
					t.Fatalf("%s, variant %d: one Analyzer (-) and %d %s (+):\n%s", file, variant, n, by, d)
				}
			}
		}
	}
}

// disturb changes some times: far ahead, back, by hours, for one segment or from there on.
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
