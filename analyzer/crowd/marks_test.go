package crowd

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// Each tool's SYNs have its mark, and those of many honest hosts have none.
func TestMarks(t *testing.T) {
	full := uint32(hasMSS | hasWScale | hasSACK | hasTimestamp | 1460)
	honest := func(random *rand.Rand, _ int, _ *Attempt) Probe {
		return Probe{
			Seq: random.Uint32(), IPID: uint16(random.Uint32()), TTL: uint8(40 + random.IntN(90)),
			Window:  uint16(random.Uint32()),
			Options: full - uint32(random.IntN(100)),
		}
	}
	for name, change := range map[string]func(p *Probe, i int, a *Attempt){
		"": func(*Probe, int, *Attempt) {},
		"mirai_isn": func(p *Probe, _ int, a *Attempt) {
			p.Seq = 10<<24 | 1<<16 | uint32(a.Target[14])<<8 | uint32(a.Target[15])
		},
		"zmap_ip_id": func(p *Probe, _ int, _ *Attempt) { p.IPID = 54321 },
		"masscan_ip_id": func(p *Probe, _ int, a *Attempt) {
			p.IPID = uint16(a.Target[14])<<8 ^ uint16(a.Target[15]) ^ a.TargetPort ^ uint16(p.Seq)
		},
		"constant_isn":   func(p *Probe, _ int, _ *Attempt) { p.Seq = 12345 },
		"sequential_isn": func(p *Probe, i int, _ *Attempt) { p.Seq = 4294967000 + 64*uint32(i) },
		"no_options":     func(p *Probe, _ int, _ *Attempt) { p.Options = 0 },
		"same_ttl":       func(p *Probe, _ int, _ *Attempt) { p.TTL = 64 },
		"same_window":    func(p *Probe, _ int, _ *Attempt) { p.Window = 512 },
		"same_options":   func(p *Probe, _ int, _ *Attempt) { p.Options = full },
	} {
		random := rand.New(rand.NewPCG(7, 7))
		var m marks
		for i := range 200 {
			a := Attempt{Source: host(random.Uint32()), Target: host(10<<24 | 1<<16 | random.Uint32N(1<<16)),
				TargetPort: uint16(random.Uint32())}
			p := honest(random, i, &a)
			if i%40 != 39 { // one in forty is not the tool's
				change(&p, i, &a)
			}
			m.add(&a, &p)
		}
		var got []string
		for _, mark := range m.found() {
			got = append(got, mark.Name)
		}
		var want []string
		if name != "" {
			want = []string{name}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// A flood that spreads over the ports of an address is a flood on the address, with the number of all its sources.
func TestFloodOnAnAddress(t *testing.T) {
	c := New()
	random := rand.New(rand.NewPCG(8, 8))
	begin := 1000 * second
	for i := range int64(3000) {
		now := begin + i*1e6
		a := Attempt{Source: host(random.Uint32()), Target: host(10<<24 | 1), TargetPort: uint16(random.Uint32()),
			SynAt: now}
		c.Syn(now, &a, &Probe{Seq: random.Uint32(), Flags: flows.SYN})
	}
	c.Finish(begin + 4*second)
	floods := c.Floods()
	if len(floods) != 1 {
		t.Fatalf("%d floods", len(floods))
	}
	f := floods[0]
	if !f.Whole || f.Verdict != SpoofedFlood || f.Onset-begin > second/2 || f.Syns < 2850 || f.Sources < 2850 ||
		f.Sources > 3000 ||
		f.MeanRate < 950 || f.MeanRate > 1050 || f.OnceShare != 1 ||
		f.SynRetransmitted+f.ResetBySource+f.Unreachable != 0 {
		t.Errorf("%+v", f)
	}
}

// BenchmarkFlood measures one SYN of a flood from forged sources.
func BenchmarkFlood(b *testing.B) {
	c := New()
	now, n := 1000*second, uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		now += 1e3
		a := Attempt{Source: host(n * 2654435761), Target: host(1), TargetPort: 80, SynAt: now}
		c.Syn(now, &a, &Probe{Seq: n})
	}
}
