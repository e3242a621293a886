// Package isn finds hosts whose initial sequence numbers are predictable from one connection to the next. RFC 6528
// forbids that, because others could forge segments.
package isn

import (
	"slices"
	"strconv"
)

// Pattern is how a host chooses its numbers.
type Pattern uint8

// The known patterns. With all except Random the next number is predictable.
const (
	Random   Pattern = iota // no pattern was found
	Constant                // always the same number
	Stepping                // a constant step after the number before, or several steps
	ByTime                  // growing with time
)

// How many numbers must agree. Five random steps are all multiples of smallStep by chance once in 10^10 cases, and six
// random numbers lie on a line once in 10^8.
const (
	manyEqual = 4
	many      = 6
	smallStep = 1 << 8  // a smaller common divisor may be chance
	largeStep = 1 << 24 // larger steps count only if all are equal
	enough    = 16      // connections without a pattern after which a host counts as random
)

// Host has the latest numbers of a host, by time. The zero value is empty.
type Host struct {
	n        int
	added    int
	reported bool
	list     [8]sample // n of them are in use
}

// Forget empties a Host. It does not clear the list, because most hosts need only the beginning of it.
func (h *Host) Forget() { h.n, h.added, h.reported = 0, 0, false }

type sample struct {
	at     int64  // ns
	socket uint64 // identifies its 4-tuple
	packet uint64
	isn    uint32
}

// Add adds the number of an opened connection, and its packet. It returns a pattern only once, with the packets that
// show it. measure is the number, the step, or the growth per second.
func (h *Host) Add(at int64, isn uint32, socket, packet uint64) (pattern Pattern, measure uint64, packets []uint64) {
	if h.reported || h.added >= enough {
		return Random, 0, nil
	}
	h.added++
	h.insert(sample{at, socket, packet, isn})
	if n := h.like(isn); n >= manyEqual {
		equal := slices.DeleteFunc(slices.Clone(h.list[:h.n]), func(s sample) bool { return s.isn != isn })
		return h.report(Constant, uint64(isn), equal)
	}
	if h.n < many {
		return Random, 0, nil
	}
	list := h.others()
	if len(list) < many {
		return Random, 0, nil
	}
	list = list[len(list)-many:]
	if step := step(list); step > 0 {
		return h.report(Stepping, uint64(step), list)
	}
	if rate := rate(list); rate > 0 {
		return h.report(ByTime, rate, list)
	}
	return Random, 0, nil
}

func (h *Host) report(pattern Pattern, measure uint64, list []sample) (Pattern, uint64, []uint64) {
	h.reported = true
	packets := make([]uint64, len(list))
	for i := range list {
		packets[i] = list[i].packet
	}
	return pattern, measure, packets
}

// like counts the samples with a number.
func (h *Host) like(isn uint32) (n int) {
	for i := range h.list[:h.n] {
		if h.list[i].isn == isn {
			n++
		}
	}
	return n
}

// insert adds a sample in the order of time, and forgets the oldest if the list is full.
func (h *Host) insert(s sample) {
	if h.n == len(h.list) {
		if s.at < h.list[0].at {
			return
		}
		copy(h.list[:], h.list[1:])
		h.n--
	}
	i := h.n
	for i > 0 && h.list[i-1].at > s.at {
		h.list[i] = h.list[i-1]
		i--
	}
	h.list[i] = s
	h.n++
}

// others returns one sample of each 4-tuple: numbers of the same 4-tuple may follow each other (RFC 6528 §3).
func (h *Host) others() []sample {
	list := make([]sample, 0, len(h.list))
	for _, s := range h.list[:h.n] {
		if !slices.ContainsFunc(list, func(o sample) bool { return o.socket == s.socket }) {
			list = append(list, s)
		}
	}
	return list
}

// step is the difference between consecutive numbers if all are equal, or their common divisor; 0 if there is none.
func step(list []sample) uint32 {
	first := list[1].isn - list[0].isn
	equal, divisor := true, uint32(0)
	for i := 1; i < len(list); i++ {
		d := list[i].isn - list[i-1].isn
		if equal = equal && d == first; d >= largeStep {
			divisor = 1
		}
		for d != 0 { // Euclid's algorithm
			divisor, d = d, divisor%d
		}
	}
	switch {
	case equal:
		return first
	case divisor >= smallStep:
		return divisor
	}
	return 0
}

// rate is the growth of the numbers per second, if they lie on a line; otherwise 0.
func rate(list []sample) uint64 {
	const precision, most = 100, 1 << 31
	first, last := &list[0], &list[len(list)-1]
	rise, took := float64(last.isn-first.isn), float64(last.at-first.at)
	if rise == 0 || rise >= most || took <= 0 {
		return 0
	}
	for i := 1; i < len(list)-1; i++ {
		off := float64(list[i].isn-first.isn) - rise*float64(list[i].at-first.at)/took
		if off > rise/precision || -off > rise/precision {
			return 0
		}
	}
	return uint64(rise / took * 1e9)
}

// Append appends a pattern in words.
func Append(b []byte, h Pattern, measure uint64, connections int) []byte {
	b = strconv.AppendInt(append(b, "of "...), int64(connections), 10)
	switch h {
	case Constant:
		return strconv.AppendUint(append(b, " connections each began with "...), measure, 10)
	case Stepping:
		b = append(b, " connections to or from different sockets each began "...)
		return append(strconv.AppendUint(b, measure, 10), ", or a multiple of it, after the one before"...)
	}
	b = append(b, " connections to or from different sockets the numbers grow with time alone, by about "...)
	return append(strconv.AppendUint(b, measure, 10), " a second"...)
}
