package flows

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// compare compares the segment of a packet with what gopacket.NewPacket finds in it, if that finds TCP over one IP
// header without an error. It reports whether there was something to compare.
func compare(t *testing.T, d *Decoder, p *capture.Packet) bool {
	t.Helper()
	theirs := gopacket.NewPacket(p.Data, layers.LinkType(p.Link), gopacket.Default)
	header, ok := theirs.TransportLayer().(*layers.TCP)
	networks := 0
	for _, l := range theirs.Layers() {
		if _, ok := l.(gopacket.NetworkLayer); ok {
			networks++
		}
	}
	if !ok || networks != 1 || theirs.ErrorLayer() != nil || theirs.Metadata().Truncated {
		return false
	}
	s := one(t, d, p)
	network := theirs.NetworkLayer().NetworkFlow()
	src, _ := netip.AddrFromSlice(network.Src().Raw())
	dst, _ := netip.AddrFromSlice(network.Dst().Raw())
	from, to := s.Key.AddrPortA(), s.Key.AddrPortB()
	if s.FromB {
		from, to = to, from
	}
	if from != netip.AddrPortFrom(src, uint16(header.SrcPort)) ||
		to != netip.AddrPortFrom(dst, uint16(header.DstPort)) {
		t.Fatalf("from %v to %v, gopacket says %v:%d to %v:%d", from, to, src, header.SrcPort, dst, header.DstPort)
	}
	var flags Flags
	for i, set := range []bool{header.FIN, header.SYN, header.RST, header.PSH, header.ACK, header.URG, header.ECE,
		header.CWR, header.NS} {
		if set {
			flags |= 1 << i
		}
	}
	if s.Seq != header.Seq || s.Ack != header.Ack || s.Window != header.Window || s.Flags != flags ||
		int(s.Len) != len(header.Payload) {
		t.Fatalf("%+v, gopacket says %+v with %d bytes", s, header, len(header.Payload))
	}
	switch ip := theirs.NetworkLayer().(type) {
	case *layers.IPv4:
		if s.TTL != ip.TTL || s.IPID != ip.Id {
			t.Fatalf("TTL %d, id %d, gopacket says %d, %d", s.TTL, s.IPID, ip.TTL, ip.Id)
		}
	case *layers.IPv6:
		if s.TTL != ip.HopLimit || s.IPID != 0 {
			t.Fatalf("hop limit %d, id %d, gopacket says %d", s.TTL, s.IPID, ip.HopLimit)
		}
	}
	for _, o := range header.Options {
		switch {
		case o.OptionType == layers.TCPOptionKindMSS && o.OptionLength == 4 && !s.Options.HasMSS,
			o.OptionType == layers.TCPOptionKindTimestamps && o.OptionLength == 10 && !s.Options.HasTimestamp,
			o.OptionType == layers.TCPOptionKindWindowScale && o.OptionLength == 3 && !s.Options.HasWScale,
			o.OptionType == layers.TCPOptionKindSACKPermitted && o.OptionLength == 2 && !s.Options.SACKPermitted:
			t.Fatalf("option %v is missing in %+v", o, s.Options)
		}
	}
	return true
}

// randomStack is an ordinary packet, as in most captures, with random values.
func randomStack(r *rand.Rand) *capture.Packet {
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	options := [][]byte{nil, timestamps, synOptions, {2, 4, 5, 0xb4}, {1, 1, 4, 2}, cat([]byte{1, 1, 5, 10}, random(8)),
		{3, 3, 9, 0}}[r.IntN(7)]
	segment := cat(random(12), be16((20+len(options))/4<<12|r.IntN(1<<12)), random(6), options, random(r.IntN(200)))
	etherType, ip := 0x800, ip4(6, segment)
	if r.IntN(2) == 0 {
		etherType, ip = 0x86dd, ip6(6, segment)
		copy(ip[7:40], random(33))
	} else {
		copy(ip[8:9], random(1))
		copy(ip[4:6], random(2))
		copy(ip[12:20], random(8))
		if r.IntN(4) > 0 {
			sealIP4(ip[:20])
		}
	}
	switch r.IntN(6) {
	case 0:
		return packet(101, ip)
	case 1:
		return packet(113, cooked(etherType, ip))
	case 2:
		family := map[int]int{0x800: 2, 0x86dd: 30}[etherType]
		return packet(0, cat(le32(family), ip))
	case 3:
		return packet(1, cat(eth(0x8100, tag(r.IntN(4096), etherType, ip)), zeros(r.IntN(8))))
	case 4:
		return packet(1, eth(0x88a8, tag(r.IntN(4096), 0x8100, tag(r.IntN(4096), etherType, ip))))
	}
	return packet(1, cat(eth(etherType, ip), zeros(r.IntN(8))))
}

// The shortcut has the results of the long way, for whole, cut and damaged packets.
func TestShortcut(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	taken := 0
	for range 4000 {
		p := randomStack(r)
		if r.IntN(2) == 0 {
			p.Data[r.IntN(len(p.Data))] ^= 1 << r.IntN(8)
		}
		if r.IntN(2) == 0 {
			p.Data = p.Data[:r.IntN(len(p.Data)+1)]
		}
		if shortcutIsRight(t, p) {
			taken++
		}
	}
	if taken < 1000 {
		t.Errorf("the shortcut was taken %d times", taken)
	}
	for _, tt := range stacks {
		shortcutIsRight(t, packet(tt.link, tt.data))
	}
}

// Ordinary packets have the results of gopacket.
func TestDecodeAsGopacket(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	d := NewDecoder(DecoderOptions{})
	for range 20000 {
		if p := randomStack(r); !compare(t, d, p) {
			t.Fatalf("gopacket does not decode %x", p.Data)
		}
	}
	compared := 0
	for _, tt := range stacks {
		if compare(t, d, packet(tt.link, tt.data)) {
			compared++
		}
	}
	if compared < 20 {
		t.Errorf("gopacket decodes %d of the packets in stacks", compared)
	}
}
