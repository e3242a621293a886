package isn_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/isn"
)

type number struct {
	at     int64 // ms
	isn    uint32
	socket uint64
}

func habit(list []number) (isn.Pattern, uint64, int) {
	var h isn.Host
	for i, n := range list {
		if habit, measure, packets := h.Add(n.at*1e6, n.isn, n.socket, uint64(i+1)); habit != isn.Random {
			return habit, measure, len(packets)
		}
	}
	return isn.Random, 0, 0
}

func TestHabits(t *testing.T) {
	for name, c := range map[string]struct {
		list    []number
		want    isn.Pattern
		measure uint64
		of      int
	}{
		"three equal": {[]number{{0, 7, 1}, {1, 7, 2}, {2, 7, 3}}, isn.Random, 0, 0},
		"four equal":  {[]number{{0, 7, 1}, {1, 7, 2}, {2, 7, 3}, {3, 7, 4}}, isn.Constant, 7, 4},
		"one 4-tuple": {[]number{{0, 7, 1}, {1, 7, 1}, {2, 7, 1}, {3, 7, 1}}, isn.Constant, 7, 4},
		"equal, others": {[]number{{0, 7, 1}, {1, 900000, 2}, {2, 7, 3}, {3, 81234567, 4}, {4, 7, 5}, {5, 7, 6}},
			isn.Constant, 7, 4},
		"four steps": {[]number{{0, 100, 1}, {5, 101, 2}, {6, 102, 3}, {9, 103, 4}, {10, 104, 5}}, isn.Random, 0,
			0},
		"five steps": {[]number{{0, 100, 1}, {5, 101, 2}, {6, 102, 3}, {9, 103, 4}, {10, 104, 5}, {30, 105, 6}},
			isn.Stepping, 1, 6},
		"over the end": {[]number{{0, 1<<32 - 2, 1}, {5, 1<<32 - 1, 2}, {6, 0, 3}, {9, 1, 4}, {10, 2, 5}, {30, 3, 6}},
			isn.Stepping, 1, 6},
		"large steps": {[]number{{0, 0, 1}, {5, 3 << 30, 2}, {6, 1 << 31, 3}, {9, 1 << 30, 4}, {10, 0, 5},
			{30, 3 << 30, 6}}, isn.Stepping, 3 << 30, 6},
		"multiples": {[]number{{0, 100, 1}, {1, 64100, 2}, {2, 256100, 3}, {3, 320100, 4}, {4, 320100, 5},
			{5, 1088100, 6}}, isn.Stepping, 64000, 6},
		"small divisor": {[]number{{0, 0, 1}, {1, 255, 2}, {2, 1020, 3}, {3, 2550, 4}, {4, 2805, 5}, {5, 9945, 6}},
			isn.Random, 0, 0},
		"divisor": {[]number{{0, 0, 1}, {1, 256, 2}, {2, 1024, 3}, {3, 2560, 4}, {4, 2816, 5}, {5, 9984, 6}},
			isn.Stepping, 256, 6},
		"far multiples": {[]number{{0, 0, 1}, {1, 256, 2}, {2, 1024, 3}, {3, 1024 + 1<<24, 4}, {4, 2816 + 1<<24, 5},
			{5, 9984 + 1<<24, 6}}, isn.Random, 0, 0},
		"near multiples": {[]number{{0, 0, 1}, {1, 256, 2}, {2, 1024, 3}, {3, 768 + 1<<24, 4}, {4, 2816 + 1<<24, 5},
			{5, 9984 + 1<<24, 6}}, isn.Stepping, 256, 6},
		"same sockets": {[]number{{0, 100, 1}, {5, 101, 1}, {6, 102, 1}, {9, 103, 1}, {10, 104, 1}, {30, 105, 1}},
			isn.Random, 0, 0},
		"4 µs": {[]number{{0, 5, 1}, {17, 4255, 2}, {1000, 250105, 3}, {1100, 274905, 4}, {5000, 1250005, 5},
			{9000, 2250005, 6}}, isn.ByTime, 250000, 6},
		"out of order": {[]number{{17, 4255, 2}, {0, 5, 1}, {1100, 274905, 4}, {1000, 250105, 3}, {9000, 2250005, 6},
			{5000, 1250005, 5}}, isn.ByTime, 250000, 6},
		"1% off": {[]number{{0, 0, 1}, {100, 11000, 2}, {200, 20001, 3}, {300, 30000, 4}, {400, 40000, 5},
			{1000, 100000, 6}}, isn.ByTime, 100000, 6},
		"more off": {[]number{{0, 0, 1}, {100, 11001, 2}, {200, 20001, 3}, {300, 30000, 4}, {400, 40000, 5},
			{1000, 100000, 6}}, isn.Random, 0, 0},
		"below": {[]number{{0, 0, 1}, {100, 8999, 2}, {200, 20001, 3}, {300, 30000, 4}, {400, 40000, 5},
			{1000, 100000, 6}}, isn.Random, 0, 0},
		"nearly half the space": {[]number{{0, 0, 1}, {1000, 2e8, 2}, {2000, 4e8, 3}, {3000, 6e8, 4}, {5000, 10e8, 5},
			{10000, 20e8, 6}}, isn.ByTime, 2e8, 6},
		"half the space": {[]number{{0, 0, 1}, {1, 1<<29 + 1, 2}, {2, 1 << 30, 3}, {2, 1 << 30, 4}, {3, 3 << 29, 5},
			{4, 1 << 31, 6}}, isn.Random, 0, 0},
	} {
		if got, measure, of := habit(c.list); got != c.want || measure != c.measure || of != c.of {
			t.Errorf("%s: %d, %d of %d, want %d, %d of %d", name, got, measure, of, c.want, c.measure, c.of)
		}
	}
}

// Random numbers have no pattern, and after many a host is no longer examined.
func TestRandomNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var list []number
		for i := range 16 {
			list = append(list, number{int64(i) * random.Int64N(1000), random.Uint32(), uint64(i)})
		}
		for i := range 4 {
			list = append(list, number{20000, 7, uint64(20 + i)})
		}
		if got, _, _ := habit(list); got != isn.Random {
			t.Fatalf("%v: %d", list, got)
		}
		if got, _, _ := habit(list[1:]); got != isn.Random {
			t.Fatalf("%v: %d", list, got)
		}
	}
}

// Only sixteen connections of a host are examined.
func TestEnough(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for before, want := range map[int]isn.Pattern{12: isn.Constant, 13: isn.Random} {
		var list []number
		for i := range before {
			list = append(list, number{int64(i) * random.Int64N(1000), random.Uint32(), uint64(i)})
		}
		for i := range 4 {
			list = append(list, number{20000, 7, uint64(20 + i)})
		}
		if got, _, _ := habit(list); got != want {
			t.Errorf("four equal numbers after %d others: %d, want %d", before, got, want)
		}
	}
}

// A pattern is reported once.
func TestOnce(t *testing.T) {
	var h isn.Host
	reported := 0
	for i := range 10 {
		if habit, _, _ := h.Add(int64(i), 7, uint64(i), 1); habit != isn.Random {
			reported++
		}
	}
	if reported != 1 {
		t.Errorf("reported %d times", reported)
	}
}
