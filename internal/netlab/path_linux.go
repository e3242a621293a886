package netlab

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/capture"
)

// Path is three hosts in a row, client, router and server, and the two wires between them. It captures at both ends of
// each wire: Points[0] at the client, [1] and [2] inside and outside of the router, [3] at the server.
type Path struct {
	Client, Router, Server *Host
	Points                 [4][]capture.Packet // in order of time, numbered from 1; to be read after Stop
	// one for each frame with TCP over a wire, in the order in which they began; to be read after Stop
	Trips []*Trip

	fate     func(*Trip, Segment) Handling
	taps     [4]*os.File
	carriers sync.WaitGroup
	mu       sync.Mutex // guards Points and Trips, and calls of fate
	sockets  []io.Closer
}

// Trip is a frame's way over a wire.
type Trip struct {
	From, To int      // points
	Sent     uint64   // its packet at From
	Received []uint64 // its packets at To: none if it was lost, two if it was duplicated
	Segment  Segment
	Handling Handling
}

// Handling is what a wire does with a frame.
type Handling struct {
	Lost, Double bool
	Hold         time.Duration
}

// The addresses of a path, from RFC 2544: the client's, the server's, and the router's on the side of each.
var (
	PathClient  = netip.MustParseAddr("198.18.0.1")
	PathServer  = netip.MustParseAddr("198.19.0.1")
	PathInside  = netip.MustParseAddr("198.18.0.254")
	PathOutside = netip.MustParseAddr("198.19.0.254")
)

const (
	wireDelay = time.Millisecond
	maxTrips  = 100_000 // further frames are delivered, and not captured
)

// StartPath makes a path whose router applies an nftables script (its interfaces are inside and outside). It skips the
// test and prints the reason where it cannot make a path. It stops the path at the test's end. Fate decides about each
// frame with TCP. Nil lets all pass.
func StartPath(tb testing.TB, nft string, fate func(*Trip, Segment) Handling) *Path {
	tb.Helper()
	p := &Path{
		Client: &Host{Name: "client"}, Router: &Host{Name: "router"}, Server: &Host{Name: "server"}, fate: fate,
	}
	tb.Cleanup(p.Stop)
	if err := p.boot(nft); err != nil {
		tb.Skip("cannot make a path of network namespaces:", err)
	}
	for from, to := range [...]int{1, 0, 3, 2} {
		p.carriers.Add(1)
		go p.carry(from, to)
	}
	return p
}

func (p *Path) boot(nft string) error {
	mac := func(point int) string { return fmt.Sprintf("02:00:c6:12:00:%02x", point) }
	const link = `
		link set lo up
		link set %[1]s address %[2]s up
		addr add %[3]s/24 dev %[1]s
		neigh add %[4]s lladdr %[5]s dev %[1]s`
	inside := fmt.Sprintf(link, "inside", mac(1), PathInside, PathClient, mac(0))
	outside := fmt.Sprintf(link, "outside", mac(2), PathOutside, PathServer, mac(3))
	for _, x := range []struct {
		host    *Host
		devices map[string]int // by name, their points
		links   string
	}{
		{p.Client, map[string]int{"eth0": 0}, fmt.Sprintf(link, "eth0", mac(0), PathClient, PathInside, mac(1)) + `
			route add default via ` + PathInside.String()},
		{p.Router, map[string]int{"inside": 1, "outside": 2}, inside + outside},
		{p.Server, map[string]int{"eth0": 3}, fmt.Sprintf(link, "eth0", mac(3), PathServer, PathOutside, mac(2)) + `
			route add default via ` + PathOutside.String()},
	} {
		var err error
		if x.host.namespace, err = newNamespace(); err != nil {
			return err
		}
		err = x.host.Do(func() error {
			for name, point := range x.devices {
				var err error
				if p.taps[point], err = openTAP(name); err != nil {
					return err
				}
				if err := x.host.quiet(name); err != nil {
					return err
				}
			}
			if err := setUp("ip -batch -", x.links); err != nil || x.host != p.Router {
				return err
			}
			if err := x.host.sysctl("net.ipv4.ip_forward", "1"); err != nil {
				return err
			}
			return setUp("nft -f -", nft)
		})
		if err != nil {
			return fmt.Errorf("make the path's %s: %w", x.host.Name, err)
		}
	}
	return nil
}

