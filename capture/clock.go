package capture

import (
	"math"
	"math/bits"
)

// clock turns the timestamps of an interface into nanoseconds: (units × multiplier) ÷ divisor, or >> shift, + offset.
type clock struct {
	multiplier uint64
	divisor    uint64
	shift      uint
	offset     int64 // seconds
}

// The finest resolutions whose fraction of a second fits into 64 bits. libpcap's limits are the same.
const (
	maxDecimal = 19
	maxBinary  = 63
)

// newClock reads if_tsresol and if_tsoffset (§4.2); not ok if the resolution is absurd.
func newClock(resolution byte, offset int64) (c clock, ok bool) {
	c = clock{multiplier: 1, divisor: 1, offset: offset}
	exponent := uint(resolution & 0x7f)
	switch {
	case resolution&0x80 != 0 && exponent <= maxBinary:
		c.multiplier, c.shift = 1e9, exponent
	case resolution&0x80 == 0 && exponent <= maxDecimal:
		for ; exponent < 9; exponent++ {
			c.multiplier *= 10
		}
		for ; exponent > 9; exponent-- {
			c.divisor *= 10
		}
	default:
		return clock{}, false
	}
	return c, true
}

// time returns the time, rounded down to the nanosecond; NoTime if it does not fit into an int64.
func (c *clock) time(units uint64) int64 {
	hi, lo := bits.Mul64(units, c.multiplier)
	lo = hi<<(64-c.shift) | lo>>c.shift
	hi >>= c.shift
	if hi != 0 {
		return NoTime
	}
	if c.divisor != 1 {
		lo /= c.divisor
	}
	if c.offset == 0 && lo <= math.MaxInt64 {
		return int64(lo)
	}
	// In seconds, because the sum may fit even if its parts do not.
	const second = 1_000_000_000
	const most = math.MaxInt64 / second
	if c.offset < -3*most || c.offset > most {
		return NoTime
	}
	seconds := int64(lo/second) + c.offset
	if seconds < -most || seconds >= most {
		return NoTime
	}
	return seconds*second + int64(lo%second)
}
