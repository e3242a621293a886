package flows

import (
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// fails reports whether gopacket's packet has an error in it, or no TCP.
func fails(link capture.LinkType, data []byte) bool {
	p := gopacket.NewPacket(data, layers.LinkType(link), gopacket.NoCopy) // LinkType is a byte
	return p.ErrorLayer() != nil || p.Layer(layers.LayerTypeTCP) == nil
}

// panics reports whether a layer of gopacket's panics when it is called directly.
func panics(l gopacket.DecodingLayer, data []byte) (did bool) {
	defer func() { did = recover() != nil }()
	_ = l.DecodeFromBytes(data, gopacket.NilDecodeFeedback)
	return false
}

func refuses(l gopacket.DecodingLayer, data []byte) bool {
	return l.DecodeFromBytes(data, gopacket.NilDecodeFeedback) != nil
}

func isDecodingLayer(l any) bool {
	_, ok := l.(gopacket.DecodingLayer)
	return ok
}

// Every fault of gopacket v1.1.19 that has a workaround: the fault still exists, and it does no harm here. If the first
// half of a case fails, the library is fixed and the workaround can go.
func TestGopacketFaults(t *testing.T) {
	sll := cooked(0x800, syn4)
	sll[4], sll[5] = 0xff, 0xff
	payload := []byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	tso6 := ip6(6, tcp6(ACK, nil, payload))
	tso6[4], tso6[5] = 0, 0
	big4 := ip4(6, tcp4(ACK, nil, zeros(70000)))
	big4[2], big4[3] = 0, 0
	tail := cat(ip6(0, extension(6, zeros(6), tcp6(ACK, nil, payload))), []byte("12345678"))
	later := ip6fragment(6, 1, 1480, false, payload)
	overrun := []byte{2, 4, 5, 0xb4, 8, 0, 0, 0}
	geneve := cat([]byte{1, 0}, be16(0x800), be32(0), zeros(4), syn4)
	gtp := cat([]byte{0x34, 255}, be16(8+len(syn4)), be32(7), []byte{0, 0, 0, 0x85, 1, 0, 0, 0}, syn4)

	for _, tt := range []struct {
		name  string
		fault bool
		link  capture.LinkType
		data  []byte
		want  string // "segment", or how the packet is counted
		len   uint32
	}{
		{"SLL2: link type 276 is taken for 20", fails(276, cooked2(0x800, syn4)), 276, cooked2(0x800, syn4), "segment",
			0},
		{"link type 257 is taken for Ethernet", !fails(257, eth(0x800, syn4)), 257, eth(0x800, syn4), "link_type", 0},
		{"link type 228 is unknown", fails(228, syn4), 228, syn4, "segment", 0},
		{"link type 229 is unknown", fails(229, syn6), 229, syn6, "segment", 0},
		{"IPv6 payload length 0 is refused", refuses(&layers.IPv6{}, tso6), 101, tso6, "segment", uint32(len(payload))},
		{"IPv4 total length 0 is the captured one modulo 65536", func() bool {
			var ip layers.IPv4
			return ip.DecodeFromBytes(big4, gopacket.NilDecodeFeedback) == nil && len(ip.Payload) == len(big4)-20-65536
		}(), 101, big4, "segment", 70000},
		{"IPv6 hop-by-hop: bytes behind the packet are payload", func() bool {
			var ip layers.IPv6
			return ip.DecodeFromBytes(tail, gopacket.NilDecodeFeedback) == nil && len(ip.Payload) == 20+len(payload)+8
		}(), 101, tail, "segment", uint32(len(payload))},
		{"IPv6 fragment: payload is taken for a TCP header", func() bool {
			var ip layers.IPv6
			var ext layers.IPv6ExtensionSkipper
			var header layers.TCP
			parser := gopacket.NewDecodingLayerParser(layers.LayerTypeIPv6, &ip, &ext, &header)
			var decoded []gopacket.LayerType
			_ = parser.DecodeLayers(later, &decoded)
			return header.SrcPort == 'G'<<8|'E'
		}(), 101, later, "fragment_incomplete", 0},
		{"AH is no DecodingLayer", !isDecodingLayer(&layers.IPSecAH{}), 101,
			ip4(51, cat([]byte{6, 1, 0, 0}, zeros(8), tcp4(SYN, nil, nil))), "segment", 0},
		{"TCP options cut by the snaplen are refused", refuses(&layers.TCP{}, tcp4(SYN, synOptions, nil)[:28]), 101,
			ip4(6, tcp4(SYN, synOptions, nil))[:48], "segment", 0},
		{"TCP option of length 0 is refused", refuses(&layers.TCP{}, tcp4(SYN, overrun, nil)), 101,
			ip4(6, tcp4(SYN, overrun, nil)), "segment", 0},
		{"IPv4 option of length 2 is refused", refuses(&layers.IPv4{}, ip4with(6, []byte{0x94, 2, 0, 0}, syn4[20:])),
			101, ip4with(6, []byte{0x94, 2, 0, 0}, syn4[20:]), "segment", 0},
		{"IPv4 option beyond the header is refused",
			refuses(&layers.IPv4{}, ip4with(6, []byte{0x94, 9, 0, 0}, syn4[20:])), 101,
			ip4with(6, []byte{0x94, 9, 0, 0}, syn4[20:]), "segment", 0},
		{"IPv4 of another version is not refused", !refuses(&layers.IPv4{}, cat([]byte{0x55}, syn4[1:])), 228,
			cat([]byte{0x55}, syn4[1:]), "malformed_ipv4", 0},
		{"GRE without its checksum panics", panics(&layers.GRE{}, []byte{0x80, 0, 8, 0}), 101,
			ip4(47, []byte{0x80, 0, 8, 0}), "malformed_gre", 0},
		{"GRE without its route panics",
			panics(&layers.GRE{}, cat(be16(0x4000), be16(0x800), zeros(4), []byte{0, 1, 0, 200})), 101,
			ip4(47, cat(be16(0x4000), be16(0x800), zeros(4), []byte{0, 1, 0, 200})), "malformed_gre", 0},
		{"SLL with an address length of 65535 panics", panics(&layers.LinuxSLL{}, sll), 113, sll, "segment", 0},
		{"ERSPAN II of four bytes panics", panics(&layers.ERSPANII{}, zeros(4)), 101,
			ip4(47, cat(be16(0x1000), be16(0x88be), zeros(8))), "malformed_erspan_type_ii", 0},
		{"0x9100 is unknown", fails(1, eth(0x9100, tag(1, 0x800, syn4))), 1, eth(0x9100, tag(1, 0x800, syn4)),
			"segment", 0},
		{"LLC has no IP", fails(1, eth(3+len(syn4), cat([]byte{6, 6, 3}, syn4))), 1,
			eth(3+len(syn4), cat([]byte{6, 6, 3}, syn4)), "segment", 0},
		{"SNAP of any organization is an EtherType",
			!fails(1, eth(8+len(syn4), cat([]byte{0xaa, 0xaa, 3, 1, 2, 3}, be16(0x800), syn4))), 1,
			eth(8+len(syn4), cat([]byte{0xaa, 0xaa, 3, 1, 2, 3}, be16(0x800), syn4)), "llc", 0},
		{"MPLS is no DecodingLayer", !isDecodingLayer(&layers.MPLS{}), 1, eth(0x8847, cat(be32(0x140), syn4)),
			"segment", 0},
		{"PPPoE is no DecodingLayer", !isDecodingLayer(&layers.PPPoE{}), 1,
			eth(0x8864, pppoeSession(1, cat(be16(0x21), syn4))), "segment", 0},
		{"PPP is no DecodingLayer", !isDecodingLayer(&layers.PPP{}), 9, cat(be16(0x21), syn4), "segment", 0},
		{"Geneve is no DecodingLayer", !isDecodingLayer(&layers.Geneve{}), 101, ip4(17, udpTo(6081, geneve)), "segment",
			0},
		{"Geneve remembers the options of earlier packets", func() bool {
			var l layers.Geneve
			_ = l.DecodeFromBytes(geneve, gopacket.NilDecodeFeedback)
			_ = l.DecodeFromBytes(geneve, gopacket.NilDecodeFeedback)
			return len(l.Options) == 2
		}(), 101, ip4(17, udpTo(6081, geneve)), "segment", 0},
		{"GTP remembers the extensions of earlier packets", func() bool {
			var l layers.GTPv1U
			_ = l.DecodeFromBytes(gtp, gopacket.NilDecodeFeedback)
			_ = l.DecodeFromBytes(gtp, gopacket.NilDecodeFeedback)
			return len(l.GTPExtensionHeaders) == 2
		}(), 101, ip4(17, udpTo(2152, gtp)), "segment", 0},
		{"GTP refuses a packet that the snaplen cut", refuses(&layers.GTPv1U{}, gtp[:len(gtp)-1]), 101,
			ip4(17, udpTo(2152, gtp))[:20+8+len(gtp)-1], "segment", 0},
		{"Prism of four bytes panics", panics(&layers.PrismHeader{}, zeros(4)), 119, zeros(4), "malformed_prism", 0},
		{"802.11 takes the last four bytes for a checksum", func() bool {
			var l layers.Dot11
			frame := wlanData(0x08, 2, cat(snapHeader(0x800), syn4))
			return l.DecodeFromBytes(frame, gopacket.NilDecodeFeedback) == nil &&
				len(l.LayerPayload()) == len(frame)-24-4
		}(), 105, wlanData(0x08, 2, cat(snapHeader(0x800), syn4)), "segment", 0},
		{"radiotap copies the packet", testing.AllocsPerRun(5, func() {
			var l layers.RadioTap
			_ = l.DecodeFromBytes(cat([]byte{0, 0, 8, 0}, zeros(4), wlanData(0x08, 2, syn4)),
				gopacket.NilDecodeFeedback)
		}) > 3, 127, cat([]byte{0, 0, 8, 0}, zeros(4), wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), "segment", 0},
	} {
		if !tt.fault {
			t.Errorf("%s: gopacket does not have this fault any more", tt.name)
		}
		d := NewDecoder(DecoderOptions{})
		segments := d.Decode(packet(tt.link, tt.data), nil)
		switch s := d.Stats(); {
		case tt.want != "segment":
			if len(segments) != 0 || s.Undecoded[tt.want]+s.Decoded[tt.want] != 1 {
				t.Errorf("%s: counted as %v, %v, want %s", tt.name, s.Decoded, s.Undecoded, tt.want)
			}
		case len(segments) != 1:
			t.Errorf("%s: got %d segments; %v %v", tt.name, len(segments), s.Decoded, s.Undecoded)
		case segments[0].Len != tt.len:
			t.Errorf("%s: %d bytes, want %d", tt.name, segments[0].Len, tt.len)
		}
	}
}

// The wrappers and our own layers are what gopacket calls a DecodingLayer: its parser can walk through them.
func TestLayersWorkInGopacketsParser(t *testing.T) {
	data := eth(0x8100, tag(12, 0x8847, cat(be32(16<<12|0x140), syn4)))
	own := &tcp{}
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &ethernet{}, &dot1Q{}, &mpls{}, &mplsPayload{},
		&ipv4{}, own)
	var decoded []gopacket.LayerType
	err := parser.DecodeLayers(data, &decoded)
	if _, unsupported := err.(gopacket.UnsupportedLayerType); err != nil && !unsupported {
		t.Fatal(err)
	}
	if seq := binary.BigEndian.Uint32(own.Contents[4:]); seq != testSeq || len(decoded) != 6 {
		t.Errorf("decoded %v, sequence number %x", decoded, seq)
	}
}
