package netlab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/capture"
)

// Options describe the wire.
type Options struct {
	Delay time.Duration // one way; the capture is made in the middle of the wire
	VLAN  uint16        // the VLAN tag of captured frames, 0 for none; the hosts do not see it
	// Fate decides about each frame with TCP, in the order in which the hosts send them. Nil lets all pass. Calls do
	// not overlap.
	Fate func(Segment) Fate
}

// Fate is what happens to a frame.
type Fate uint8

// The fates.
const (
	Pass       Fate = iota // captured and delivered
	LostBehind             // captured, not delivered
	LostBefore             // neither captured nor delivered
)

// maxPackets is the most that a lab captures. Further frames are still delivered.
const maxPackets = 100_000

// Lab is two hosts and the wire between them. It keeps their sockets until it is closed. Otherwise the garbage
// collector would close unreferenced ones, with a FIN or RST in the middle of the test.
type Lab struct {
	Client, Server *Host

	options  Options
	carriers sync.WaitGroup
	delivery sync.RWMutex // held for reading while a frame is delivered
	watcher  atomic.Pointer[Watcher]
	mu       sync.Mutex // guards the fields below, and calls of Fate
	packets  []capture.Packet
	began    time.Time // the capture
	underWay int       // frames that were read from one host, and not yet delivered to the other
	sockets  []io.Closer
}

// Host is a network namespace. IP4 is its address in 198.18.0.0/24 (RFC 2544), IP6 in 2001:db8::/64.
type Host struct {
	Name     string
	IP4, IP6 netip.Addr

	namespace int      // file descriptor
	tap       *os.File // the other end of its interface
	other     *Host
	lab       *Lab
}

// Start is New for tests. It skips the test and prints the reason where it cannot make a lab. It closes the lab at the
// test's end.
func Start(tb testing.TB, o Options) *Lab {
	tb.Helper()
	lab, err := New(o)
	if err != nil {
		tb.Skip("no network namespaces here:", err)
	}
	tb.Cleanup(lab.Close)
	return lab
}

// New makes a lab.
func New(o Options) (*Lab, error) {
	l := &Lab{
		Client: &Host{Name: "client", IP4: netip.MustParseAddr("198.18.0.1"), IP6: netip.MustParseAddr("2001:db8::1")},
		Server: &Host{Name: "server", IP4: netip.MustParseAddr("198.18.0.2"), IP6: netip.MustParseAddr("2001:db8::2")},

		options: o,
		began:   time.Now(),
	}
	l.Client.other, l.Server.other = l.Server, l.Client
	l.Client.lab, l.Server.lab = l, l
	for _, h := range []*Host{l.Client, l.Server} {
		if err := h.boot(); err != nil {
			l.Close()
			return nil, fmt.Errorf("make the lab's %s: %w", h.Name, err)
		}
	}
	l.carriers.Add(2)
	go l.carry(l.Client)
	go l.carry(l.Server)
	return l, nil
}

// Close ends the lab, the wire first, so that no packet shows the end of the remaining connections.
func (l *Lab) Close() {
	for _, h := range []*Host{l.Client, l.Server} {
		if h.tap != nil {
			h.tap.Close()
		}
	}
	l.carriers.Wait()
	for _, s := range l.sockets {
		s.Close() // an error: it is closed already
	}
	for _, h := range []*Host{l.Client, l.Server} {
		if h.namespace > 0 {
			unix.Close(h.namespace)
		}
	}
}

// Packets are the frames with TCP or ICMP captured so far, in order of time.
func (l *Lab) Packets() []capture.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	packets := slices.Clone(l.packets)
	slices.SortStableFunc(packets, func(a, b capture.Packet) int { return int(a.Time - b.Time) })
	for i := range packets {
		packets[i].Number = uint64(i + 1)
	}
	return packets
}

// Forget drops the packets captured so far: the capture begins now.
func (l *Lab) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets, l.began = nil, time.Now()
}

// CaptureStart is when the capture began.
func (l *Lab) CaptureStart() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.began
}

// Settle waits, at most twenty seconds, until no frame is under way and no socket waits for an answer to its SYN or
// FIN.
func (l *Lab) Settle() error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		sockets, err := l.Sockets()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(sockets, func(s Socket) bool {
			return slices.Contains([]string{"SYN_SENT", "SYN_RCVD", "FIN_WAIT_1", "CLOSING", "LAST_ACK"}, s.State)
		})
		switch {
		case i < 0 && l.Idle():
			return nil
		case time.Now().Before(deadline):
		case i < 0:
			return errors.New("after 20 s there are still frames on the wire")
		default:
			return fmt.Errorf("after 20 s the %s still has its socket from %v to %v in %s", sockets[i].Host.Name,
				sockets[i].Local, sockets[i].Remote, sockets[i].State)
		}
	}
}

