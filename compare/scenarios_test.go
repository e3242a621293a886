package compare_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pathsim"
	"github.com/tcplife/tcplife/internal/testrun"
)

// A lab is the path of most scenarios: a link, a firewall, another link, with a point at each end of the links.
type lab struct {
	*pathsim.Sim
	client, fwin, fwout, server *pathsim.Point
	inner, outer                *pathsim.Link
	fw                          *pathsim.Box
	traffic                     pathsim.Traffic // of each connection; each has other ports
	connections                 int
}

var (
	clientIP = netip.MustParseAddr("10.1.0.2")
	serverIP = netip.MustParseAddr("203.0.113.10")
)

func newLab(seed uint64) *lab {
	return &lab{
		Sim: pathsim.New(seed), client: &pathsim.Point{Name: "client"}, fwin: &pathsim.Point{Name: "fwin"},
		fwout: &pathsim.Point{Name: "fwout"}, server: &pathsim.Point{Name: "server"},
		inner: &pathsim.Link{Name: "inner", Delay: 350 * time.Microsecond, Jitter: 40 * time.Microsecond},
		outer: &pathsim.Link{Name: "outer", Delay: 2 * time.Millisecond, Jitter: 60 * time.Microsecond},
		fw:    &pathsim.Box{Name: "fw"},
		traffic: pathsim.Traffic{
			Exchanges: 3, Request: 300, Response: 9000, Think: 20 * time.Millisecond,
		},
		connections: 12,
	}
}

// play runs the traffic.
func (l *lab) play() {
	l.Path(l.client, l.inner, l.fwin, l.fw, l.fwout, l.outer, l.server)
	for i := range l.connections {
		t := l.traffic
		if !t.Client.IsValid() {
			t.Client = netip.AddrPortFrom(clientIP, uint16(40000+i))
		}
		if !t.Server.IsValid() {
			t.Server = netip.AddrPortFrom(serverIP, 8001)
		}
		t.At += time.Duration(l.Rand.Int64N(int64(400 * time.Millisecond)))
		if l.traffic.Exchanges > 1 {
			t.Exchanges = 1 + l.Rand.IntN(l.traffic.Exchanges)
		}
		l.Connect(t)
	}
	l.Run()
}

// A scenario is a path on which something happens.
type scenario struct {
	name string
	set  func(*lab)
	// unknowable: only routine may be knowable.
	quiet bool
}

func both(fs ...func(*lab)) func(*lab) {
	return func(l *lab) {
		for _, f := range fs {
			f(l)
		}
	}
}

func lossy(l *lab) {
	l.outer.Loss, l.outer.Hold, l.outer.Double = 0.03, 0.03, 0.02
	l.outer.Held = [2]time.Duration{8 * time.Millisecond, 20 * time.Millisecond}
}

func snat(l *lab) { l.fw.SNAT = netip.MustParseAddr("203.0.113.1") }

func dnat(l *lab) {
	vip := netip.MustParseAddrPort("198.51.100.1:80")
	l.traffic.Server, l.traffic.Target = vip, netip.AddrPortFrom(serverIP, 8001)
	l.fw.DNAT = map[netip.AddrPort]netip.AddrPort{vip: l.traffic.Target}
}

func renumber(l *lab) { l.fw.Renumber = true }

var onlyServer, onlyClient = pathsim.ToServer, pathsim.ToClient

