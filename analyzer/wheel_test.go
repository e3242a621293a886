package analyzer

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The wheel gives what a sorted list gives, whatever is set and however time goes.
func TestWheelIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		var list []alarm
		now := rapid.SampledFrom([]int64{0, 1e18, math.MinInt64}).Draw(t, "now")
		for id := range uint64(rapid.IntRange(1, 200).Draw(t, "steps")) {
			if rapid.Bool().Draw(t, "set") {
				in := rapid.SampledFrom([]int64{0, 1, 1e6, 1e9, 240e9, 270e9, 300e9, 5 * 86400e9}).Draw(t, "in")
				m := alarm{now + in + rapid.Int64Range(0, 10).Draw(t, "and")*1e8, id, uint32(id)}
				at := w.set(m)
				if at > m.at || at < m.at && at < now+270e9 {
					t.Fatalf("at %d: set for %d, not %d", now, at, m.at)
				}
				m.at = at
				list = append(list, m)
				continue
			}
			now += rapid.SampledFrom([]int64{0, 1, 1e8, 1e9, 250e9, 3600e9, 86400e9, 50 * 365 * 86400e9}).Draw(t, "pass")
			slices.SortFunc(list, func(x, y alarm) int {
				if x.before(&y) {
					return -1
				}
				return 1
			})
			for {
				m, due := w.first(now)
				if due != (len(list) > 0 && list[0].at < now) {
					t.Fatalf("at %d: due is %v, the list begins with %v", now, due, list)
				}
				if !due {
					break
				}
				if m != list[0] {
					t.Fatalf("at %d: %v, should be %v", now, m, list[0])
				}
				w.pop()
				list = list[1:]
			}
		}
		for range list {
			if _, isThere := w.next(); !isThere {
				t.Fatal("an alarm is lost")
			}
			w.pop()
		}
		if m, isThere := w.next(); isThere {
			t.Fatalf("%v was never set", m)
		}
	})
}
