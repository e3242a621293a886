package store

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A Wheel returns the same alarms as a sorted list, for any alarms and any steps of time.
func TestWheelIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Wheel
		var list []Alarm
		now := rapid.SampledFrom([]int64{0, 1e18, math.MinInt64}).Draw(t, "now")
		set := func(at int64, id uint64) {
			in := rapid.SampledFrom([]int64{0, 1, 1e6, 1e9, 240e9, 270e9, 300e9, 5 * 86400e9}).Draw(t, "in")
			m := Alarm{at + in + rapid.Int64Range(0, 10).Draw(t, "and")*1e8, id, uint32(id)}
			got := w.Set(m)
			if got > m.At || got < m.At && got < at+270e9 {
				t.Fatalf("at %d: set for %d, not %d", at, got, m.At)
			}
			m.At = got
			list = append(list, m)
		}
		for id := range uint64(rapid.IntRange(1, 200).Draw(t, "steps")) {
			if rapid.Bool().Draw(t, "set") {
				set(now, id)
				continue
			}
			now += rapid.SampledFrom([]int64{0, 1, 1e8, 1e9, 250e9, 3600e9, 86400e9, 50 * 365 * 86400e9}).Draw(t,
				"pass")
			for again := rapid.IntRange(0, 3).Draw(t, "again"); ; again-- {
				slices.SortFunc(list, func(x, y Alarm) int {
					if x.before(&y) {
						return -1
					}
					return 1
				})
				m, due := w.First(now)
				if due != (len(list) > 0 && list[0].At < now) {
					t.Fatalf("at %d: due is %v, the list is %v", now, due, list)
				}
				if !due {
					break
				}
				if m != list[0] {
					t.Fatalf("at %d: %v, should be %v", now, m, list[0])
				}
				w.Pop()
				list = list[1:]
				if again > 0 {
					set(m.At, 1000*id+uint64(again)) // as a consequence of the one that was due
				}
			}
		}
		for range list {
			if _, isThere := w.Next(); !isThere {
				t.Fatal("an alarm is lost")
			}
			w.Pop()
		}
		if m, isThere := w.Next(); isThere {
			t.Fatalf("%v was never set", m)
		}
	})
}
