//go:build linux

package scenes

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// All are the scenes that tests use.
var All = []Scene{
	{
		Name: "close-client-first",
		What: "Requests and answers; the client closes, the server 100 ms later: four segments.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
		}),
	},
	{
		Name: "close-server-first",
		What: "Requests and answers; the server closes, the client 100 ms later: four segments.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.server.Close, c.clientReadsAll, pause(100*time.Millisecond), c.client.Close)
		}),
	},
	{
		Name: "close-three-segments",
		What: "The server closes as soon as it reads the end: its FIN acknowledges the client's.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.exchange, c.client.CloseWrite, c.serverReadsAll, aMoment, c.server.Close,
				c.clientReadsAll, aMoment, c.client.Close)
		}),
	},
	{
		Name: "close-simultaneous",
		What: "Both sides close at the same time: the FINs cross.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.acknowledged, pause(100*time.Millisecond),
				c.crossing(c.client.Close, c.server.Close))
		}),
	},
	{
		Name: "half-close",
		What: "The client closes its direction, the server sends for another second and then closes.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.CloseWrite, pause(300*time.Millisecond), c.serverSends(500),
				pause(700*time.Millisecond),
				c.serverSends(500), c.server.Close, c.clientReadsAll, aMoment, c.client.Close)
		}),
	},
	{
		Name: "half-closed",
		What: "The client has closed its direction when the capture ends.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.CloseWrite, pause(200*time.Millisecond), c.serverSends(500))
		}),
	},
	{
		Name: "abort",
		What: "The client aborts with SO_LINGER 0: RST, no FIN.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error { return c.client.SetLinger(0) }, c.client.Close)
		}),
	},
	{
		Name: "close-with-unread-data",
		What: "The client closes and has not read what the server sent: RST, no FIN.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.serverSends(3000), c.arrival, pause(100*time.Millisecond), c.client.Close)
		}),
	},
	{
		Name: "close-then-data",
		What: "The client closes, the server sends on: its data finds no reader and draws a RST.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond),
				c.serverSends(3000))
		}),
	},
	{
		Name: "refused",
		What: "Nobody listens, over IPv4 and over IPv6: a RST answers the SYN.",
		Play: func(lab *netlab.Lab) error {
			for _, ip := range []netip.Addr{lab.Server.IP4, lab.Server.IP6} {
				if _, err := lab.Client.Dial(nil, netip.AddrPortFrom(ip, 81)); !errors.Is(err, syscall.ECONNREFUSED) {
					return fmt.Errorf("connected to a closed port: %v", err)
				}
			}
			return nil
		},
	},
	{
		Name: "unanswered",
		What: "All SYNs are lost behind the observer; the client sends its SYN again until it gives up.",
		Fate: lose(netlab.LostBehind, 1000, func(s netlab.Segment) bool { return s.FromClient }),
		Play: func(lab *netlab.Lab) error {
			if err := lab.Client.Sysctl("net.ipv4.tcp_syn_retries", "2"); err != nil {
				return err
			}
			_, err := lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 80))
			if !errors.Is(err, syscall.ETIMEDOUT) {
				return fmt.Errorf("connected through a black hole: %v", err)
			}
			return nil
		},
	},
	{
		Name: "embryonic",
		What: "All SYN-ACKs are lost behind the observer: both sides send again, then both give up.",
		Fate: lose(netlab.LostBehind, 1000, func(s netlab.Segment) bool { return !s.FromClient }),
		Play: func(lab *netlab.Lab) error {
			if err := lab.Client.Sysctl("net.ipv4.tcp_syn_retries", "1"); err != nil {
				return err
			}
			if err := lab.Server.Sysctl("net.ipv4.tcp_synack_retries", "2"); err != nil {
				return err
			}
			listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
			if err != nil {
				return err
			}
			defer listener.Close()
			if _, err := lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 80)); !errors.Is(err,
				syscall.ETIMEDOUT) {
				return fmt.Errorf("connected without a SYN-ACK: %v", err)
			}
			time.Sleep(2 * time.Second)
			return nil
		},
	},
	{
		Name: "unreachable",
		What: "A router answers SYNs with ICMP errors: host unreachable, administratively prohibited, and over IPv6 " +
			"no route.",
		Play: unreachable,
	},
	{
		Name: "syn-lost",
		What: "The first SYN is lost before the observer, the second one's SYN-ACK behind it.",
		Fate: func() func(netlab.Segment) netlab.Fate {
			syn := lose(netlab.LostBefore, 1, func(s netlab.Segment) bool { return s.FromClient })()
			synAck := lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return !s.FromClient })()
			return func(s netlab.Segment) netlab.Fate { return max(syn(s), synAck(s)) }
		},
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, aMoment, c.server.Close)
		}),
	},
	{
		Name: "handshake-ack-lost",
		What: "The handshake's last ACK is lost behind the observer and nobody has anything to say: the SYN-ACK " +
			"comes again.",
		Fate: lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return s.FromClient && s.Flags == flows.ACK }),
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, aMoment, c.server.Close)
		}),
	},
	{
		Name: "fin-lost",
		What: "The client's first FIN is lost behind the observer and sent again.",
		Fate: lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return s.FromClient && s.Flags.Has(flows.FIN) }),
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(50*time.Millisecond), c.server.Close)
		}),
	},
	{
		Name: "last-ack-lost",
		What: "The last ACK is lost behind the observer: the server's FIN comes again and starts the client's 2MSL " +
			"again.",
		Fate: func() func(netlab.Segment) netlab.Fate {
			closing := false
			return lose(netlab.LostBehind, 1, func(s netlab.Segment) bool {
				closing = closing || !s.FromClient && s.Flags.Has(flows.FIN)
				return closing && s.FromClient
			})()
		},
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(50*time.Millisecond), c.server.Close,
				pause(time.Second))
		}),
	},
	{
		Name: "keepalive",
		What: "Keepalive probes of an idle client, two of them answered; then the wire is cut, two are not, and the " +
			"client resets.",
		Fate: func() func(netlab.Segment) netlab.Fate {
			var cut time.Time
			return func(netlab.Segment) netlab.Fate {
				if cut.IsZero() {
					cut = time.Now().Add(2500 * time.Millisecond)
				}
				if time.Now().After(cut) {
					return netlab.LostBehind
				}
				return netlab.Pass
			}
		},
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error {
				return c.client.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Second,
					Interval: time.Second, Count: 2})
			}, pause(5500*time.Millisecond))
		}),
	},
	{
		Name: "zero-window",
		What: "The server does not read for two seconds: its window closes, the client probes it, then all is read " +
			"and closed.",
		Play: func(lab *netlab.Lab) error {
			if err := lab.Server.Sysctl("net.ipv4.tcp_rmem", "4096 4096 4096"); err != nil {
				return err
			}
			return withConnection(func(c connection) error {
				return c.steps(c.clientSends(12000), pause(2*time.Second), c.client.Close, c.serverReadsAll, aMoment,
					c.server.Close)
			})(lab)
		},
	},
	{
		Name: "backlog-overflow",
		What: "Two waves of four clients meet a backlog of four: the server drops the last ACKs of three and sends " +
			"their SYN-ACKs again, until it accepts.",
		Play: backlogOverflow,
	},
	{
		Name: "midstream",
		What: "The capture begins when the connection is open already.",
		Play: func(lab *netlab.Lab) error {
			return withConnection(func(c connection) error {
				return c.steps(c.exchange, c.acknowledged, pause(100*time.Millisecond),
					func() error { lab.Forget(); return nil }, c.exchange,
					c.client.Close, c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
			})(lab)
		},
	},
	{
		Name: "open-simultaneous",
		What: "Two sockets connect to each other at the same time: the SYNs cross.",
		Play: openSimultaneously,
	},
	{
		Name: "half-open",
		What: "The server forgets the connection without a word (TCP_REPAIR), as in a crash; the client's next data " +
			"draws a RST.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.acknowledged, pause(100*time.Millisecond),
				func() error { return setOption(c.server, unix.TCP_REPAIR, 1) }, c.server.Close,
				pause(500*time.Millisecond), c.clientSends(100))
		}),
	},
	{
		Name: "time-wait-reuse",
		What: "The server closes first and holds TIME_WAIT; half a second later the client opens again from the same " +
			"port.",
		Play: func(lab *netlab.Lab) error {
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: lab.Client.IP4.AsSlice(), Port: 40123}}
			for range 2 {
				client, server, err := lab.Connect(dialer, 80)
				if err != nil {
					return err
				}
				c := connection{lab, client, server}
				if err := c.steps(c.exchange, server.Close, c.clientReadsAll, aMoment, client.Close, lab.Settle,
					pause(500*time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "fast-open",
		What: "TCP Fast Open: the first connection gets a cookie, the second one sends its request in the SYN.",
		Play: fastOpen,
	},
	{
		Name: "ipv6",
		What: "IPv6: requests and answers, and the client closes first.",
		Play: func(lab *netlab.Lab) error {
			client, server, err := lab.ConnectTo(nil, netip.AddrPortFrom(lab.Server.IP6, 443))
			if err != nil {
				return err
			}
			c := connection{lab, client, server}
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
		},
	},
}

// connection has both ends of a connection.
type connection struct {
	lab            *netlab.Lab
	client, server *net.TCPConn
}

// withConnection plays a scene with one connection, to port 80.
func withConnection(play func(connection) error) func(*netlab.Lab) error {
	return func(lab *netlab.Lab) error {
		client, server, err := lab.Connect(nil, 80)
		if err != nil {
			return err
		}
		deadline := time.Now().Add(20 * time.Second)
		client.SetDeadline(deadline)
		server.SetDeadline(deadline)
		return play(connection{lab, client, server})
	}
}

// steps runs one step after the other, until one fails.
func (c connection) steps(steps ...func() error) error {
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// arrival waits until all sent frames have arrived.
func (c connection) arrival() error {
	for !c.lab.Idle() {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// acknowledged waits until all sent data is acknowledged, and no frame is under way.
func (c connection) acknowledged() error {
	for _, end := range []*net.TCPConn{c.client, c.server} {
		raw, err := end.SyscallConn()
		if err != nil {
			return err
		}
		for queued := 1; queued > 0 && err == nil; time.Sleep(time.Millisecond) {
			failed := raw.Control(func(fd uintptr) { queued, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
			err = errors.Join(err, failed)
		}
		if err != nil {
			return fmt.Errorf("read how much is not acknowledged: %w", err)
		}
	}
	return c.arrival()
}

// crossing lets two sides act before either receives what the other has sent.
func (c connection) crossing(one, other func() error) func() error {
	return func() error {
		defer c.lab.Hold()()
		return errors.Join(one(), other())
	}
}

func pause(d time.Duration) func() error {
	return func() error { time.Sleep(d); return nil }
}

// aMoment is the time that an application takes to react to what it has read.
func aMoment() error { return pause(3 * time.Millisecond)() }

// exchange is a request of 120 bytes and a response of 800.
func (c connection) exchange() error {
	return c.steps(c.clientSends(120), read(c.server, 120), c.serverSends(800), read(c.client, 800))
}

func (c connection) clientSends(n int) func() error { return send(c.client, n) }
func (c connection) serverSends(n int) func() error { return send(c.server, n) }
func (c connection) clientReadsAll() error          { return readAll(c.client) }
func (c connection) serverReadsAll() error          { return readAll(c.server) }

func send(to io.Writer, n int) func() error {
	return func() error {
		_, err := to.Write([]byte(strings.Repeat("tcplife ", n/8+1))[:n])
		return err
	}
}

func read(from io.Reader, n int64) func() error {
	return func() error {
		_, err := io.CopyN(io.Discard, from, n)
		return err
	}
}

func readAll(from io.Reader) error {
	_, err := io.Copy(io.Discard, from)
	return err
}

// lose returns a function that returns fate for the first n segments that match.
func lose(fate netlab.Fate, n int, match func(netlab.Segment) bool) func() func(netlab.Segment) netlab.Fate {
	return func() func(netlab.Segment) netlab.Fate {
		left := n
		return func(s netlab.Segment) netlab.Fate {
			if left == 0 || !match(s) {
				return netlab.Pass
			}
			left--
			return fate
		}
	}
}

func setOption(c *net.TCPConn, option, value int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, value) })
	return errors.Join(err, failed)
}

func unreachable(lab *netlab.Lab) error {
	for host, commands := range map[*netlab.Host]string{
		lab.Server: `
			route add unreachable 198.18.98.0/24
			route add prohibit 198.18.99.0/24
			route add unreachable 2001:db8:99::/64`,
		lab.Client: `
			route add default via 2001:db8::2`,
	} {
		err := host.Do(func() error {
			ip := exec.Command("ip", "-batch", "-")
			ip.Stdin = strings.NewReader(strings.ReplaceAll(commands, "\t", ""))
			out, err := ip.CombinedOutput()
			if err != nil {
				return fmt.Errorf("ip: %w: %s", err, out)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		if err := lab.Server.Sysctl(name, "1"); err != nil {
			return err
		}
	}
	for _, to := range []string{"198.18.98.1:80", "198.18.99.1:80", "[2001:db8:99::1]:80"} {
		_, err := lab.Client.Dial(nil, netip.MustParseAddrPort(to))
		if !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ENETUNREACH) {
			return fmt.Errorf("connect to %s: %v, want it to be unreachable", to, err)
		}
	}
	return nil
}

func backlogOverflow(lab *netlab.Lab) error {
	// A backlog of four has room for five. It must have room when the second wave's SYNs arrive: otherwise the server
	// would drop them too.
	if err := lab.Server.Sysctl("net.core.somaxconn", "4"); err != nil {
		return err
	}
	at := netip.AddrPortFrom(lab.Server.IP4, 80)
	listener, err := lab.Server.Listen(at)
	if err != nil {
		return err
	}
	defer listener.Close()
	clients := make([]*net.TCPConn, 8)
	failures := make([]error, len(clients))
	for first := 0; first < len(clients); first += 4 {
		var wave sync.WaitGroup
		for i := first; i < first+4; i++ {
			wave.Go(func() { clients[i], failures[i] = lab.Client.Dial(nil, at) })
		}
		wave.Wait()
		if err := (connection{lab: lab}).arrival(); err != nil {
			return err
		}
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	listener.SetDeadline(time.Now().Add(10 * time.Second))
	for range clients {
		server, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		defer server.Close()
	}
	for _, client := range clients {
		if err := client.Close(); err != nil {
			return err
		}
	}
	return connection{lab: lab}.arrival()
}

func openSimultaneously(lab *netlab.Lab) error {
	c := connection{lab: lab}
	dial := func(from, to *netlab.Host) (*net.TCPConn, error) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.IP4.AsSlice(), Port: 7000}}
		return from.Dial(dialer, netip.AddrPortFrom(to.IP4, 7000))
	}
	var errClient, errServer error
	var wait sync.WaitGroup
	release := lab.Hold()
	wait.Go(func() { c.client, errClient = dial(lab.Client, lab.Server) })
	wait.Go(func() { c.server, errServer = dial(lab.Server, lab.Client) })
	for deadline := time.Now().Add(10 * time.Second); len(lab.Packets()) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	release()
	wait.Wait()
	if err := errors.Join(errClient, errServer); err != nil {
		return err
	}
	return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
}

func fastOpen(lab *netlab.Lab) error {
	const everyListener = "1027" // 0x1: as a client; 0x2: as a server; 0x400: on every listener
	for _, h := range []*netlab.Host{lab.Client, lab.Server} {
		if err := h.Sysctl("net.ipv4.tcp_fastopen", everyListener); err != nil {
			return err
		}
	}
	at := netip.AddrPortFrom(lab.Server.IP4, 80)
	listener, err := lab.Server.Listen(at)
	if err != nil {
		return err
	}
	defer listener.Close()
	dialer := &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT,
				1)
		})
	}}
	for range 2 {
		client, err := lab.Client.Dial(dialer, at)
		if err != nil {
			return err
		}
		if err := send(client, 120)(); err != nil {
			return err
		}
		server, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		c := connection{lab, client, server}
		if err := c.steps(read(server, 120), c.serverSends(800), read(client, 800), client.Close, c.serverReadsAll,
			aMoment, server.Close, lab.Settle); err != nil {
			return err
		}
	}
	return nil
}
