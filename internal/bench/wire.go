//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// The two ends of the wire.
const (
	nearEnd = "near" // where the sender sends
	farEnd  = "far"  // where captures are made
)

// wire makes a network namespace for this thread, which must be locked, with a pair of veth devices and nothing else.
// Processes that the thread starts are in it. It ends with the thread.
func wire() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace, which needs root: %w", err)
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader("link add " + nearEnd + " type veth peer name " + farEnd + "\n" +
		"link set " + nearEnd + " addrgenmode none up\nlink set " + farEnd + " addrgenmode none up\n")
	if out, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("make a pair of veth devices: %w: %s", err, out)
	}
	return nil
}

// arrived is how many packets have reached the far end.
func arrived() (uint64, error) {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if name, counts, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == farEnd {
			return strconv.ParseUint(strings.Fields(counts)[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no device %s in /proc/thread-self/net/dev", farEnd)
}

// exchange has the frames of a short connection: handshake, request, response, three segments to close.
var exchange = func() [][]byte {
	client, server := netip.MustParseAddrPort("10.0.0.1:1024"), netip.MustParseAddrPort("198.18.0.1:80")
	frame := func(fromClient bool, flags flows.Flags, seq, ack uint32, data int) []byte {
		src, dst := client, server
		if !fromClient {
			src, dst = server, client
		}
		return segtest.Frame(src, dst, flags, seq, ack, data)
	}
	const request, response = 120, 600
	return [][]byte{
		frame(true, flows.SYN, 99, 0, 0),
		frame(false, flows.SYN|flows.ACK, 299, 100, 0),
		frame(true, flows.ACK, 100, 300, 0),
		frame(true, flows.PSH|flows.ACK, 100, 300, request),
		frame(false, flows.PSH|flows.ACK, 300, 100+request, response),
		frame(true, flows.FIN|flows.ACK, 100+request, 300+response, 0),
		frame(false, flows.FIN|flows.ACK, 300+response, 101+request, 0),
		frame(true, flows.ACK, 101+request, 301+response, 0),
	}
}()

// sendBatch is the number of frames that one system call sends, each of another connection.
const sendBatch = 64

// sender sends short connections, each from another address and port, at a rate. It allocates nothing while sending.
type sender struct {
	fd       int
	next     uint64 // connection
	frames   [sendBatch][]byte
	vectors  [sendBatch]unix.Iovec
	messages [sendBatch]message
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	sent   uint32
	_      [4]byte
}

func newSender() (*sender, error) {
	s := &sender{next: sendBatch * 8}
	var err error
	if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, err
	}
	device, err := net.InterfaceByName(nearEnd)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Ifindex: device.Index}); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return nil, err
	}
	for i := range s.frames {
		s.frames[i] = make([]byte, 2048)
		s.messages[i].header.Iov = &s.vectors[i]
		s.messages[i].header.SetIovlen(1)
		s.vectors[i].Base = &s.frames[i][0]
	}
	return s, nil
}

// send sends packets at a rate per second, or as fast as possible if it is 0. It returns how long it took.
func (s *sender) send(packets int, rate float64) (time.Duration, error) {
	began := time.Now()
	for sent := 0; sent < packets; sent += sendBatch {
		// The connections under way are at different stages. One packet of each is sent.
		for i := range sendBatch {
			stage := uint64(i % len(exchange))
			n := s.next + uint64(i/len(exchange)) - stage*(sendBatch/uint64(len(exchange)))
			s.vectors[i].SetLen(s.fill(s.frames[i], int(stage), n))
		}
		s.next += sendBatch / uint64(len(exchange))
		for done := 0; done < sendBatch; {
			n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.messages[done])),
				uintptr(sendBatch-done), 0, 0, 0)
			switch {
			case errno == unix.ENOBUFS || errno == unix.EINTR || errno == unix.EAGAIN:
			case errno != 0:
				return 0, fmt.Errorf("send: %w", errno)
			default:
				done += int(n)
			}
		}
		if rate > 0 {
			if ahead := time.Duration(float64(sent)/rate*1e9) - time.Since(began); ahead > 50*time.Microsecond {
				time.Sleep(ahead)
			}
		}
	}
	runtime.KeepAlive(s)
	return time.Since(began), nil
}

// fill makes the frame of a stage of the n-th connection, and updates its checksums (RFC 1624).
func (s *sender) fill(frame []byte, stage int, n uint64) int {
	template := exchange[stage]
	length := copy(frame, template)
	const ip, tcp = 14, 14 + 20
	address, port := ip+12, tcp // the client's
	if stage == 1 || stage == 4 || stage == 6 {
		address, port = ip+16, tcp+2
	}
	be := binary.BigEndian
	var difference uint32
	set := func(at int, value uint16) uint32 {
		old := be.Uint16(frame[at:])
		be.PutUint16(frame[at:], value)
		return uint32(^old) + uint32(value)
	}
	difference = set(address, 0x0a00|uint16(n>>32)) + set(address+2, uint16(n>>16))
	adjust(frame[ip+10:], difference)
	adjust(frame[tcp+16:], difference+set(port, uint16(n)))
	return length
}

// adjust adds a difference to a checksum.
func adjust(sum []byte, difference uint32) {
	v := uint32(^binary.BigEndian.Uint16(sum)) + difference
	for v > 0xffff {
		v = v>>16 + v&0xffff
	}
	binary.BigEndian.PutUint16(sum, ^uint16(v))
}