// Hold stops the delivery of frames until the function that it returns is called. Frames are still sent and captured.
func (l *Lab) Hold() (release func()) {
	l.delivery.Lock()
	return l.delivery.Unlock
}

// Idle reports whether no frame is under way: each that a host has sent was delivered or lost.
func (l *Lab) Idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.underWay == 0 && !l.Client.hasSent() && !l.Server.hasSent()
}

// hasSent reports whether the host has sent frames that are not read yet.
func (h *Host) hasSent() (has bool) {
	raw, err := h.tap.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(events, 0)
		has = n > 0 || err != nil
	})
	return has
}

// carry delivers the frames that a host sends to the other one, until the host's device is closed.
func (l *Lab) carry(from *Host) {
	defer l.carriers.Done()
	type frame struct {
		bytes []byte
		due   time.Time
	}
	delayed := make(chan frame, 4096) // closed by the reader below; if it is full, the host only becomes slower
	l.carriers.Add(1)
	go func() {
		defer l.carriers.Done()
		for f := range delayed {
			time.Sleep(time.Until(f.due))
			l.delivery.RLock()
			from.other.tap.Write(f.bytes) // an error: the lab is being closed
			l.delivery.RUnlock()
			if w := l.watcher.Load(); w != nil {
				w.look(from.other)
			}
			l.arrived()
		}
	}()
	defer close(delayed)
	buffer := make([]byte, 1<<16)
	for {
		n, err := l.take(from, buffer)
		if err != nil {
			return
		}
		now := time.Now()
		bytes := slices.Clone(buffer[:n])
		if l.capture(from, now.Add(l.options.Delay/2), bytes) {
			delayed <- frame{bytes, now.Add(l.options.Delay)}
		} else {
			l.arrived()
		}
	}
}

// take waits for a frame of a host and counts it as under way. At no moment is it neither unread nor under way.
func (l *Lab) take(from *Host, buffer []byte) (n int, err error) {
	raw, err := from.tap.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		n, failed = unix.Read(int(fd), buffer)
		if failed == nil {
			l.underWay++
		}
		return failed != unix.EAGAIN
	})
	return n, errors.Join(err, failed)
}

// arrived records that a frame is no longer under way.
func (l *Lab) arrived() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay--
}

// capture records a frame and reports whether to deliver it.
func (l *Lab) capture(from *Host, at time.Time, frame []byte) bool {
	protocol, segment := parse(frame)
	if protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_ICMP && protocol != unix.IPPROTO_ICMPV6 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fate := Pass
	if l.options.Fate != nil && protocol == unix.IPPROTO_TCP {
		segment.FromClient = from == l.Client
		fate = l.options.Fate(segment)
	}
	if fate != LostBefore && len(l.packets) < maxPackets {
		if l.options.VLAN != 0 {
			frame = tag(frame, l.options.VLAN)
		}
		const ethernet = 1
		l.packets = append(l.packets, capture.Packet{Time: at.UnixNano(), Data: frame, Length: len(frame),
			Link: ethernet})
	}
	return fate == Pass
}

// tag returns a copy of an Ethernet frame with a VLAN tag (IEEE 802.1Q).
func tag(frame []byte, vlan uint16) []byte {
	const addresses = 12
	tag := binary.BigEndian.AppendUint16([]byte{0x81, 0x00}, vlan)
	return slices.Concat(frame[:addresses], tag, frame[addresses:])
}

// newNamespace makes a network namespace and returns its file descriptor.
func newNamespace() (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread is in the namespace, and ends with the goroutine
		if err = unshare(); err != nil {
			return
		}
		if fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			err = fmt.Errorf("open the namespace: %w", err)
		}
	}()
	<-done
	return fd, err
}

// boot makes the namespace and its interface.
func (h *Host) boot() error {
	var err error
	if h.namespace, err = newNamespace(); err != nil {
		return err
	}
	return h.Do(func() error {
		if h.tap, err = openTAP("eth0"); err != nil {
			return err
		}
		if err := h.quiet("eth0"); err != nil {
			return err
		}
		batch := fmt.Sprintf(`
			link set lo up
			link set eth0 address %s up
			addr add %s/24 dev eth0
			addr add %s/64 dev eth0 nodad
			neigh add %s lladdr %s dev eth0
			neigh add %s lladdr %[5]s dev eth0
			route add default via %[4]s`,
			h.MAC(), h.IP4, h.IP6, h.other.IP4, h.other.MAC(), h.other.IP6)
		return setUp("ip -batch -", batch)
	})
}

