package compare_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
)

// FuzzCompare compares any two files, and the first with itself. Nothing panics, verdicts name neighbouring points of
// the path, and a capture does not differ from itself.
func FuzzCompare(f *testing.F) {
	const longest = 6 << 10 // of a seed, so that the fuzzer's changes matter
	var seeds [][]byte
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		f.Fatal("no captures in testdata: ", err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && len(text) <= longest {
			seeds = append(seeds, text)
		}
	}
	for i := range seeds {
		f.Add(seeds[i], seeds[i])
		f.Add(seeds[i], seeds[(i+1)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 4*longest || len(b) > 4*longest {
			t.Skip()
		}
		folder := t.TempDir()
		path := func(name string, text []byte) string {
			file := filepath.Join(folder, name)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		one, two := path("one", a), path("two", b)
		verdicts := func(files ...string) (list []result.Verdict) {
			names := []string{"left", "right"}
			sources := []compare.Source{{Name: names[0], Files: files[:1]}, {Name: names[1], Files: files[1:]}}
			// An error ends the comparison, but what came before it is reported.
			_, _ = compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
				list = append(list, c.Verdicts...)
				return nil
			})
			for _, v := range list {
				if !slices.Equal(v.Between, names) {
					t.Errorf("%s between %v", v.Kind, v.Between)
				}
			}
			return list
		}
		verdicts(one, two)
		for _, v := range verdicts(one, one) {
			if v.Kind != result.NotCaptured {
				t.Errorf("a capture differs from itself: %s %s, packet %d at %s", v.Kind, v.Field, v.Segment.Packet,
					v.Segment.At)
			}
		}
	})
}
