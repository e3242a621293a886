//go:build linux

package scenes

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// More are further scenes. The kernels' reports on them are recorded, but no test reads them.
var More = []Scene{
	{
		Name: "abort-by-server",
		What: "The server aborts with SO_LINGER 0: RST, no FIN.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error { return c.server.SetLinger(0) }, c.server.Close)
		}),
	},
	{
		Name: "abort-after-fin",
		What: "The client has closed its direction; the server aborts in CLOSE_WAIT.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.CloseWrite, c.serverReadsAll, pause(100*time.Millisecond),
				func() error { return c.server.SetLinger(0) }, c.server.Close)
		}),
	},
	{
		Name: "abort-lost",
		What: "The client aborts and its RST is lost behind the observer: half-open, until the server sends and is " +
			"reset.",
		Fate: lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return s.Flags.Has(flows.RST) }),
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error { return c.client.SetLinger(0) }, c.client.Close,
				pause(500*time.Millisecond), c.serverSends(100))
		}),
	},
	{
		Name: "half-open-syn",
		What: "The client forgets the connection and opens again from the same port: the server's ACK draws a RST " +
			"(RFC 9293 figure 9), the next SYN opens.",
		Play: func(lab *netlab.Lab) error {
			listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
			if err != nil {
				return err
			}
			defer listener.Close()
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: lab.Client.IP4.AsSlice(), Port: 40123}}
			c := connection{lab: lab}
			for range 2 {
				if c.client, err = lab.Client.Dial(dialer, netip.AddrPortFrom(lab.Server.IP4, 80)); err != nil {
					return err
				}
				if c.server, err = listener.AcceptTCP(); err != nil {
					return err
				}
				defer c.server.Close()
				err := c.steps(c.exchange, c.acknowledged, pause(200*time.Millisecond),
					func() error { return setOption(c.client, unix.TCP_REPAIR, 1) }, c.client.Close,
					pause(200*time.Millisecond))
				if err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "synack-lost",
		What: "The SYN-ACK is lost behind the observer: the SYN comes again.",
		Fate: lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return s.Flags.Has(flows.SYN | flows.ACK) }),
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.server.Close, c.clientReadsAll, pause(100*time.Millisecond), c.client.Close)
		}),
	},
	{
		Name: "handshake-ack-lost-data",
		What: "The handshake's last ACK is lost behind the observer; the client's request opens the server.",
		Fate: lose(netlab.LostBehind, 1, func(s netlab.Segment) bool { return s.FromClient && s.Flags == flows.ACK }),
		Play: func(lab *netlab.Lab) error {
			listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
			if err != nil {
				return err
			}
			defer listener.Close()
			c := connection{lab: lab}
			if c.client, err = lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 80)); err != nil {
				return err
			}
			if err := c.steps(pause(100*time.Millisecond), c.clientSends(120)); err != nil {
				return err
			}
			if c.server, err = listener.AcceptTCP(); err != nil {
				return err
			}
			return c.steps(read(c.server, 120), c.serverSends(800), read(c.client, 800), c.client.Close,
				c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
		},
	},
	{
		Name: "second-fin-lost",
		What: "The server's FIN is lost before the observer and sent again.",
		Fate: lose(netlab.LostBefore, 1, func(s netlab.Segment) bool {
			return !s.FromClient &&
				s.Flags.Has(flows.FIN)
		}),
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond), c.server.Close)
		}),
	},
	{
		Name: "keepalive-answered",
		What: "An idle client asks three times whether the server is there, and it is.",
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error {
				return c.client.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Second,
					Interval: time.Second, Count: 2})
			}, pause(3500*time.Millisecond), c.client.Close, c.serverReadsAll, pause(100*time.Millisecond),
				c.server.Close)
		}),
	},
	{
		Name: "user-timeout",
		What: "The wire is cut while the client sends: it gives up after TCP_USER_TIMEOUT, the server knows nothing " +
			"of it.",
		Fate: func() func(netlab.Segment) netlab.Fate {
			data := 0
			return func(s netlab.Segment) netlab.Fate {
				if s.FromClient && s.Len > 0 {
					data++
				}
				if data > 1 {
					return netlab.LostBehind
				}
				return netlab.Pass
			}
		},
		Play: withConnection(func(c connection) error {
			return c.steps(c.exchange, func() error { return setOption(c.client, unix.TCP_USER_TIMEOUT, 1000) },
				c.clientSends(100), func() error {
					if err := readAll(c.client); !errors.Is(err, syscall.ETIMEDOUT) {
						return fmt.Errorf("the client did not time out: %v", err)
					}
					return nil
				})
		}),
	},
	{
		Name: "fin-wait-2-timeout",
		What: "The client has closed and forgets the connection after tcp_fin_timeout of 1 s in FIN_WAIT_2; the " +
			"server's FIN draws a RST.",
		Play: func(lab *netlab.Lab) error {
			if err := lab.Client.Sysctl("net.ipv4.tcp_fin_timeout", "1"); err != nil {
				return err
			}
			return withConnection(func(c connection) error {
				return c.steps(c.exchange, c.client.Close, pause(2500*time.Millisecond), c.server.Close)
			})(lab)
		},
	},
	{
		Name: "time-wait-reuse-by-client",
		What: "The client closes first and opens again, from the same port, over a TIME_WAIT of its own " +
			"(tcp_tw_reuse).",
		Play: func(lab *netlab.Lab) error {
			if err := lab.Client.Sysctl("net.ipv4.tcp_tw_reuse", "1"); err != nil {
				return err
			}
			dialer := &net.Dialer{
				LocalAddr: &net.TCPAddr{IP: lab.Client.IP4.AsSlice(), Port: 40123},
				Control: func(_, _ string, raw syscall.RawConn) error {
					return raw.Control(func(fd uintptr) {
						unix.SetsockoptInt(int(fd), unix.SOL_SOCKET,
							unix.SO_REUSEADDR, 1)
					})
				},
			}
			for range 2 {
				client, server, err := lab.Connect(dialer, 80)
				if err != nil {
					return err
				}
				c := connection{lab, client, server}
				if err := c.steps(c.exchange, client.Close, c.serverReadsAll, aMoment, server.Close, lab.Settle,
					pause(1500*time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "vlan",
		What: "Frames with a VLAN tag: the client closes first, then the server of another connection.",
		VLAN: 17,
		Play: func(lab *netlab.Lab) error {
			return errors.Join(
				withConnection(func(c connection) error {
					return c.steps(c.exchange, c.client.Close, c.serverReadsAll, pause(100*time.Millisecond),
						c.server.Close)
				})(lab),
				withConnection(func(c connection) error {
					return c.steps(c.exchange, c.server.Close, c.clientReadsAll, pause(100*time.Millisecond),
						c.client.Close)
				})(lab),
			)
		},
	},
	{
		Name: "lossy",
		What: "Ten connections, one after the other, over a path that loses every tenth frame, half of them before " +
			"the observer.",
		Fate: lossy,
		Play: func(lab *netlab.Lab) error {
			for i := range 10 {
				err := withConnection(func(c connection) error {
					first, second := c.client, c.server
					if i%2 == 1 {
						first, second = second, first
					}
					return c.steps(c.exchange, c.clientSends(3000), read(c.server, 3000), c.serverSends(6000),
						read(c.client, 6000),
						first.Close, pause(300*time.Millisecond), second.Close)
				})(lab)
				if err != nil {
					return err
				}
			}
			return nil
		},
	},
}

// lossy loses one frame in ten at random, the same ones each time.
func lossy() func(netlab.Segment) netlab.Fate {
	dice := rand.New(rand.NewPCG(9293, 793))
	return func(netlab.Segment) netlab.Fate {
		switch dice.IntN(20) {
		case 0:
			return netlab.LostBefore
		case 1:
			return netlab.LostBehind
		}
		return netlab.Pass
	}
}