// quiet turns neighbour discovery and router solicitation off on an interface, so that a capture holds only what the
// test does.
func (h *Host) quiet(device string) error {
	for name, value := range map[string]string{"accept_dad": "0", "router_solicitations": "0", "addr_gen_mode": "1"} {
		if err := h.sysctl("net.ipv6.conf."+device+"."+name, value); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setUp passes lines to a command in the thread's namespace.
func setUp(command, lines string) error {
	words := strings.Fields(command)
	c := exec.Command(words[0], words[1:]...)
	c.Stdin = strings.NewReader(strings.ReplaceAll(lines, "\t", ""))
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

// unshare puts the thread into a new network namespace with a small table of connections. The table is read often, and
// by default it is as large as the machine's: a read then takes milliseconds.
func unshare() error {
	for range 2 { // the second one inherits what is set in the first
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("a new network namespace: %w", err)
		}
		for _, set := range []struct{ name, value string }{
			{"tcp_child_ehash_entries", "1024"}, // since Linux 6.1
			{"tcp_max_syn_backlog", "4096"},     // by default a share of that
			{"tcp_max_tw_buckets", "65536"},
		} {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+set.name, []byte(set.value), 0); err != nil &&
				!errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Frames returns how many frames the host's device has sent and received.
func (h *Host) Frames() (n int, err error) {
	err = h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		_, counters, _ := strings.Cut(string(text), " eth0:")
		fields := strings.Fields(counters) // received: bytes, packets and six more; sent: bytes, packets
		if len(fields) < 10 {
			return fmt.Errorf("no counters of eth0 in %q", text)
		}
		received, err := strconv.Atoi(fields[1])
		if err != nil {
			return err
		}
		sent, err := strconv.Atoi(fields[9])
		n = received + sent
		return err
	})
	return n, err
}

// MAC is the address of the host's interface.
func (h *Host) MAC() net.HardwareAddr { return net.HardwareAddr{2, 0, 198, 18, 0, h.IP4.As4()[3]} }

// Do runs f on a thread inside the host's namespace. Sockets and commands that f makes belong to the host.
func (h *Host) Do(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, see newNamespace
		if err := unix.Setns(h.namespace, unix.CLONE_NEWNET); err != nil {
			failed <- fmt.Errorf("enter the namespace of the %s: %w", h.Name, err)
			return
		}
		failed <- f()
	}()
	return <-failed
}

// Sysctl sets a kernel parameter of the host, such as net.ipv4.tcp_syn_retries.
func (h *Host) Sysctl(name, value string) error {
	return h.Do(func() error { return h.sysctl(name, value) })
}

// sysctl is Sysctl on a thread that is in the namespace.
func (h *Host) sysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")), []byte(value), 0)
}

// Dial connects from the host; d may bind an address or set options, and may be nil.
func (h *Host) Dial(d *net.Dialer, to netip.AddrPort) (*net.TCPConn, error) {
	if d == nil {
		d = &net.Dialer{}
	}
	var conn net.Conn
	err := h.Do(func() (err error) {
		conn, err = d.Dial("tcp", to.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	h.lab.hold(conn)
	return conn.(*net.TCPConn), nil
}

// hold keeps a socket until the lab is closed.
func (l *Lab) hold(s io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sockets = append(l.sockets, s)
}

// Listen makes a listening socket on one of the host's addresses.
func (h *Host) Listen(at netip.AddrPort) (*net.TCPListener, error) {
	var listener *net.TCPListener
	err := h.Do(func() (err error) {
		listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		return nil, err
	}
	h.lab.hold(listener)
	return listener, nil
}

// Connect opens a connection from the client to a port of the server, over IPv4, and returns both ends.
func (l *Lab) Connect(d *net.Dialer, port uint16) (client, server *net.TCPConn, err error) {
	return l.ConnectTo(d, netip.AddrPortFrom(l.Server.IP4, port))
}

// ConnectTo opens a connection from the client to a socket address of the server, and returns both ends.
func (l *Lab) ConnectTo(d *net.Dialer, to netip.AddrPort) (client, server *net.TCPConn, err error) {
	listener, err := l.Server.Listen(to)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		stopListening(listener)
		listener.Close()
	}()
	if client, err = l.Client.Dial(d, to); err != nil {
		return nil, nil, err
	}
	listener.SetDeadline(time.Now().Add(10 * time.Second))
	if server, err = listener.AcceptTCP(); err != nil {
		client.Close()
		return nil, nil, err
	}
	l.hold(server)
	return client, server, nil
}

// stopListening frees the port of a listener at once. A child process that has not begun its program yet holds the
// socket too, and would keep it listening after Close.
func stopListening(l *net.TCPListener) {
	if raw, err := l.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_RD) })
	}
}

// openTAP makes a TAP device in the thread's namespace. Frames that the host sends are read from it.
func openTAP(name string) (*os.File, error) {
	const path = "/dev/net/tun"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make the TAP device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