var scenarios = []scenario{
	{name: "clean", set: func(*lab) {}, quiet: true},
	{name: "lossy", set: lossy},
	{name: "lossy both links", set: func(l *lab) {
		lossy(l)
		l.inner.Loss, l.inner.Double = 0.02, 0.02
	}},
	{name: "ipv6", set: func(l *lab) {
		lossy(l)
		l.traffic.Client = netip.MustParseAddrPort("[2001:db8:1::2]:4000")
		l.traffic.Server = netip.MustParseAddrPort("[2001:db8:2::2]:8001")
		l.traffic.NoID = true
		l.connections = 1
		l.traffic.Exchanges = 20
	}},
	{name: "syn dropped", set: func(l *lab) {
		l.fw.Drop = func(f *pathsim.Frame, w pathsim.Way) bool { return f.Flags == flows.SYN && f.Src.Port()%3 == 0 }
	}},
	{name: "syn-ack dropped", set: func(l *lab) {
		n := 0
		l.fw.Drop = func(f *pathsim.Frame, w pathsim.Way) bool {
			if f.Flags != flows.SYN|flows.ACK || f.Dst.Port()%3 != 0 {
				return false
			}
			n++
			return n%4 != 0
		}
	}},
	{name: "rejected", set: func(l *lab) {
		l.fw.Reject = func(f *pathsim.Frame, w pathsim.Way) bool { return f.Len > 0 && f.Src.Port()%3 == 0 }
	}},
	{name: "syn rejected", set: func(l *lab) {
		l.fw.Reject = func(f *pathsim.Frame, w pathsim.Way) bool { return f.Flags == flows.SYN && f.Src.Port()%3 == 0 }
	}},
	{name: "forgotten", set: func(l *lab) { l.fw.Forget, l.traffic.Idle = 60*time.Second, 65*time.Second }},
	{name: "snat", set: snat},
	{name: "dnat", set: dnat},
	{name: "snat and dnat", set: both(snat, dnat)},
	{name: "snat and loss", set: both(snat, lossy)},
	{name: "snat and dnat and loss", set: both(snat, dnat, lossy)},
	{name: "mss clamp", set: func(l *lab) { l.fw.MSS = 1300 }},
	{name: "options stripped", set: func(l *lab) {
		l.fw.Strip = func(o *flows.Options) { o.HasTimestamp, o.TSVal, o.TSEcr, o.SACKPermitted = false, 0, 0, false }
	}},
	{name: "options stripped and loss", set: both(lossy, func(l *lab) {
		l.fw.Strip = func(o *flows.Options) { o.HasTimestamp, o.TSVal, o.TSEcr, o.SACKPermitted = false, 0, 0, false }
	})},
	{name: "renumbered", set: renumber},
	{name: "renumbered and loss", set: both(renumber, lossy)},
	{name: "renumbered and snat", set: both(renumber, snat)},
	{name: "renumbered and snat and loss", set: both(renumber, snat, lossy)},
	{name: "new ids", set: func(l *lab) { l.fw.NewIDs = true }},
	{name: "new ids and loss", set: both(lossy, func(l *lab) { l.fw.NewIDs = true })},
	{name: "no stamps, no ids", set: func(l *lab) { l.traffic.NoStamps, l.traffic.NoID = true, true }},
	{name: "clock offset", set: func(l *lab) {
		l.server.Offset, l.fwin.Offset = 1370*time.Millisecond, -20*time.Millisecond
	}, quiet: true},
	{name: "hours apart", set: func(l *lab) {
		l.server.Offset, l.fwout.Offset = 7*time.Hour, -3*time.Hour
	}, quiet: true},
	{name: "drift", set: func(l *lab) {
		l.server.Drift, l.server.Offset, l.fwout.Drift = 40, time.Minute, -25
		l.traffic.Exchanges, l.traffic.Think = 30, 300*time.Millisecond
	}, quiet: true},
	{name: "drift and loss", set: both(lossy, func(l *lab) {
		l.server.Drift, l.server.Offset, l.fwout.Drift = 40, time.Minute, -25
		l.traffic.Exchanges, l.traffic.Think = 30, 300*time.Millisecond
	})},
	{name: "late start", set: func(l *lab) {
		l.server.From, l.fwin.From = 300*time.Millisecond, 150*time.Millisecond
	}, quiet: true},
	{name: "late start and loss", set: both(lossy, func(l *lab) {
		l.server.From, l.fwin.From = 300*time.Millisecond, 150*time.Millisecond
	})},
	{name: "late start behind snat", set: both(snat, func(l *lab) {
		l.server.From, l.fwout.From = 300*time.Millisecond, 150*time.Millisecond
	}), quiet: false},
	{name: "early end", set: func(l *lab) {
		l.server.Until, l.fwin.Until = 250*time.Millisecond, 300*time.Millisecond
	}, quiet: true},
	{name: "early end and loss", set: both(lossy, func(l *lab) {
		l.server.Until, l.fwin.Until = 250*time.Millisecond, 300*time.Millisecond
	})},
	{name: "dropped packets", set: func(l *lab) { l.fwout.Delete, l.fwout.Tell = 0.05, true }, quiet: true},
	{name: "dropped packets, untold", set: func(l *lab) { l.fwout.Delete, l.server.Delete = 0.05, 0.05 }, quiet: true},
	{name: "dropped packets and loss", set: both(lossy, func(l *lab) { l.fwin.Delete = 0.05 })},
	{name: "one direction at the server", set: func(l *lab) { l.server.Only = &onlyServer }, quiet: true},
	{name: "one direction at the client", set: func(l *lab) { l.client.Only = &onlyClient }, quiet: true},
	{name: "one direction inside", set: func(l *lab) { l.fwin.Only = &onlyServer }, quiet: true},
	{name: "one direction and loss", set: both(lossy, func(l *lab) { l.fwin.Only = &onlyServer })},
	{name: "one direction at the server, and loss", set: both(lossy, func(l *lab) { l.server.Only = &onlyServer })},
	{name: "one direction everywhere, and loss", set: both(lossy, func(l *lab) {
		l.client.Only, l.fwin.Only, l.fwout.Only, l.server.Only = &onlyServer, &onlyServer, &onlyServer, &onlyServer
	})},
	{name: "late start behind snat, and loss", set: both(snat, lossy, func(l *lab) {
		l.server.From, l.fwout.From = 300*time.Millisecond, 150*time.Millisecond
	})},
	{name: "late start behind a renumbering firewall", set: both(renumber, func(l *lab) {
		l.server.From, l.fwout.From = 300*time.Millisecond, 150*time.Millisecond
	})},
	{name: "drift behind snat, and loss", set: both(snat, lossy, func(l *lab) {
		l.server.Drift, l.server.Offset, l.fwout.Drift = 40, time.Minute, -25
		l.traffic.Exchanges, l.traffic.Think = 30, 300*time.Millisecond
	})},
	{name: "options stripped behind snat", set: both(snat, func(l *lab) {
		l.fw.Strip = func(o *flows.Options) { o.HasTimestamp, o.TSVal, o.TSEcr, o.SACKPermitted = false, 0, 0, false }
	})},
	{name: "one direction at the server, behind snat", set: both(snat, func(l *lab) { l.server.Only = &onlyClient })},
	{name: "offload and loss behind snat", set: both(snat, lossy, func(l *lab) {
		l.traffic.Segment, l.inner.Split, l.outer.Split = 20*1448, true, true
		l.outer.Hold, l.outer.Double = 0, 0
	})},
	{name: "late start, hours apart, and loss", set: both(lossy, func(l *lab) {
		l.server.From, l.server.Offset, l.fwin.Offset = 300*time.Millisecond, 7*time.Hour, -2*time.Hour
	})},
	{name: "mss clamp and loss", set: both(lossy, func(l *lab) { l.fw.MSS = 1300 })},
	{name: "filtered by flags", set: func(l *lab) {
		l.fwout.Filter = func(f *pathsim.Frame) bool { return f.Flags&(flows.SYN|flows.FIN|flows.RST) != 0 }
	}, quiet: true},
	{name: "filtered by port", set: func(l *lab) {
		l.fwout.Filter = func(f *pathsim.Frame) bool {
			return f.Src.Port()%2 == 0 || f.Dst.Port()%2 == 0 && f.Dst.Port() > 10000
		}
	}, quiet: true},
	{name: "filtered at the server", set: func(l *lab) {
		l.server.Filter = func(f *pathsim.Frame) bool {
			return f.Src.Port()%2 == 0 || f.Dst.Port()%2 == 0 && f.Dst.Port() > 10000
		}
	}, quiet: true},
	{name: "syn proxy", set: func(l *lab) { l.fw.SynProxy = true }},
	{name: "syn proxy and loss", set: both(lossy, func(l *lab) { l.fw.SynProxy = true })},
	{name: "offload", set: func(l *lab) { l.traffic.Segment, l.inner.Split, l.outer.Split = 20*1448, true, true }},
	{name: "offload and merge", set: func(l *lab) {
		l.traffic.Segment, l.inner.Split, l.outer.Split = 20*1448, true, true
		l.client.Merge, l.server.Merge = true, true
	}},
	{name: "offload and loss", set: both(lossy, func(l *lab) {
		l.traffic.Segment, l.inner.Split, l.outer.Split = 20*1448, true, true
		l.outer.Hold, l.outer.Double = 0, 0
	})},
	{name: "aborted", set: func(l *lab) { l.traffic.Abort = true }, quiet: true},
	{name: "refused", set: func(l *lab) { l.traffic.NoListener = true }, quiet: true},
}

