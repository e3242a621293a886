package crowd

import (
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// The mean rate is over at least one second, and the peak rate lies between the mean and the number of SYNs.
func TestFloodRates(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for name, at := range map[string]func(i int64) int64{
		"in one instant":          func(int64) int64 { return 0 },
		"in 0.3 s":                func(i int64) int64 { return i * 1e6 },
		"in 0.99 s":               func(i int64) int64 { return i * 33e5 },
		"in 1.01 s":               func(i int64) int64 { return i * 337e4 },
		"in two bursts":           func(i int64) int64 { return i / 150 * 1500e6 },
		"in 1.5 s, evenly":        func(i int64) int64 { return i * 5e6 },
		"in 3 s, most at the end": func(i int64) int64 { return min(i, 50)*40e6 + max(i-50, 0)*4e6 },
		"in 6 s":                  func(i int64) int64 { return i * 20e6 },
	} {
		for _, offset := range []int64{0, 70e6, 199e6} { // of the first SYN in a period of the CUSUM
			c := New()
			begin := 1000*second + offset
			const sent = 300
			for i := range int64(sent) {
				a := Attempt{Source: host(random.Uint32()), Target: host(10<<24 | 1), TargetPort: 80,
					SynAt: begin + at(i)}
				c.Syn(a.SynAt, &a, &Probe{Seq: random.Uint32(), Flags: flows.SYN})
			}
			c.Finish(begin + 100*second)
			floods := c.Floods()
			if len(floods) != 1 {
				t.Errorf("%s: %d floods", name, len(floods))
				continue
			}
			f := floods[0]
			want := float64(f.Syns) / max(float64(f.End-f.Onset)/1e9, 1)
			if f.MeanRate != want || f.PeakRate < f.MeanRate || f.PeakRate > float64(f.Syns) {
				t.Errorf("%s: %d SYNs in %d ns: the mean is %v/s, want %v/s, the peak %v/s", name, f.Syns,
					f.End-f.Onset, f.MeanRate, want, f.PeakRate)
			}
		}
	}
}

// A share is 100% only if it is 1, and 0% only if it is 0.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0%", 0.0001: "0.1%", 0.021: "2.1%", 0.6: "60.0%", 0.9984: "99.8%", 0.9999: "99.9%", 1: "100%",
	} {
		if got := percent(share); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
}
