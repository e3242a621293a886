//go:build linux

package scenes

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// Look has both kernels' reports about their sockets at a moment.
type Look struct {
	At      time.Time
	Took    time.Duration // to read the reports
	Sockets []netlab.Socket
}

// quiet is the time without frames on the wire before and after a moment at which states are compared.
const quiet = 50 * time.Millisecond

// The ports of PlaySockets, by what happens to their connections.
const (
	portOpen = 1001 + iota
	portHalfClosed
	portClientFirst
	portServerFirst
	portBlackHole
	portSynAckLost
	portAckLost
	portFinLost
	portLastAckLost
	portClosing
	portSecondFinLost
	portAborted
	portRefused
	portReverse
)

// SocketsOptions returns the options of a lab for PlaySockets.
func SocketsOptions() netlab.Options {
	lostOf := map[uint16]int{} // by port, the number of frames that were lost, or could have been
	fins := map[uint16]int{}   // hosts that sent a FIN
	lost := func(s netlab.Segment) bool {
		port := min(s.SrcPort, s.DstPort)
		fin, ack, both := s.Flags.Has(flows.FIN), s.Flags == flows.ACK && s.Len == 0, fins[port] == 3
		if fin && s.FromClient {
			fins[port] |= 1
		} else if fin {
			fins[port] |= 2
		}
		switch port {
		case portBlackHole:
			return s.FromClient
		case portSynAckLost:
			return !s.FromClient
		case portAckLost:
			lostOf[port]++
			return ack && s.FromClient && lostOf[port] <= 3 // SYN, SYN-ACK, ACK
		case portFinLost:
			return fin && s.FromClient
		case portSecondFinLost:
			return fin && !s.FromClient
		case portLastAckLost:
			if ack && both {
				lostOf[port]++
				return lostOf[port] <= 2
			}
		case portClosing: // only the client's ACK: otherwise the retransmitted FINs may cross
			if ack && both && s.FromClient {
				lostOf[port]++
				return lostOf[port] == 1
			}
		}
		return false
	}
	return netlab.Options{Delay: Delay, Fate: func(s netlab.Segment) netlab.Fate {
		if lost(s) {
			return netlab.LostBehind
		}
		return netlab.Pass
	}}
}

// PlaySockets brings connections into every possible state, and reads the sockets of both hosts in between. It returns
// the looks while the wire was quiet.
func PlaySockets(lab *netlab.Lab) ([]Look, error) {
	var dialed []int // open to the end, because no frame shows that a SYN_SENT is given up
	defer func() {
		for _, fd := range dialed {
			unix.Close(fd)
		}
	}()
	var looks []Look
	look := func() error {
		time.Sleep(110 * time.Millisecond)
		idle, at := lab.Idle(), time.Now()
		sockets, err := lab.Sockets()
		if took := time.Since(at); idle && lab.Idle() {
			looks = append(looks, Look{at, took, sockets})
		}
		time.Sleep(60 * time.Millisecond)
		return err
	}
	dial := func(port uint16) func() error { // for a SYN that gets no answer, or a late one
		return func() error {
			return lab.Client.Do(func() error {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				dialed = append(dialed, fd)
				if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(port),
					Addr: lab.Server.IP4.As4()}); !errors.Is(err, unix.EINPROGRESS) {
					return fmt.Errorf("connect: %w", err)
				}
				return nil
			})
		}
	}
	at := map[uint16]connection{}
	connect := func(d *net.Dialer, port uint16) func() error {
		return func() error {
			client, server, err := lab.Connect(d, port)
			at[port] = connection{lab, client, server}
			return err
		}
	}
	listenAt := func(port uint16) func() error {
		return func() error {
			_, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, port))
			return err
		}
	}
	reverse := func() error { // the server opens
		listener, err := lab.Client.Listen(netip.AddrPortFrom(lab.Client.IP6, portReverse))
		if err != nil {
			return err
		}
		defer listener.Close()
		server, err := lab.Server.Dial(nil, netip.AddrPortFrom(lab.Client.IP6, portReverse))
		if err != nil {
			return err
		}
		client, err := listener.AcceptTCP()
		at[portReverse] = connection{lab, client, server}
		return err
	}
	of := func(port uint16, act func(connection) error) func() error {
		return func() error { return act(at[port]) }
	}
	sameport := &net.Dialer{LocalAddr: &net.TCPAddr{IP: lab.Client.IP4.AsSlice(), Port: 40123}}
	steps := []func() error{
		connect(nil, portOpen), connect(nil, portHalfClosed), connect(nil, portClientFirst),
		connect(sameport, portServerFirst), reverse, look,
		connect(nil, portClosing), pause(2 * quiet), of(portClosing,
			func(c connection) error { return errors.Join(c.client.Close(), c.server.Close()) }), look,
		look, dial(portBlackHole), look,
		listenAt(portSynAckLost), dial(portSynAckLost), look,
		listenAt(portAckLost), dial(portAckLost), look,
		of(portHalfClosed, func(c connection) error { return c.client.CloseWrite() }),
		of(portReverse, func(c connection) error { return c.steps(c.exchange, c.client.CloseWrite) }), look,
		of(portClientFirst, func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, c.server.Close)
		}),
		of(portServerFirst, func(c connection) error {
			return c.steps(c.exchange, c.server.Close, c.clientReadsAll, c.client.Close)
		}), look,
		connect(nil, portFinLost), of(portFinLost, func(c connection) error { return c.client.Close() }), look,
		connect(nil, portLastAckLost), of(portLastAckLost, func(c connection) error {
			return c.steps(c.client.Close, c.serverReadsAll, c.server.Close)
		}), look,
		connect(nil, portSecondFinLost), of(portSecondFinLost, func(c connection) error {
			return c.steps(c.client.CloseWrite, c.serverReadsAll, c.server.Close)
		}), look,
		connect(sameport, portServerFirst), of(portServerFirst, func(c connection) error { return c.exchange() }), look,
		connect(nil, portAborted), of(portAborted, func(c connection) error {
			return c.steps(c.exchange, func() error { return c.client.SetLinger(0) }, c.client.Close)
		}), look,
		dial(portRefused), look, look, look, look, look, look,
		of(portReverse, func(c connection) error { return c.steps(c.server.Close, c.clientReadsAll, c.client.Close) }),
		look, look, look,
		of(portOpen, func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll,
				c.server.Close)
		}),
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	time.Sleep(10 * Delay)
	packets := lab.Packets()
	return slices.DeleteFunc(looks, func(l Look) bool {
		return slices.ContainsFunc(packets, func(p capture.Packet) bool {
			after := time.Unix(0, p.Time).Sub(l.At)
			return -quiet < after && after < l.Took+quiet
		})
	}), nil
}

// FormatLooks writes looks as a txtar archive. Each look is a file, named by its time, with the lines of Look.Lines.
func FormatLooks(looks []Look) []byte {
	a := txtar.Archive{Comment: []byte("The kernels' reports about the sockets of both hosts, at moments without a " +
		"packet 50 ms before and after.\n\n")}
	for _, l := range looks {
		a.Files = append(a.Files, txtar.File{
			Name: l.At.UTC().Format(time.RFC3339Nano), Data: []byte(strings.Join(l.Lines(), "\n") + "\n"),
		})
	}
	return txtar.Format(&a)
}

// Lines returns a line for each socket of a look, sorted: local socket, peer, state.
func (l *Look) Lines() []string {
	var lines []string
	for _, s := range l.Sockets {
		lines = append(lines, fmt.Sprintf("%v %v %s", s.Local, s.Remote, s.State))
	}
	slices.Sort(lines)
	return lines
}
