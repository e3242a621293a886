package capture

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestClock compares the clock with exact arithmetic.
func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var units []uint64
	for bit := range 64 {
		units = append(units, 1<<bit-1, 1<<bit, random.Uint64()>>bit)
	}
	units = append(units, math.MaxUint64)
	offsets := []int64{0, 1, -1, 1 << 31, -1 << 31, 9_223_372_036, -9_223_372_036, 9_223_372_037, -pastSeconds,
		math.MaxInt64, math.MinInt64}
	for resolution := range 256 {
		for _, offset := range offsets {
			c, ok := newClock(byte(resolution), offset)
			exponent := int64(resolution & 0x7f)
			base, most := int64(10), int64(maxDecimal)
			if resolution >= 0x80 {
				base, most = 2, maxBinary
			}
			if ok != (exponent <= most) {
				t.Fatalf("resolution %#02x: ok is %v", resolution, ok)
			}
			if !ok {
				continue
			}
			divisor := new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
			for _, u := range units {
				want := new(big.Int).Mul(new(big.Int).SetUint64(u), big.NewInt(second))
				want.Div(want, divisor)
				own := want.IsUint64()
				want.Add(want, new(big.Int).Mul(big.NewInt(offset), big.NewInt(second)))
				// NoTime is right where the sum does not fit, and allowed in the last seconds before that
				// and where already the units without the offset do not fit into 64 bits.
				edge := !own || new(big.Int).Abs(want).Cmp(big.NewInt(9_223_372_036*second)) >= 0
				got := c.time(u)
				if got == NoTime && edge {
					continue
				}
				if !want.IsInt64() || got != want.Int64() {
					t.Fatalf("resolution %#02x, offset %d, units %d: got %d, want %v", resolution, offset, u, got, want)
				}
			}
		}
	}
}
