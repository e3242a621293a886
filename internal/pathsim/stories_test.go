package pathsim_test

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/pathsim"
)

var update = flag.Bool("update", false, "write testdata/compare")

// stories are the examples of docs/COMPARE.md and of tests, each with captures at four points.
var stories = map[string]func(fw *pathsim.Box, outer *pathsim.Link, server *pathsim.Point, t *pathsim.Traffic){
	"syn-ack-lost": func(fw *pathsim.Box, _ *pathsim.Link, _ *pathsim.Point, _ *pathsim.Traffic) {
		n := 0
		fw.Drop = func(f *pathsim.Frame, _ pathsim.Way) bool {
			if f.Flags != flows.SYN|flows.ACK || f.Dst.Port() != 40000 {
				return false
			}
			n++
			return n < 4
		}
	},
	"forgotten": func(fw *pathsim.Box, _ *pathsim.Link, _ *pathsim.Point, t *pathsim.Traffic) {
		fw.Forget, t.Idle, t.Exchanges = time.Minute, 65*time.Second, 2
	},
	"snat": func(fw *pathsim.Box, outer *pathsim.Link, _ *pathsim.Point, t *pathsim.Traffic) {
		fw.SNAT, outer.Loss, t.Exchanges = netip.MustParseAddr("203.0.113.1"), 0.05, 3
	},
	"clock": func(_ *pathsim.Box, _ *pathsim.Link, server *pathsim.Point, t *pathsim.Traffic) {
		server.Offset, t.Exchanges = 7*time.Hour+1370*time.Millisecond, 2
	},
	"ipv6": func(fw *pathsim.Box, outer *pathsim.Link, _ *pathsim.Point, t *pathsim.Traffic) {
		fw.Forget, outer.Loss, t.Idle, t.Exchanges = time.Minute, 0.05, 65*time.Second, 2
	},
	"late": func(_ *pathsim.Box, outer *pathsim.Link, server *pathsim.Point, t *pathsim.Traffic) {
		server.From, outer.Loss, t.Exchanges = 60*time.Millisecond, 0.02, 3
	},
}

// The sockets in the captures; those of IPv6 are as long as they can be.
var (
	client, server   = netip.MustParseAddr("10.1.0.2"), netip.MustParseAddrPort("203.0.113.10:8001")
	client6, server6 = netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1234:5678"),
		netip.MustParseAddrPort("[2001:db8:8765:4321:cba9:fed:8765:4321]:8443")
)

// TestStories checks that the captures of docs/COMPARE.md are those that the simulation makes.
func TestStories(t *testing.T) {
	for name, set := range stories {
		s := pathsim.New(3)
		points := []*pathsim.Point{{Name: "client"}, {Name: "fwin"}, {Name: "fwout"}, {Name: "server"}}
		fw := &pathsim.Box{Name: "fw"}
		inner := &pathsim.Link{Name: "inner", Delay: 350 * time.Microsecond, Jitter: 40 * time.Microsecond}
		outer := &pathsim.Link{Name: "outer", Delay: 2 * time.Millisecond, Jitter: 60 * time.Microsecond}
		traffic := pathsim.Traffic{Exchanges: 1, Request: 300, Response: 3000, Think: 20 * time.Millisecond}
		set(fw, outer, points[3], &traffic)
		s.Path(points[0], inner, points[1], fw, points[2], outer, points[3])
		for i := range 3 {
			c := traffic
			c.Client, c.Server = netip.AddrPortFrom(client, uint16(40000+i)), server
			if name == "ipv6" {
				c.Client, c.Server = netip.AddrPortFrom(client6, uint16(40000+i)), server6
			}
			c.At = time.Duration(i) * 10 * time.Millisecond
			s.Connect(c)
		}
		s.Run()
		for _, p := range s.Points {
			path := filepath.Join("../../testdata/compare", name, p.Name+".pcapng")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := p.Write(path); err != nil {
					t.Fatal(err)
				}
				continue
			}
			made := filepath.Join(t.TempDir(), "made")
			if err := p.Write(made); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(made); !bytes.Equal(got, want) {
				t.Errorf("%s is not what the simulation makes: go test ./internal/pathsim -update", path)
			}
		}
	}
}
