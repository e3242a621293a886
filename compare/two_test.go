package compare_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/internal/pathsim"
)

// A proxy ends each connection of a client and opens one of its own for it. Both are found as a pair, with the reason.
func TestProxy(t *testing.T) {
	for _, s := range []struct {
		name        string
		transparent bool // the proxy uses the client's and the server's addresses
		connections int
		apart       time.Duration // between the connections' beginnings
	}{
		{name: "addresses of its own", connections: 6, apart: 400 * time.Millisecond},
		{name: "transparent", transparent: true, connections: 6, apart: 400 * time.Millisecond},
		{name: "one", connections: 1},
	} {
		t.Run(s.name, func(t *testing.T) {
			proxy := netip.MustParseAddrPort("198.51.100.7:80")
			server := netip.AddrPortFrom(serverIP, 8001)
			folder := t.TempDir()
			var sources []compare.Source
			half := func(seed uint64, names [2]string, wait time.Duration,
				ends func(i int) (client, server netip.AddrPort)) {
				sim := pathsim.New(seed)
				points := [2]*pathsim.Point{{Name: names[0]}, {Name: names[1]}}
				sim.Path(points[0], &pathsim.Link{Name: "link", Delay: time.Millisecond, Jitter: 50 * time.Microsecond},
					points[1])
				for i := range s.connections {
					c, d := ends(i)
					sim.Connect(pathsim.Traffic{
						Client: c, Server: d, At: wait + time.Duration(i)*s.apart, Exchanges: 1 + i%3, Request: 300 + i,
						Response: 4000 + 100*i, Think: 5 * time.Millisecond,
					})
				}
				sim.Run()
				for _, p := range points {
					file := filepath.Join(folder, p.Name+".pcapng")
					if err := p.Write(file); err != nil {
						t.Fatal(err)
					}
					sources = append(sources, compare.Source{Name: p.Name, Files: []string{file}})
				}
			}
			client := func(i int) netip.AddrPort { return netip.AddrPortFrom(clientIP, uint16(40000+i)) }
			half(1, [2]string{"client", "in"}, 0, func(i int) (netip.AddrPort, netip.AddrPort) {
				if s.transparent {
					return client(i), server
				}
				return client(i), proxy
			})
			half(2, [2]string{"out", "server"}, 3*time.Millisecond, func(i int) (netip.AddrPort, netip.AddrPort) {
				if s.transparent {
					return client(i), server
				}
				return netip.AddrPortFrom(proxy.Addr(), uint16(50000+7*i)), server
			})
			pairs, halves := 0, 0
			_, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
				for _, v := range c.Verdicts {
					if v.Kind != result.NotCaptured {
						t.Errorf("connection %d: %s %s between %v", c.ID, v.Kind, v.Field, v.Between)
					}
				}
				if c.Pairing.By != result.TwoConnections {
					halves++
					return nil
				}
				pairs++
				if fmt.Sprint(c.Pairing.Between) != "[in out]" {
					t.Errorf("connection %d: between %v", c.ID, c.Pairing.Between)
				}
				if why := strings.Join(c.Pairing.Why, "; "); !strings.Contains(why, "no segment is the same") &&
					!strings.Contains(why, "the numbers differ") {
					t.Errorf("connection %d: why %q", c.ID, why)
				}
				if c.Client.IP != clientIP || c.Server.IP != serverIP || c.Server.Port != 8001 {
					t.Errorf("connection %d: %v:%d to %v:%d", c.ID, c.Client.IP, c.Client.Port, c.Server.IP,
						c.Server.Port)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if pairs != s.connections || halves != 2*s.connections {
				t.Errorf("%d pairs and %d connections, want %d and twice as many", pairs, halves, s.connections)
			}
		})
	}
}

// Connections that only have their time in common are not joined.
func TestNoProxy(t *testing.T) {
	folder := t.TempDir()
	var sources []compare.Source
	for k, name := range []string{"here", "there"} {
		sim := pathsim.New(uint64(k + 1))
		p := &pathsim.Point{Name: name}
		sim.Path(p, &pathsim.Link{Name: "link", Delay: time.Millisecond})
		for i := range 4 {
			sim.Connect(pathsim.Traffic{
				Client: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(k), 0, 2}), uint16(40000+i)),
				Server: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + k)}), 8001),
				At:     time.Duration(i) * 300 * time.Millisecond, Exchanges: 1 + k, Request: 200 + 50*k + i,
				Response: 3000 + 500*k + i,
			})
		}
		sim.Run()
		file := filepath.Join(folder, name+".pcapng")
		if err := p.Write(file); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, compare.Source{Name: name, Files: []string{file}})
	}
	_, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
		if c.Pairing.By == result.TwoConnections {
			t.Errorf("connection %d is joined: %v", c.ID, c.Pairing.Why)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A panic while captures are read, in the first pass or in the second, is an error.
func TestComparePanics(t *testing.T) {
	const file, packets = "../testdata/pcaps/svr4-bsd.pcap", 7
	sources := []compare.Source{{Name: "a", Files: []string{file}}, {Name: "b", Files: []string{file}}}
	for _, at := range []int64{3, 2*packets + 5} {
		var read atomic.Int64
		_, err := compare.Compare(t.Context(), sources, compare.Options{
			Filter: func(*capture.Packet) (bool, error) {
				if read.Add(1) == at {
					panic("there is a mistake")
				}
				return true, nil
			},
		}, func(*result.Compared) error { return nil })
		if panicked := (*fault.Error)(nil); !errors.As(err, &panicked) || panicked.Value != "there is a mistake" {
			t.Errorf("at packet %d: %v", at, err)
		}
	}
}