var only = flag.Uint64("seed", 0, "play the scenarios of this seed alone")

// seeds is the number of paths that are played of each scenario.
var seeds = flag.Uint64("seeds", testrun.Size[uint64](1, 3), "play so many paths of each scenario")

// TestScenarios compares the verdicts with simulated paths, where every event is known.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			list := make([]uint64, 0, *seeds)
			for seed := range *seeds {
				list = append(list, seed+1)
			}
			if *only > 0 {
				list = []uint64{*only}
			}
			for _, seed := range list {
				l := newLab(seed)
				s.set(l)
				l.play()
				hold(t, fmt.Sprintf("seed %d", seed), l.Sim, s.quiet)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// compareSim compares the captures of a simulation.
func compareSim(t *testing.T, s *pathsim.Sim, o compare.Options) (connections []result.Compared,
	whole *compare.Result) {
	t.Helper()
	folder := t.TempDir()
	if *only > 0 { // to look at
		folder = filepath.Join(os.TempDir(), t.Name())
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Log("the captures are in ", folder)
	}
	var sources []compare.Source
	for _, p := range s.Points {
		path := filepath.Join(folder, p.Name+".pcapng")
		if err := p.Write(path); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, compare.Source{Name: p.Name, Files: []string{path}})
	}
	whole, err := compare.Compare(context.Background(), sources, o, func(c *result.Compared) error {
		connections = append(connections, *c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return connections, whole
}

// hold compares the verdicts with the events: they must be exactly those that the captures show, in the right place.
func hold(t *testing.T, what string, s *pathsim.Sim, quiet bool) {
	t.Helper()
	connections, whole := compareSim(t, s, compare.Options{})
	index := map[string]int{}
	for i, p := range s.Points {
		index[p.Name] = i
	}
	type subject struct {
		kind, field string
		between     [2]int
		at          int
		packet      uint64
	}
	wanted := map[subject][]*pathsim.Verdict{}
	died := map[[2]uint64][]*pathsim.Verdict{} // by point and packet
	for _, v := range s.Truth() {
		key := subject{v.Kind, v.Field, v.Between, v.At, s.Canonical(v.At, v.Packet)}
		wanted[key] = append(wanted[key], v)
		if v.Kind == "lost" || v.Kind == "born" || v.Kind == "duplicated" || v.Kind == "delayed" && !v.Knowable {
			for p := range s.Points {
				if n := v.Row.Passed[p].Packet; n > 0 {
					died[[2]uint64{uint64(p), n}] = append(died[[2]uint64{uint64(p), n}], v)
				}
			}
		}
	}
	for i := range connections {
		c := &connections[i]
		for k := range c.Verdicts {
			v := &c.Verdicts[k]
			if v.Kind == result.NotCaptured {
				continue
			}
			if v.Routine && (v.Field != "ttl" || v.Kind != result.Altered) {
				t.Errorf("%s: routine: %s %s", what, v.Kind, v.Field)
			}
			got := subject{string(v.Kind), string(v.Field), [2]int{index[v.Between[0]], index[v.Between[1]]},
				index[v.Segment.At], 0}
			packet := uint64(v.Segment.Packet)
			got.packet = s.Canonical(got.at, packet)
			want, some := (*pathsim.Verdict)(nil), wanted[got]
			if len(some) > 0 {
				want, wanted[got] = some[0], some[1:]
				for len(wanted[got]) > 0 && want.Row.PartOf != nil && wanted[got][0].Row.PartOf == want.Row.PartOf {
					// parts beside each other are one to whom does not see where they were cut
					wanted[got] = wanted[got][1:]
				}
			}
			if want == nil {
				if explained(v, got.between, died[[2]uint64{uint64(got.at), packet}]) {
					continue
				}
				t.Errorf("%s: invented: %s %s of %d between %v, packet %d at %s (%s, by %v, reason %s)", what, v.Kind,
					v.Field, c.ID, v.Between, v.Segment.Packet, v.Segment.At, v.What, v.By, v.Reason)
				continue
			}
			if quiet && !(v.Kind == result.Altered && v.Routine) {
				t.Errorf("%s: a quiet path, but %s %s", what, v.Kind, v.Field)
			}
			switch v.Kind {
			case result.Altered:
				if int(v.Segments) != want.Segments || fmt.Sprint(v.From.Any(), v.To.Any()) != fmt.Sprint(want.From,
					want.To) {
					t.Errorf("%s: %s: %d from %v to %v, want %d from %v to %v", what, want, v.Segments, v.From.Any(),
						v.To.Any(), want.Segments, want.From, want.To)
				}
			case result.Born:
				if (v.Toward == record.Client) != (want.Toward == pathsim.ToClient) {
					t.Errorf("%s: %s: towards %s", what, want, v.Toward)
				}
			case result.Delayed:
				if math.Abs(float64(v.By)-float64(want.By)) > 1e6 && v.Segment.IPID != 0 {
					t.Errorf("%s: %s: by %v, want %v", what, want, time.Duration(v.By), want.By)
				}
			case result.Reordered:
				// those without, and copies, cannot be told apart
				if n := int(v.OvertakenBy) - want.OvertakenBy; max(n, -n) > 1 && v.Segment.IPID != 0 {
					t.Errorf("%s: %s: overtaken by %d, want %d", what, want, v.OvertakenBy, want.OvertakenBy)
				}
			}
		}
	}
	for _, some := range wanted {
		for _, v := range some {
			if v.Kind != "altered" && v.Kind != "born" && s.Alike(v.At, v.Packet) {
				continue // the captures do not show which of the two it was
			}
			if v.Knowable {
				t.Errorf("%s: missing: %s (flags %b, %v)", what, v, v.Row.Sent.Flags, packets(v.Row))
			}
		}
	}
	if *only > 0 {
		for _, p := range whole.Points {
			t.Logf("%s: %+v", p.Name, p.Blind)
		}
	}
	for i, p := range whole.Points {
		c := p.Clock
		at := float64(int64(c.At)-pathsim.Epoch) / 1e9
		want := s.Points[i].Offset.Seconds() + s.Points[i].Drift*1e-6*at
		if c.Error != record.NoDuration && math.Abs(float64(c.Offset)/1e9-want) > float64(c.Error)/1e9+1e-6 {
			t.Errorf("%s: %s: offset %v ± %v, want %v", what, p.Name, time.Duration(c.Offset), time.Duration(c.Error),
				want)
		}
		if c.Drift.Known && math.Abs(c.Drift.Value-s.Points[i].Drift) > c.DriftError.Value+0.01 {
			t.Errorf("%s: %s: drift %v ± %v, want %v", what, p.Name, c.Drift.Value, c.DriftError.Value,
				s.Points[i].Drift)
		}
	}
}

// explained reports whether a verdict that is not the truth's is right as far as the captures go: the frame was lost,
// or born, between its two points, of which those between are blind.
func explained(v *result.Verdict, between [2]int, truths []*pathsim.Verdict) bool {
	for _, w := range truths {
		if (v.Kind == result.Lost || v.Kind == result.Born) && w.Kind == "delayed" {
			return true // held back beyond the end of the next capture, or since before the beginning of the one before
		}
		if w.Kind == string(v.Kind) && between[0] <= w.Between[0] && w.Between[1] <= between[1] {
			return true
		}
	}
	return false
}

func packets(r *pathsim.Row) (numbers []uint64) {
	for i := range r.Passed {
		numbers = append(numbers, r.Passed[i].Packet)
	}
	return numbers
}
