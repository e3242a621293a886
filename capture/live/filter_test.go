//go:build !nopcap && ((cgo && !windows) || (windows && (amd64 || 386)))

package live

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/tcplife/tcplife/capture"
)

// frame is an Ethernet frame with a TCP SYN of 54 bytes to a port.
func frame(port uint16) []byte {
	b := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" +
		"\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
		"\x9c\x40\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(b[36:], port)
	return b
}

func match(t *testing.T, expr string, p *capture.Packet) bool {
	t.Helper()
	f, err := CompileFilter(expr)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := f.Match(p)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestFilter(t *testing.T) {
	ether := &capture.Packet{Data: frame(443), Length: 54, Link: 1}
	cooked := []byte("\x08\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00")
	sll2 := &capture.Packet{Data: append(cooked, ether.Data[14:]...), Length: 60, Link: 276}
	ipv4 := &capture.Packet{Data: ether.Data[14:], Length: 40, Link: 228}
	raw := &capture.Packet{Data: ether.Data[14:], Length: 40, Link: 101}
	for _, p := range []*capture.Packet{ether, sll2, ipv4, raw} {
		for expr, want := range map[string]bool{
			"": true, "tcp port 443": true, "tcp port 80": false,
			"host 10.0.0.2 and tcp[tcpflags] & tcp-syn != 0": true,
			"udp or src net 192.168.0.0/16":                  false, "portrange 440-450": true, "ip[8] = 64": true,
			"greater 61": false,
		} {
			if got := match(t, expr, p); got != want {
				t.Errorf("%q on %v: %v, want %v", expr, p.Link, got, want)
			}
		}
	}
	if !match(t, "greater 1000", &capture.Packet{Data: ether.Data, Length: 1400, Link: 1}) {
		t.Error("the length of a packet is its captured length")
	}
	if match(t, "tcp port 443", &capture.Packet{Data: ether.Data[:36], Length: 54, Link: 1}) {
		t.Error("a filter matches a port beyond the captured bytes")
	}
}

func TestFilterErrors(t *testing.T) {
	_, err := CompileFilter("tcp prot 80")
	if want := `filter "tcp prot 80": syntax error`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	f, err := CompileFilter("type mgt subtype beacon") // of 802.11 only
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := f.Match(&capture.Packet{Data: []byte("\x80\x00"), Length: 2, Link: 105}); !ok || err != nil {
		t.Errorf("a beacon: %v, %v", ok, err)
	}
	_, err = f.Match(&capture.Packet{Data: frame(443), Length: 54, Link: 1})
	if err == nil || !strings.HasPrefix(err.Error(),
		`filter "type mgt subtype beacon": on packets of link type EN10MB: `) {
		t.Errorf("on Ethernet: %v", err)
	}
}

// TestFilterAgainstLibpcap compares our interpreter with libpcap's, on programs that use every instruction.
func TestFilterAgainstLibpcap(t *testing.T) {
	exprs := []string{
		"", "tcp", "tcp port 443", "ip6 or vlan and tcp", "tcp[13] & 7 != 0", "len > 100 or less 60", "greater 60",
		"ip[2:2] + ip[0] * 4 - tcp[12] / 16 > 37", "tcp[tcp[12] >> 2] = 0x41", "ip[0] % 7 = 6",
		"ether[0:4] ^ ether[4:4] | 1 = 3",
		"tcp[4:4] << (ip[8] & 31) > 5 or -ip[9] = -6", "ip[2:2] / (ip[6] & 1) = 4", "ip[2:2] % (ip[6] & 1) = 4",
		"vlan 3 and vlan 5 and tcp port 443", "mpls and tcp", "pppoes and ip and tcp", "geneve and ip",
		"ip broadcast or ip multicast",
		"net 10.0.0.0/9", "ip6 protochain 6", "ip protochain 6", "ether[ip[0]:2] = 3", "ether[(0 - 2):2] = 1",
		"len = 60 and ip[len - 21] = 0",
		"tcp[2:2] = 443 and (tcp[tcpflags] & (tcp-syn|tcp-fin) == tcp-syn)",
	}
	random := rand.New(rand.NewPCG(5, 6))
	headers := map[layers.LinkType][]string{
		layers.LinkTypeEthernet: {"", "\x81\x00\x00\x03", "\x81\x00\x00\x03\x81\x00\x00\x05",
			"\x88\x47\x00\x01\x01\x40",
			"\x88\x64\x11\x00\x00\x01\x00\x2a\x00\x21"},
		layers.LinkTypeLinuxSLL: {"\x00\x00\x00\x01"},
		layers.LinkType(12):     {""},
	}
	accepted, rejected := 0, 0
	for link, insets := range headers {
		for _, expr := range exprs {
			theirs, err := pcap.NewBPF(link, capture.MaxPacket, expr)
			if err != nil {
				continue // it does not apply to this link type
			}
			ours, err := CompileFilter(expr)
			if err != nil {
				t.Fatal(err)
			}
			for range 400 {
				data := frame([]uint16{443, 80}[random.IntN(2)])
				if inset := insets[random.IntN(len(insets))]; inset != "" {
					data = append(append(append([]byte{}, data[:12]...), inset...), data[12:]...)
				}
				if link == 12 {
					data = data[14:]
				}
				for range random.IntN(4) {
					data[random.IntN(len(data))] = byte(random.IntN(256))
				}
				for range random.IntN(3) {
					data = append(data, 'A')
				}
				length := len(data) + random.IntN(2)*random.IntN(100)
				data = data[:max(1, len(data)-random.IntN(2)*random.IntN(len(data)))]
				want := theirs.Matches(gopacket.CaptureInfo{CaptureLength: len(data), Length: length}, data)
				got, err := ours.Match(&capture.Packet{Data: data, Length: length, Link: capture.LinkType(link)})
				if err != nil || got != want {
					t.Fatalf("%q on %v % x (%d bytes long): %v, %v, want %v", expr, link, data, length, got, err, want)
				}
				if want {
					accepted++
				} else {
					rejected++
				}
			}
		}
	}
	if accepted < 1000 || rejected < 1000 {
		t.Errorf("%d accepted, %d rejected: too few to compare", accepted, rejected)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	f, err := CompileFilter("tcp port 443 and greater 40")
	if err != nil {
		t.Fatal(err)
	}
	p := &capture.Packet{Data: frame(443), Length: 54, Link: 1}
	if n := testing.AllocsPerRun(100, func() { f.Match(p) }); n != 0 {
		t.Errorf("%v allocations for a packet, want 0", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := CompileFilter("tcp port 80 or tcp port 8080 or host 10.9.8.7")
	if err != nil {
		b.Fatal(err)
	}
	p := &capture.Packet{Data: frame(443), Length: 54, Link: 1}
	for range b.N {
		f.Match(p)
	}
}

func ExampleFilter() {
	f, err := CompileFilter("tcp port 443")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, port := range []uint16{443, 80} {
		matches, err := f.Match(&capture.Packet{Data: frame(port), Length: 54, Link: 1})
		fmt.Println(port, matches, err)
	}
	// Output:
	// 443 true <nil>
	// 80 false <nil>
}