// Stop removes the wires, and then the hosts, so that no packet shows the end of the remaining connections.
func (p *Path) Stop() {
	for _, tap := range p.taps {
		if tap != nil {
			tap.Close()
		}
	}
	p.carriers.Wait()
	p.taps = [4]*os.File{}
	for _, s := range p.sockets {
		s.Close() // an error means that it is closed already
	}
	p.sockets = nil
	for _, h := range []*Host{p.Client, p.Router, p.Server} {
		if h.namespace > 0 {
			unix.Close(h.namespace)
			h.namespace = 0
		}
	}
}

// Dial connects a port of the client to an address.
func (p *Path) Dial(port uint16, to netip.AddrPort, timeout time.Duration) (conn *net.TCPConn, err error) {
	err = p.Client.Do(func() error {
		from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(PathClient, port))
		c, err := (&net.Dialer{LocalAddr: from, Timeout: timeout}).Dial("tcp4", to.String())
		if err == nil {
			conn = c.(*net.TCPConn)
			p.hold(c)
		}
		return err
	})
	return conn, err
}

// Listen makes a listening socket on the server.
func (p *Path) Listen(port uint16) (l *net.TCPListener, err error) {
	err = p.Server.Do(func() (err error) {
		l, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(PathServer, port)))
		return err
	})
	if err == nil {
		p.hold(l)
	}
	return l, err
}

// hold keeps a socket until Stop.
func (p *Path) hold(s io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = append(p.sockets, s)
}

// carry delivers frames from one end of a wire to the other until its device is closed.
func (p *Path) carry(from, to int) {
	defer p.carriers.Done()
	type frame struct {
		bytes []byte
		trip  *Trip // nil if the frame is not captured
		due   time.Time
	}
	ordered := make(chan frame, 4096)
	deliver := func(f frame) {
		defer p.carriers.Done()
		time.Sleep(time.Until(f.due))
		p.mu.Lock()
		defer p.mu.Unlock()
		if f.trip != nil {
			f.trip.Received = append(f.trip.Received, p.capture(to, f.bytes))
		}
		p.taps[to].Write(f.bytes) // an error: the path is being stopped
	}
	p.carriers.Add(1)
	go func() {
		defer p.carriers.Done()
		for f := range ordered {
			p.carriers.Add(1)
			deliver(f)
		}
	}()
	defer close(ordered)
	buffer := make([]byte, 1<<16)
	for {
		n, err := p.taps[from].Read(buffer)
		if err != nil {
			return
		}
		f := frame{bytes: slices.Clone(buffer[:n])}
		f.trip, f.due = p.begin(from, to, f.bytes), time.Now().Add(wireDelay)
		if f.trip == nil {
			ordered <- f
			continue
		}
		h := &f.trip.Handling
		if h.Lost {
			continue
		}
		if h.Double {
			second := f
			second.due = f.due.Add(wireDelay)
			p.carriers.Add(1)
			go deliver(second)
		}
		if h.Hold > 0 {
			f.due = f.due.Add(h.Hold)
			p.carriers.Add(1)
			go deliver(f)
			continue
		}
		ordered <- f
	}
}

// begin captures a frame that a host has sent, and returns its trip. It returns nil for a frame without TCP.
func (p *Path) begin(from, to int, frame []byte) *Trip {
	protocol, segment := parse(frame)
	if protocol != unix.IPPROTO_TCP {
		return nil
	}
	segment.FromClient = from < to
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.Trips) == maxTrips {
		return nil
	}
	t := &Trip{From: from, To: to, Sent: p.capture(from, frame), Segment: segment}
	if p.fate != nil {
		t.Handling = p.fate(t, segment)
	}
	p.Trips = append(p.Trips, t)
	return t
}

// capture records a frame at a point and returns its number.
func (p *Path) capture(point int, frame []byte) uint64 {
	const ethernet = 1
	number := uint64(len(p.Points[point]) + 1)
	p.Points[point] = append(p.Points[point], capture.Packet{
		Number: number, Time: time.Now().UnixNano(), Data: frame, Length: len(frame), Link: ethernet,
	})
	return number
}
