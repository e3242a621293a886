package flows

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
	_ "github.com/tcplife/tcplife/internal/testrun"
)

// stacks are packets with the SYN or the data of packets_test.go inside other headers.
var stacks = []struct {
	name  string
	link  capture.LinkType
	data  []byte
	encap string // of the segment, as describe writes it
}{
	{"ethernet, IPv4", 1, eth(0x800, syn4), ""},
	{"ethernet, IPv6", 1, eth(0x86dd, syn6), ""},
	{"ethernet, padded", 1, cat(eth(0x800, ip4(6, tcp4(ACK, nil, nil))), zeros(6)), ""},
	{"802.1Q", 1, eth(0x8100, tag(0x6000|12, 0x800, syn4)), "vlan 12"},
	{"802.1Q priority tag", 1, eth(0x8100, tag(0, 0x800, syn4)), "vlan 0"},
	{"802.1ad, 802.1Q", 1, eth(0x88a8, tag(100, 0x8100, tag(12, 0x86dd, syn6))), "vlan 100, vlan 12"},
	{"0x9100", 1, eth(0x9100, tag(100, 0x8100, tag(12, 0x800, syn4))), "vlan 100, vlan 12"},
	{"0x9200", 1, eth(0x9200, tag(7, 0x800, syn4)), "vlan 7"},
	{"802.3, LLC, SNAP", 1, cat(eth(8+len(syn4), cat(snapHeader(0x800), syn4)), zeros(3)), ""},
	{"802.3, LLC", 1, eth(3+len(syn4), cat([]byte{6, 6, 3}, syn4)), ""},
	{"802.1Q, 802.3, LLC, SNAP", 1, eth(0x8100, tag(5, 8+len(syn6), cat(snapHeader(0x86dd), syn6))), "vlan 5"},
	{"MPLS", 1, eth(0x8847, cat(be32(16<<12|0x140), syn4)), "mpls 16"},
	{"MPLS of two labels, IPv6", 1, eth(0x8848, cat(be32(16<<12|64), be32(1048575<<12|0x140), syn6)),
		"mpls 16, mpls 1048575"},
	{"MPLS, pseudowire", 1, eth(0x8847, cat(be32(16<<12|0x140), be32(0), eth(0x800, syn4))), "mpls 16"},
	{"PPPoE", 1, eth(0x8864, pppoeSession(9, cat(be16(0x21), syn4))), "pppoe 9"},
	{"PPPoE, IPv6, padded", 1, cat(eth(0x8864, pppoeSession(9, cat(be16(0x57), syn6))), zeros(4)), "pppoe 9"},
	{"802.1ah", 1, eth(0x88e7, cat(be32(0x10000000|77), eth(0x800, syn4))), "8021ah 77"},
	{"802.1ad, 802.1ah, 802.1Q", 1, eth(0x88a8, tag(1, 0x88e7, cat(be32(77), eth(0x8100, tag(12, 0x800, syn4))))),
		"vlan 1, 8021ah 77, vlan 12"},
	{"802.1BR", 1, eth(0x893f, cat(be16(0), be16(0x1000|5), []byte{0, 2}, be16(0x800), syn4)), "8021br 36869"},

	{"Cisco metadata", 1, eth(0x8909, cat([]byte{1, 1}, be16(1), be16(10), be16(0x800), syn4)), "cmd 10"},
	{"Cisco metadata behind a VLAN tag, two options", 1,
		eth(0x8100, tag(12, 0x8909, cat([]byte{1, 2}, be16(1), be16(10), zeros(4), be16(0x86dd), syn6))),
		"vlan 12, cmd 10"},
	{"Cisco metadata in front of a VLAN tag", 1,
		eth(0x8909, cat([]byte{1, 1}, be16(1), be16(65535), be16(0x8100), tag(12, 0x800, syn4))), "cmd 65535, vlan 12"},
	{"VN-Tag, to the bridge", 1, eth(0x8926, cat(be32(0x00000014), be16(0x8100), tag(101, 0x800, syn4))),
		"vntag 20, vlan 101"},
	{"VN-Tag, from the bridge", 1, eth(0x8926, cat(be32(0x80150000), be16(0x86dd), syn6)), "vntag 21"},
	{"VN-Tag, from the bridge to many, looped", 1, eth(0x8926, cat(be32(0xc0018014), be16(0x800), syn4)), "vntag 1"},
	{"HSR", 1, eth(0x892f, cat(be16(0x1000|len(syn4)+6), be16(77), be16(0x800), syn4)), "hsr"},
	{"HSR behind a VLAN tag, 802.2 inside", 1,
		eth(0x8100, tag(12, 0x892f, cat(be16(len(syn4)+14), be16(77), be16(8+len(syn4)), snapHeader(0x800), syn4))),
		"vlan 12, hsr"},
	{"PRP", 1, cat(eth(0x800, syn4), be16(77), be16(0xa000|len(syn4)+6), be16(0x88fb)), ""},

	{"PPP", 9, cat([]byte{0xff, 3}, be16(0x21), syn4), ""},
	{"C-HDLC under PPP", 9, cat([]byte{0x0f, 0}, be16(0x800), syn4), ""},
	{"C-HDLC to all under PPP", 9, cat([]byte{0x8f, 0}, be16(0x86dd), syn6), ""},
	{"PPP without address and control", 9, cat(be16(0x57), syn6), ""},
	{"PPP, compressed protocol", 9, cat([]byte{0x21}, syn4), ""},
	{"PPP, MPLS", 9, cat([]byte{0xff, 3}, be16(0x281), be32(16<<12|0x140), syn4), "mpls 16"},
	{"PPP in HDLC framing", 50, cat([]byte{0xff, 3}, be16(0x21), syn4), ""},
	{"C-HDLC", 104, cat([]byte{0x0f, 0}, be16(0x800), syn4), ""},
	{"C-HDLC under PPP_HDLC", 50, cat([]byte{0x8f, 0}, be16(0x86dd), syn6), ""},
	{"PPPoE as link", 51, pppoeSession(9, cat(be16(0x21), syn4)), "pppoe 9"},
	{"raw 12", 12, syn4, ""},
	{"raw 14", 14, syn6, ""},
	{"raw 101", 101, syn4, ""},
	{"raw 101, IPv6", 101, syn6, ""},
	{"raw 228", 228, syn4, ""},
	{"raw 229", 229, syn6, ""},
	{"null, little-endian", 0, cat(le32(2), syn4), ""},
	{"null, big-endian", 0, cat(be32(2), syn4), ""},
	{"null, Linux", 0, cat(le32(10), syn6), ""},
	{"null, NetBSD", 0, cat(le32(24), syn6), ""},
	{"null, FreeBSD", 0, cat(be32(28), syn6), ""},
	{"null, Darwin", 0, cat(le32(30), syn6), ""},
	{"loop", 108, cat(be32(24), syn6), ""},
	{"SLL", 113, cooked(0x800, syn4), ""},
	{"SLL, VLAN", 113, cooked(0x8100, tag(12, 0x86dd, syn6)), "vlan 12"},
	{"SLL, 802.2", 113, cooked(4, cat(snapHeader(0x800), syn4)), ""},
	{"SLL2", 276, cooked2(0x800, syn4), ""},
	{"SLL2, IPv6", 276, cooked2(0x86dd, syn6), ""},
	{"NFLOG, little-endian", 239, cat([]byte{2, 0, 0, 0}, le16(5), le16(10), []byte{'x', 0, 0, 0}, le16(4+len(syn4)),
		le16(9), syn4), ""},
	{"NFLOG, big-endian", 239, cat([]byte{10, 0, 0, 0}, be16(8), be16(1), zeros(4), be16(4+len(syn6)), be16(9), syn6),
		""},
	{"PFLOG, OpenBSD 3.4", 117, cat([]byte{45, 2}, zeros(46), syn4), ""},
	{"PFLOG, OpenBSD 3.8", 117, cat([]byte{61, 24}, zeros(62), syn6), ""},
	{"PFLOG, OpenBSD 4.9", 117, cat([]byte{100, 2}, zeros(98), syn4), ""},
	{"PFLOG, FreeBSD", 117, cat([]byte{69, 28}, zeros(70), syn6), ""},
	{"PFLOG, macOS", 117, cat([]byte{61, 30}, zeros(62), syn6), ""},
	{"PFLOG, a length with its padding", 117, cat([]byte{64, 2}, zeros(62), syn4), ""},
	{"PFLOG before OpenBSD 3.4, big-endian", 17, cat(be32(2), zeros(24), syn4), ""},
	{"PFLOG before OpenBSD 3.4, little-endian", 17, cat(le32(24), zeros(24), syn6), ""},
	{"ENC, little-endian", 109, cat(le32(2), be32(99), le32(0x800), syn4), ""},
	{"ENC, big-endian", 109, cat(be32(24), be32(99), be32(0x400), syn6), ""},
	{"ENC, a tunnel's packet", 109, cat(le32(2), be32(99), le32(0xc00), ip4(4, syn4)), "ip"},
	{"PKTAP, Ethernet", 258, pktapOf(108, 1, eth(0x800, syn4)), ""},
	{"PKTAP, longer, loopback", 258, pktapOf(156, 0, cat(le32(30), syn6)), ""},
	{"PKTAP, raw", 258, pktapOf(108, 12, syn6), ""},
	{"PKTAP, 802.11", 258, pktapOf(108, 105, wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), ""},
	{"PKTAP as USER2", 149, pktapOf(108, 1, eth(0x8100, tag(12, 0x800, syn4))), "vlan 12"},
	{"Juniper Ethernet", 178, cat([]byte("MGC\x01"), eth(0x800, syn4)), ""},
	{"Juniper Ethernet, extensions", 178,
		cat([]byte("MGC\x80"), be16(16), []byte{3, 1, 1, 4, 2, 70, 1, 0x81, 4, 0, 0, 0, 5, 6, 1, 14},
			eth(0x8100, tag(12, 0x800, syn4))), "vlan 12"},
	{"Juniper Ethernet, no Ethernet", 178, cat([]byte("MGC\x02"), le32(2), syn4), ""},
	{"Juniper Ethernet, extensions, no Ethernet", 178, cat([]byte("MGC\x83"), be16(6), []byte{3, 1, 1, 6, 1, 14},
		le32(6), syn6), ""},
	{"Juniper Ethernet, no Ethernet, MPLS", 178, cat([]byte("MGC\x03"), le32(5), be32(0x45000<<12|0x140), syn4),
		"mpls 282624"},
	{"Juniper PPP", 179, cat([]byte("MGC\x00"), []byte{0xff, 3}, be16(0x21), syn4), ""},
	{"Juniper Frame Relay", 180, cat([]byte("MGC\x00"), []byte{0x18, 0x41, 3, 0xcc}, syn4), "frame_relay 100"},
	{"Juniper C-HDLC", 181, cat([]byte("MGC\x01"), []byte{0x0f, 0}, be16(0x800), syn4), ""},
	{"IPoIB", 242, cat(zeros(40), be16(0x800), be16(0), syn4), ""},
	{"IPoIB, IPv6", 242, cat(zeros(40), be16(0x86dd), be16(0), syn6), ""},

	{"ERF, Ethernet", 197, erfOf(2, 0, zeros(2), eth(0x800, syn4)), ""},
	{"ERF, Ethernet, padded", 197, erfOf(2, 0, zeros(2), eth(0x8100, tag(12, 0x86dd, syn6)), zeros(6)...), "vlan 12"},
	{"ERF, Ethernet in colour", 197, erfOf(11, 0, zeros(2), eth(0x800, syn4)), ""},
	{"ERF, Ethernet in colour by DSM", 197, erfOf(16, 0, zeros(2), eth(0x800, syn4)), ""},
	{"ERF, Ethernet in colour, hashed", 197, erfOf(20, 0, zeros(2), eth(0x800, syn4)), ""},
	{"ERF, Ethernet, two extension headers", 197, erfOf(2, 2, zeros(2), eth(0x800, syn4)), ""},
	{"ERF, POS with PPP", 197, erfOf(1, 0, nil, cat([]byte{0xff, 3}, be16(0x21), syn4)), ""},
	{"ERF, POS with C-HDLC", 197, erfOf(10, 1, nil, cat([]byte{0x0f, 0}, be16(0x800), syn4)), ""},
	{"ERF, channel with C-HDLC", 197, erfOf(5, 0, zeros(4), cat([]byte{0x0f, 0}, be16(0x86dd), syn6)), ""},
	{"ERF, channel with C-HDLC in colour", 197, erfOf(17, 0, zeros(4), cat([]byte{0x0f, 0}, be16(0x800), syn4)), ""},
	{"ERF, AAL5", 197, erfOf(4, 0, zeros(4), cat(snapHeader(0x800), syn4)), ""},
	{"ERF, channel with AAL5", 197, erfOf(9, 0, zeros(8), cat([]byte{0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0},
		eth(0x800, syn4))), ""},
	{"ERF, IPv4", 197, erfOf(22, 0, nil, syn4), ""},
	{"ERF, IPv6", 197, erfOf(23, 1, nil, syn6), ""},

	{"Frame Relay", 107, cat([]byte{0x18, 0x41, 3, 0xcc}, syn4), "frame_relay 100"},
	{"Frame Relay, congestion, IPv6", 107, cat([]byte{0x1a, 0x4f, 3, 0x8e}, syn6), "frame_relay 100"},
	{"Frame Relay, three bytes", 107, cat([]byte{0x18, 0x40, 0x07, 3, 0, 0xcc}, syn4), "frame_relay 6401"},
	{"Frame Relay, four bytes", 107, cat([]byte{0x18, 0x40, 0x06, 0x09, 3, 0xcc}, syn4), "frame_relay 819394"},
	{"Frame Relay, SNAP", 107, cat([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0}, be16(0x86dd), syn6), "frame_relay 100"},
	{"Frame Relay, bridged", 107, cat([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7},
		eth(0x8100, tag(12, 0x800, syn4))), "frame_relay 100, vlan 12"},
	{"Frame Relay, PPP", 107, cat([]byte{0x18, 0x41, 3, 0xcf}, be16(0x21), syn4), "frame_relay 100"},
	{"Frame Relay, Cisco's", 107, cat([]byte{0x18, 0x41}, be16(0x800), syn4), "frame_relay 100"},
	{"ATM, SNAP", 100, cat(snapHeader(0x86dd), syn6), ""},
	{"ATM, NLPID", 11, cat([]byte{0xfe, 0xfe, 3, 0xcc}, syn4), ""},
	{"ATM, bridged", 100, cat([]byte{0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1, 0, 0}, eth(0x800, syn4), zeros(4)), ""},
	{"ATM, IP alone", 100, syn6, ""},
	{"ATM, PPP alone", 100, cat(be16(0x21), syn4), ""},
	{"ATM, Ethernet alone", 100, cat(be16(0), eth(0x800, syn4)), ""},
	{"PPI, Ethernet", 192, cat([]byte{0, 0}, le16(8), le32(1), eth(0x800, syn4)), ""},
	{"PPI, 802.11", 192, cat([]byte{0, 0}, le16(12), le32(105), zeros(4),
		wlanData(0x08, 1, cat(snapHeader(0x800), syn4))), ""},

	{"802.11, from the AP", 105, wlanData(0x08, 2, cat(snapHeader(0x800), syn4)), ""},
	{"802.11, QoS", 105, wlanData(0x88, 1, cat(snapHeader(0x800), syn4)), ""},
	{"802.11, QoS, HT control", 105, wlanData(0x88, 0x81, cat(snapHeader(0x800), syn4)), ""},
	{"802.11, four addresses", 105, wlanData(0x88, 3, cat(snapHeader(0x86dd), syn6)), ""},
	{"802.11, with a checksum", 105, cat(wlanData(0x08, 2, cat(snapHeader(0x800), syn4)), zeros(4)), ""},
	{"802.11, first fragment", 105, wlanData(0x08, 4|1, cat(snapHeader(0x800), syn4)), ""},
	{"radiotap", 127, cat([]byte{0, 0}, le16(8), le32(0), wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), ""},
	{"radiotap, padded", 127, cat([]byte{0, 0}, le16(25), le32(-0x80000000|3), le32(0), zeros(4), zeros(8),
		[]byte{0x20}, qosPadded(cat(snapHeader(0x800), syn4))), ""},
	{"Prism", 119, cat(le32(0x44), le32(144), zeros(136), wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), ""},
	{"Prism, big-endian", 119, cat(be32(0x41), be32(144), zeros(136), wlanData(0x08, 2, cat(snapHeader(0x800), syn4))),
		""},
	{"AVS under Prism", 119, cat(be32(0x80211001), be32(64), zeros(56),
		wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), ""},
	{"AVS", 163, cat(be32(0x80211002), be32(80), zeros(72), wlanData(0x08, 2, cat(snapHeader(0x800), syn4))), ""},

	{"IPv4 options", 101, ip4with(6, []byte{1, 7, 3, 4}, syn4[20:]), ""},
	{"IP in IP", 101, ip4(4, syn4), "ip"},
	{"6in4", 101, ip4(41, syn6), "ip"},
	{"4in6", 101, ip6(4, syn4), "ipv6"},
	{"6in6 behind options", 101, ip6(60, extension(41, zeros(6), syn6)), "ipv6"},
	{"IPv6 hop-by-hop", 101, ip6(0, extension(6, zeros(6), tcp6(SYN, synOptions, nil))), ""},
	{"IPv6 destination options of 16 bytes", 101, ip6(60, extension(6, zeros(14), tcp6(SYN, synOptions, nil))), ""},
	{"IPv6 routing, done", 101, ip6(43, extension(6, cat([]byte{0, 0}, zeros(4), zeros(16)),
		tcp6(SYN, synOptions, nil))), ""},
	{"IPv6 all of them", 101, ip6(0, extension(60, zeros(6),
		extension(43, zeros(6), extension(135, zeros(6), extension(6, zeros(6), tcp6(SYN, synOptions, nil)))))), ""},
	{"IPv6 atomic fragment", 101, ip6fragment(6, 1, 0, false, tcp6(SYN, synOptions, nil)), ""},
	{"AH, IPv4", 101, ip4(51, cat([]byte{6, 4, 0, 0}, be32(99), zeros(16), tcp4(SYN, synOptions, nil))), "ah 99"},
	{"AH, IPv6, tunnel", 101, ip6(51, cat([]byte{41, 4, 0, 0}, be32(99), zeros(16), syn6)), "ah 99"},
	{"MPLS in IP", 101, ip4(137, cat(be32(16<<12|0x140), syn4)), "mpls 16"},

	{"GRE", 101, ip4(47, cat(be16(0), be16(0x800), syn4)), "gre"},
	{"GRE with checksum, key, number", 101, ip4(47, cat(be16(0xb000), be16(0x86dd), zeros(4), be32(5), zeros(4), syn6)),
		"gre 5"},
	{"GRE with key 0", 101, ip4(47, cat(be16(0x2000), be16(0x800), be32(0), syn4)), "gre 0"},
	{"GRE with routing", 101, ip4(47, cat(be16(0x4000), be16(0x800), zeros(4), []byte{0, 1, 0, 4}, zeros(4), zeros(4),
		syn4)), "gre"},
	{"GRE, Ethernet", 101, ip4(47, cat(be16(0x2000), be16(0x6558), be32(0x1234500), eth(0x8100, tag(3, 0x800, syn4)))),
		"gre 19088640, vlan 3"},
	{"GRE, MPLS", 101, ip4(47, cat(be16(0), be16(0x8847), be32(16<<12|0x140), syn4)), "gre, mpls 16"},
	{"GRE, 802.11 of Aruba", 101, ip4(47, cat(be16(0), be16(0x8200), wlanData(0x88, 1, cat(snapHeader(0x800), syn4)))),
		"gre"},
	{"GRE, 802.11 of Aruba, another tunnel, with a key", 101,
		ip4(47, cat(be16(0x2000), be16(0x8350), be32(7), wlanData(0x08, 2, cat(snapHeader(0x86dd), syn6)))), "gre 7"},
	{"GRE, 802.11 of Aruba as 0x9000", 101,
		ip4(47, cat(be16(0), be16(0x9000), wlanData(0x88, 2, cat(snapHeader(0x800), syn4)))), "gre"},
	{"GRE, Cisco metadata", 101, ip4(47, cat(be16(0), be16(0x8909), be16(0x800), []byte{1, 1}, be16(1), be16(10),
		syn4)), "gre, cmd 10"},
	{"GRE, WCCP 1", 101, ip4(47, cat(be16(0), be16(0x883e), syn4)), "gre"},
	{"GRE, WCCP 2", 101, ip4(47, cat(be16(0), be16(0x883e), []byte{0, 0, 0, 1}, syn4)), "gre"},
	{"GRE, Frame Relay", 101, ip4(47, cat(be16(0), be16(0x6559), []byte{0x18, 0x41, 3, 0xcc}, syn4)),
		"gre, frame_relay 100"},
	{"GRE in UDP", 101, ip4(17, udpTo(4754, cat(be16(0x2000), be16(0x86dd), be32(5), syn6))), "gre 5"},
	{"GRE in UDP, IPv6, Ethernet", 101, ip6(17, udpTo(4754, cat(be16(0), be16(0x6558), eth(0x800, syn4)))), "gre"},
	{"PPTP", 101, ip4(47, cat(be16(0x3081), be16(0x880b), be16(4+len(syn4)), be16(17), zeros(8), []byte{0xff, 3},
		be16(0x21), syn4, zeros(5))), "gre 17"},
	{"EoIP", 101, ip4(47, cat(be16(0x2001), be16(0x6400), be16(14+len(syn4)), le16(17), eth(0x800, syn4))), "gre 17"},
	{"ERSPAN I", 101, ip4(47, cat(be16(0), be16(0x88be), eth(0x800, syn4))), "gre, erspan"},
	{"ERSPAN II", 101, ip4(47, cat(be16(0x1000), be16(0x88be), zeros(4), be16(0x1000|12), be16(0x400|5), zeros(4),
		eth(0x800, syn4))), "gre, erspan 5"},
	{"ERSPAN III", 101, ip4(47, cat(be16(0x1000), be16(0x22eb), zeros(4), be16(0x2000|12), be16(6), zeros(8),
		eth(0x800, syn4))), "gre, erspan 6"},
	{"ERSPAN III, subheader", 101, ip4(47, cat(be16(0x1000), be16(0x22eb), zeros(4), be16(0x2000), be16(6), zeros(7),
		[]byte{1}, zeros(8), eth(0x800, syn4))), "gre, erspan 6"},
	{"ERSPAN III, IP", 101, ip4(47, cat(be16(0x1000), be16(0x22eb), zeros(4), be16(0x2000), be16(6), zeros(6),
		[]byte{2 << 2, 0}, syn6)), "gre, erspan 6"},
	{"VXLAN", 1, eth(0x8100, tag(12, 0x800, ip4(17, udpTo(4789, vxlanHeader(42, eth(0x800, syn4)))))),
		"vlan 12, vxlan 42"},
	{"VXLAN, port of Linux, IPv6", 101, ip6(17, udpTo(8472, vxlanHeader(42, eth(0x86dd, syn6)))), "vxlan 42"},
	{"Geneve", 101, ip4(17, udpTo(6081, cat([]byte{2, 0}, be16(0x6558), be32(42<<8), zeros(8), eth(0x800, syn4)))),
		"geneve 42"},
	{"Geneve, IP", 101, ip4(17, udpTo(6081, cat([]byte{0, 0}, be16(0x86dd), be32(42<<8), syn6))), "geneve 42"},
	{"GTP-U", 101, ip4(17, udpTo(2152, cat([]byte{0x30, 255}, be16(len(syn4)), be32(7), syn4))), "gtp 7"},
	{"GTP-U with number", 101, ip4(17, udpTo(2152, cat([]byte{0x32, 255}, be16(4+len(syn6)), be32(7), zeros(4), syn6))),
		"gtp 7"},
	{"GTP-U with two extensions", 101, ip4(17,
		udpTo(2152, cat([]byte{0x34, 255}, be16(16+len(syn4)), be32(7), []byte{0, 0, 0, 0x85, 1, 0, 0, 0xc0, 2, 0, 0, 0,
			0, 0, 0, 0}, syn4))), "gtp 7"},
	{"CAPWAP, Ethernet", 101, ip4(17, udpTo(5247, capwapOf(0, 0, nil, eth(0x8100, tag(12, 0x800, syn4))))),
		"capwap, vlan 12"},
	{"CAPWAP, 802.11", 101, ip4(17, udpTo(5247,
		capwapOf(0x03, 0, nil, wlanData(0x88, 1, cat(snapHeader(0x800), syn4))))), "capwap"},
	{"CAPWAP, 802.11, MAC and wireless information", 101,
		ip6(17, udpTo(5247, capwapOf(0x43, 0x30, cat([]byte{6}, zeros(7), []byte{4}, zeros(7)),
			wlanData(0x08, 2, cat(snapHeader(0x86dd), syn6))))), "capwap"},
	{"CAPWAP, 802.11 of Cisco", 101, ip4(17,
		udpTo(5247, capwapOf(0x01, 0x20, cat([]byte{4}, zeros(7)),
			wlanSwapped(wlanData(0x88, 2, cat(snapHeader(0x800), syn4)))))), "capwap"},
	{"CAPWAP, first fragment", 101, ip4(17, udpTo(5247, capwapOf(0, 0x80, nil, eth(0x800, syn4)))), "capwap"},
	{"CAPWAP, only fragment", 101, ip4(17, udpTo(5247, capwapOf(0, 0xc0, nil, eth(0x86dd, syn6)))), "capwap"},
	{"ERSPAN in GRE, VXLAN inside", 101,
		ip4(47, cat(be16(0x1000), be16(0x88be), zeros(4), be16(0x1000), be16(5), zeros(4),
			eth(0x800, ip4(17, udpTo(4789, vxlanHeader(42, eth(0x800, syn4))))))), "gre, erspan 5, vxlan 42"},
}

func snapHeader(etherType int) []byte { return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, be16(etherType)) }

func pppoeSession(id int, payload []byte) []byte {
	return cat([]byte{0x11, 0}, be16(id), be16(len(payload)), payload)
}

func cooked(protocol int, payload []byte) []byte {
	return cat(be16(0), be16(1), be16(6), zeros(8), be16(protocol), payload)
}

func cooked2(protocol int, payload []byte) []byte {
	return cat(be16(protocol), be16(0), be32(3), be16(1), []byte{0, 6}, zeros(8), payload)
}

// wlanData is a MAC header with the given first two bytes.
func wlanData(kind, flags byte, payload []byte) []byte {
	h := cat([]byte{kind, flags}, zeros(22))
	if flags&3 == 3 {
		h = cat(h, zeros(6))
	}
	if kind&0x80 != 0 {
		h = cat(h, zeros(2))
		if flags&0x80 != 0 {
			h = cat(h, zeros(4))
		}
	}
	return cat(h, payload)
}

func qosPadded(payload []byte) []byte { return cat(wlanData(0x88, 1, nil), zeros(2), payload) }

func vxlanHeader(vni int, payload []byte) []byte {
	return cat([]byte{8, 0, 0, 0}, be32(vni<<8), payload)
}

// pktapOf is a header of a size before a packet of a link type.
func pktapOf(size, link int, payload []byte) []byte {
	return cat(le32(size), le32(1), le32(link), []byte("en0"), zeros(size-15), payload)
}

// erfOf is a record of a type: extension headers, the header of the type, the frame, padding.
func erfOf(kind byte, extensions int, own, frame []byte, padding ...byte) []byte {
	var list []byte
	for i := range extensions {
		kind |= 0x80
		more := byte(0x80)
		if i == extensions-1 {
			more = 0
		}
		list = cat(list, []byte{more | 3}, zeros(7))
	}
	return cat(zeros(8), []byte{kind, 4}, be16(16+len(list)+len(own)+len(frame)+len(padding)), be16(0),
		be16(len(frame)), list, own, frame, padding)
}

// capwapOf is a header by its third and fourth byte, with its optional parts.
func capwapOf(third, fourth byte, optional, payload []byte) []byte {
	return cat([]byte{0, byte((8 + len(optional)) / 4 << 3), third, fourth}, be16(9), be16(0), optional, payload)
}

// wlanSwapped swaps the bytes of the frame control.
func wlanSwapped(frame []byte) []byte { return cat(frame[1:2], frame[:1], frame[2:]) }

// describe writes an encapsulation like "vlan 12, gre, vxlan 42".
func describe(e *Encapsulation) string {
	if e == nil {
		return ""
	}
	var parts []string
	for _, l := range e.Layers {
		part := l.Kind
		if l.HasID {
			part += fmt.Sprint(" ", l.ID)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// one decodes a packet that must hold one segment.
func one(t *testing.T, d *Decoder, p *capture.Packet) Segment {
	t.Helper()
	segments := d.Decode(p, nil)
	if len(segments) != 1 {
		s := d.Stats()
		t.Fatalf("got %d segments, want 1; counted as %v, %v", len(segments), s.Decoded, s.Undecoded)
	}
	return segments[0]
}

func TestDecodeStacks(t *testing.T) {
	for _, tt := range stacks {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(DecoderOptions{})
			s := one(t, d, packet(tt.link, tt.data))
			if got := describe(s.Encap); got != tt.encap {
				t.Errorf("encapsulation %q, want %q", got, tt.encap)
			}
			if s.Seq != testSeq || s.Ack != testAck || s.Window != testWindow || s.Len != 0 || s.FromB ||
				s.Quote != nil {
				t.Errorf("segment %+v", s)
			}
			if s.Flags != SYN && s.Flags != ACK {
				t.Errorf("flags %v", s.Flags)
			}
			a, b := netip.AddrPortFrom(netip.AddrFrom4(client4), 40000),
				netip.AddrPortFrom(netip.AddrFrom4(server4), 80)
			ttl, id := uint8(64), uint16(7)
			if s.Key.V6 {
				a, b = netip.AddrPortFrom(netip.AddrFrom16(client6), 40000),
					netip.AddrPortFrom(netip.AddrFrom16(server6), 80)
				ttl, id = 60, 0
			}
			if s.Key.AddrPortA() != a || s.Key.AddrPortB() != b {
				t.Errorf("key %v %v, want %v %v", s.Key.AddrPortA(), s.Key.AddrPortB(), a, b)
			}
			if s.TTL != ttl || s.IPID != id {
				t.Errorf("TTL %d, id %d, want %d, %d", s.TTL, s.IPID, ttl, id)
			}
			stats := d.Stats()
			if s.Checksum != ChecksumGood || stats.CheckedTCPSegments != 1 ||
				stats.BadTCPChecksums+stats.BadIPChecksums != 0 {
				t.Errorf("checksums: segment %d, %+v", s.Checksum, stats)
			}
			if want := map[string]uint64{"tcp": 1}; !maps.Equal(stats.Decoded, want) || len(stats.Undecoded) != 0 {
				t.Errorf("counted as %v, %v", stats.Decoded, stats.Undecoded)
			}
		})
	}
}

// However little of a packet was captured, either the segment is the same as from the whole, except for options and
// what needs all bytes, or the packet counts as truncated.
func TestDecodeCutAnywhere(t *testing.T) {
	for _, tt := range stacks {
		t.Run(tt.name, func(t *testing.T) {
			whole := one(t, NewDecoder(DecoderOptions{}), packet(tt.link, tt.data))
			whole.Options, whole.Digest, whole.Checksum, whole.Cut = Options{}, 0, ChecksumUnknown, false
			found := false
			for n := range tt.data {
				d := NewDecoder(DecoderOptions{})
				segments := d.Decode(cut(tt.link, tt.data, n), nil)
				if len(segments) == 0 {
					if found {
						t.Fatalf("no segment from %d bytes, although fewer gave one", n)
					}
					// Only its header identifies the tunnel. Without it the packet is UDP with an unknown payload.
					if s := d.Stats(); s.Undecoded["truncated"]+s.Decoded["udp"] != 1 {
						t.Errorf("%d bytes count as %v, %v, want truncated", n, s.Decoded, s.Undecoded)
					}
					continue
				}
				found = true
				got := segments[0]
				got.Options, got.Digest, got.Checksum, got.Cut = Options{}, 0, ChecksumUnknown, false
				if got.Window == UnknownWindow { // cut off
					got.Window = whole.Window
				}
				if !reflect.DeepEqual(got, whole) {
					t.Fatalf("with %d bytes %+v, with all %+v", n, got, whole)
				}
			}
		})
	}
}

// Packets that are not TCP, or not decoded, are counted by kind.
func TestDecodeOthers(t *testing.T) {
	decoded, undecoded := true, false
	for _, tt := range []struct {
		link capture.LinkType
		data []byte
		in   bool
		want string
	}{
		{1, eth(0x800, ip4(17, udpTo(53, zeros(12)))), decoded, "udp"},
		{1, eth(0x800, ip4(17, udpTo(6343, cat(zeros(40), eth(0x800, syn4))))), decoded, "udp"}, // sFlow
		// no VXLAN without its flag
		{1, eth(0x800, ip4(17, udpTo(4789, zeros(50)))), decoded, "udp"},
		{1, eth(0x800, ip4(17, udpTo(2152, cat([]byte{0x32, 1}, zeros(10))))), decoded, "udp"}, // GTP echo
		{1, eth(0x800, ip4(1, zeros(8))), decoded, "icmp"},
		{1, eth(0x86dd, ip6(58, cat([]byte{135}, zeros(23)))), decoded, "icmpv6"},
		{1, eth(0x800, ip4(2, zeros(8))), decoded, "igmp"},
		{1, eth(0x800, ip4(132, zeros(12))), decoded, "sctp"},
		{1, eth(0x800, ip4(89, zeros(24))), decoded, "other_ip"},
		{1, eth(0x86dd, ip6(59, nil)), decoded, "other_ip"},
		{1, eth(0x806, zeros(28)), decoded, "arp"},
		{1, eth(0x88cc, zeros(28)), decoded, "other_ethertype"},
		{1, eth(0x8100, tag(12, 0x8809, zeros(28))), decoded, "other_ethertype"},
		{104, cat([]byte{0x8f, 0}, be16(0x8035), zeros(14)), decoded, "other_ethertype"}, // SLARP
		{107, cat([]byte{0, 1, 8, 2}, zeros(9)), decoded, "frame_relay"},                 // Q.933
		{107, cat([]byte{0xfc, 0xf1, 3, 9}, zeros(9)), decoded, "frame_relay"},           // LMI
		{107, cat([]byte{0x18, 0x41, 3, 0x83}, zeros(9)), decoded, "frame_relay"},        // IS-IS
		{197, erfOf(27, 0, nil, zeros(40)), decoded, "metadata"},
		{197, erfOf(48, 0, nil, nil), decoded, "metadata"},
		{258, cat(le32(108), zeros(104)), decoded, "metadata"},
		{101, ip4(47, zeros(4)), decoded, "other_ip"},                               // a keepalive of GRE
		{101, ip4(17, udpTo(5247, capwapOf(0, 8, nil, zeros(24)))), decoded, "udp"}, // one of CAPWAP
		{101, ip4(17, udpTo(5246, capwapOf(0, 0, nil, zeros(24)))), decoded, "udp"}, // its control channel
		{101, ip4(17, udpTo(5247, cat([]byte{0x10}, zeros(20)))), decoded, "udp"},   // another version
		// no routing in GRE over UDP
		{101, ip4(17, udpTo(4754, cat(be16(0x4000), be16(0x800), zeros(20)))), decoded, "udp"},
		{1, eth(38, cat([]byte{0x42, 0x42, 3}, zeros(35))), decoded, "llc"},
		{1, eth(38, cat([]byte{0xaa, 0xaa, 3, 0, 0, 12}, zeros(32))), decoded, "llc"},
		{1, eth(0x8863, zeros(28)), decoded, "pppoe"},
		{9, cat([]byte{0xff, 3}, be16(0xc021), zeros(4)), decoded, "ppp"},
		{105, cat([]byte{0x80, 0}, zeros(30)), decoded, "wlan"}, // beacon
		{105, wlanData(0x48, 1, nil), decoded, "wlan"},          // null function

		{1, eth(0x1234, syn4), undecoded, "unknown_protocol"},
		{1, eth(0x8100, tag(12, 0x88b5, zeros(40))), undecoded, "unknown_protocol"}, // local experiments
		{1, eth(0x8847, cat(be32(16<<12|0x140), []byte{0x80}, zeros(40))), undecoded, "unknown_protocol"},
		// OSI
		{0, cat(le32(7), zeros(40)), undecoded, "unknown_protocol"},
		// compressed TCP
		{9, cat([]byte{0xff, 3}, be16(0x2d), zeros(40)), undecoded, "unknown_protocol"},
		// FRF.12
		{107, cat([]byte{0x18, 0x41, 3, 0xb1}, zeros(40)), undecoded, "unknown_protocol"},
		// token ring
		{107, cat([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 9}, zeros(40)), undecoded, "unknown_protocol"},
		{100, cat([]byte{0x12, 0x34}, zeros(40)), undecoded, "unknown_protocol"},
		{101, ip4(47, cat(be16(0), be16(0x8881), zeros(40))), undecoded, "unknown_protocol"},
		{101, ip4(17, udpTo(5247, capwapOf(0x07, 0, nil, zeros(40)))), undecoded, "unknown_protocol"}, // RFID
		{101, ip4(17, udpTo(5247, cat([]byte{0, 0x10, 0, 0xc0}, be16(9), be16(185<<3), zeros(40)))), undecoded,
			"capwap_fragment"},
		{101, ip4(17, udpTo(5247, cat([]byte{1, 0, 0, 0, 23}, zeros(40)))), undecoded, "capwap_protected"},
		{101, ip4(17, udpTo(5247, cat([]byte{0, 8}, zeros(40)))), undecoded, "malformed_capwap"},
		{101, ip4(17, udpTo(5247, capwapOf(0x01, 0, nil, wlanData(0x88, 0x41, zeros(40))))), undecoded,
			"wlan_protected"},
		{117, cat([]byte{28}, zeros(60)), undecoded, "malformed_pflog"},
		{117, cat([]byte{61, 2}, zeros(80)), undecoded, "malformed_pflog"},
		{109, zeros(40), undecoded, "malformed_enc"},
		{258, pktapOf(107, 1, eth(0x800, syn4)), undecoded, "malformed_pktap"},
		{258, pktapOf(108, 147, zeros(40)), undecoded, "link_type"},
		{149, zeros(60), undecoded, "link_type"},
		{178, cat([]byte("MGD\x00"), eth(0x800, syn4)), undecoded, "malformed_juniper"},
		{178, cat([]byte("MGC\x02"), le32(10), zeros(40)), undecoded, "malformed_juniper"}, // OSI
		{197, erfOf(3, 0, zeros(4), zeros(48)), undecoded, "erf_type"},                     // a cell of ATM
		{197, erfOf(21, 0, nil, zeros(48)), undecoded, "erf_type"},                         // InfiniBand
		{197, cat(zeros(8), []byte{2, 4}, be16(17), zeros(40)), undecoded, "malformed_erf"},
		{107, cat([]byte{0x19, 0x41, 3, 0xcc}, syn4), undecoded, "malformed_frame_relay"},
		{107, cat([]byte{0x18, 0x40, 0x06, 0x08, 3, 0xcc}, syn4), undecoded, "malformed_frame_relay"},
		{1, eth(0x8909, cat([]byte{2, 1}, be16(1), be16(10), be16(0x800), syn4)), undecoded, "malformed_cmd"},
		{7, zeros(60), undecoded, "arcnet"},
		{129, zeros(60), undecoded, "arcnet"},
		{10, zeros(60), undecoded, "fddi"},
		{147, zeros(60), undecoded, "link_type"},
		{65535, zeros(60), undecoded, "link_type"},
		{257, eth(0x800, syn4), undecoded, "link_type"}, // a byte in gopacket: Ethernet
		{1, eth(0x8903, cat(zeros(2), eth(0x800, syn4))), undecoded, "fabricpath"},
		{1, eth(0x88e5, zeros(40)), undecoded, "macsec"},
		{1, eth(0x800, ip4(50, zeros(40))), undecoded, "esp"},
		{1, eth(0x86dd, ip6(108, zeros(40))), undecoded, "ipcomp"},
		{105, wlanData(0x08, 0x41, zeros(40)), undecoded, "wlan_protected"},
		{105, cat([]byte{0x08, 1}, zeros(20), []byte{1, 0}, zeros(40)), undecoded, "wlan_fragment"},
		{1, zeros(13), undecoded, "malformed_ethernet"},
		{1, eth(0x800, zeros(40)), undecoded, "malformed_ipv4"},
		{1, eth(0x800, syn6), undecoded, "malformed_ipv4"},
		{1, eth(0x86dd, syn4), undecoded, "malformed_ipv6"},
		{101, zeros(40), undecoded, "malformed_raw"},
		{0, cat([]byte{2, 1, 0, 0}, syn4), undecoded, "malformed_loopback"},
		{1, eth(0x800, ip4(6, cat(zeros(12), []byte{0x40, 0}, zeros(6)))), undecoded, "malformed_tcp"}, // data offset 4
		{1, eth(0x800, ip4(6, zeros(15))), undecoded, "malformed_tcp"},
		{1, eth(0x800, ip4(47, cat(be16(2), be16(0x800), syn4))), undecoded, "malformed_gre"}, // version 2
		{1, eth(0x800, ip4(17, cat(be16(1), be16(2), be16(7), be16(0)))), undecoded, "malformed_udp"},
		{1, eth(0x800, ip4fragment(6, 1, 65528, false, zeros(16))), undecoded, "malformed_fragment"},
		{1, eth(0x800, ip4fragment(17, 1, 0, true, zeros(16))), undecoded, "fragment_incomplete"},
		{1, eth(0x8847, bytes.Repeat(be32(0), 200)), undecoded, "too_many_layers"},
	} {
		d := NewDecoder(DecoderOptions{})
		if got := d.Decode(packet(tt.link, tt.data), nil); len(got) != 0 {
			t.Errorf("%s: got a segment", tt.want)
		}
		s := d.Stats()
		in, out := s.Decoded, s.Undecoded
		if tt.in == undecoded {
			in, out = out, in
		}
		if !maps.Equal(in, map[string]uint64{tt.want: 1}) || len(out) != 0 || s.Packets != 1 {
			t.Errorf("want %s, counted as %v and not %v", tt.want, s.Decoded, s.Undecoded)
		}
	}
}

// All segments of an 802.11 aggregate are decoded, and it counts as one packet.
func TestDecodeAggregate(t *testing.T) {
	sub := func(msdu []byte) []byte {
		b := cat(zeros(12), be16(len(msdu)), msdu)
		return cat(b, zeros((4-len(b)%4)%4))
	}
	frame := wlanData(0x88, 1, nil)
	frame[24] = 0x80
	frame = cat(frame,
		sub(cat(snapHeader(0x800), syn4)),
		sub(cat(snapHeader(0x800), ip4(17, udpTo(53, zeros(5))))),
		sub(cat(snapHeader(0x8100), tag(3, 0x86dd, data6))),
		sub(cat(snapHeader(0x800), data4)),
		zeros(4)) // checksum
	d := NewDecoder(DecoderOptions{})
	segments := d.Decode(packet(105, frame), nil)
	if len(segments) != 3 {
		t.Fatalf("got %d segments, want 3", len(segments))
	}
	for i, want := range []struct {
		flags Flags
		len   uint32
		encap string
	}{{SYN, 0, ""}, {PSH | ACK, 18, "vlan 3"}, {PSH | ACK, 18, ""}} {
		s := segments[i]
		if s.Flags != want.flags || s.Len != want.len || describe(s.Encap) != want.encap || s.Packet != 1 {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	if s := d.Stats(); !maps.Equal(s.Decoded, map[string]uint64{"tcp": 1}) || s.Packets != 1 || s.Segments != 3 {
		t.Errorf("counted as %+v", s)
	}
	if s := one(t, d, packet(105, frame[:26+14+8+len(syn4)])); s.Flags != SYN {
		t.Errorf("aggregate of one: %+v", s)
	}
}

// The direction does not change the key, only FromB.
func TestDecodeKeyDirection(t *testing.T) {
	for _, tt := range []struct {
		name     string
		src, dst [4]byte
		sp, dp   int
		fromB    bool
	}{
		{"from the lower address", client4, server4, 9, 1, false},
		{"from the higher address", server4, client4, 1, 9, true},
		{"one host, from the lower port", client4, client4, 1, 9, false},
		{"one host, from the higher port", client4, client4, 9, 1, true},
		{"to itself", client4, client4, 9, 9, false},
		{"high bytes", [4]byte{200, 0, 0, 1}, client4, 5, 5, true},
	} {
		p := ip4(6, tcpHeader(SYN, nil, nil))
		copy(p[12:], tt.src[:])
		copy(p[16:], tt.dst[:])
		copy(p[20:], cat(be16(tt.sp), be16(tt.dp)))
		s := one(t, NewDecoder(DecoderOptions{}), packet(101, p))
		from, to := s.Key.AddrPortA(), s.Key.AddrPortB()
		if s.FromB {
			from, to = to, from
		}
		if s.FromB != tt.fromB || from != netip.AddrPortFrom(netip.AddrFrom4(tt.src), uint16(tt.sp)) ||
			to != netip.AddrPortFrom(netip.AddrFrom4(tt.dst), uint16(tt.dp)) {
			t.Errorf("%s: FromB %v, %v to %v", tt.name, s.FromB, from, to)
		}
	}
}

// Len follows from the IP length, whatever other lengths say.
func TestDecodeLength(t *testing.T) {
	tso4 := ip4(6, tcp4(ACK, timestamps, zeros(5000)))
	tso4[2], tso4[3] = 0, 0
	tso6 := ip6(6, tcp6(ACK, timestamps, zeros(5000)))
	tso6[4], tso6[5] = 0, 0
	jumbo := func(length int) []byte {
		p := ip6(0, extension(6, cat([]byte{0xc2, 4}, be32(length)), tcp6(ACK, timestamps, zeros(40))))
		p[4], p[5] = 0, 0
		return p
	}
	padded := cat(eth(0x800, ip4(6, tcp4(ACK, nil, nil))), []byte("padpad"))
	long := cut(1, eth(0x800, ip4(6, tcp4(ACK, timestamps, zeros(1448)))), 66)
	lost := *long // a tool that cut the packet and forgot its length
	lost.Length = 66
	big := cut(1, eth(0x800, cat(tso4, zeros(65000))), 96)
	for _, tt := range []struct {
		name    string
		p       *capture.Packet
		want    uint32
		headers uint16
	}{
		{"whole", packet(1, eth(0x800, data4)), 18, 52},
		{"padding is no data", packet(1, padded), 0, 40},
		{"headers only", long, 1448, 52},
		{"length forgotten", &lost, 1448, 52},
		{"TSO, IPv4", packet(1, eth(0x800, tso4)), 5000, 52},
		{"TSO, IPv4, cut", cut(1, eth(0x800, tso4), 54), 5000, 52},
		{"TSO, IPv6", packet(1, eth(0x86dd, tso6)), 5000, 72},
		{"BIG TCP, IPv4", big, 70000, 52},
		{"BIG TCP, IPv6", cut(1, eth(0x86dd, cat(tso6, zeros(65000))), 96), 70000, 72},
		{"jumbogram", cut(1, eth(0x86dd, cat(jumbo(8+32+70000), zeros(69960))), 120), 70000, 80},
		{"jumbogram, length forgotten", packet(1, eth(0x86dd, jumbo(8+32+70000))), 70000, 80},
		{"IPv6 extension headers are no data",
			packet(101, ip6(0, extension(60, zeros(6), extension(6, zeros(14), tcp6(ACK, nil, zeros(9)))))), 9, 84},
		{"header longer than the segment", packet(101, ip4(6, cat(zeros(12), []byte{0xf0, 0x10}, zeros(6)))), 0, 40},
	} {
		if s := one(t, NewDecoder(DecoderOptions{}), tt.p); s.Len != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, s.Len, tt.want)
		} else if s.Headers != tt.headers {
			t.Errorf("%s: headers of %d bytes, want %d", tt.name, s.Headers, tt.headers)
		}
	}
}

func TestDecodeChecksums(t *testing.T) {
	flip := func(p []byte, at int) []byte {
		p = cat(p)
		p[at] ^= 1
		return p
	}
	homed := func(sum []byte) []byte {
		content := cat([]byte{1, 2, 0, 0, 0xc9, 16}, client6[:15], []byte{9}, zeros(0))
		return ip6(60, extension(6, content, sum))
	}
	routed := func(kind, left byte, list []byte, sum []byte) []byte {
		return ip6(43, extension(6, cat([]byte{kind, left}, zeros(4), list), sum))
	}
	other := cat(client6[:15], []byte{9})
	far := cat(server6[:15], []byte{9})
	segment := func(src, dst []byte) []byte { return sealTCP(tcpHeader(ACK, nil, []byte("odd")), cat(src, dst)) }
	for _, tt := range []struct {
		name          string
		data          []byte
		badTCP, badIP uint64
		kept          bool
	}{
		{name: "good", data: data4, kept: true},
		{name: "good IPv6", data: data6, kept: true},
		{name: "bad TCP", data: flip(data4, len(data4)-1), badTCP: 1},
		{name: "bad TCP in IPv6", data: flip(data6, 41), badTCP: 1},
		{name: "bad IP", data: flip(data4, 8), badIP: 1},
		{name: "home address", data: homed(segment(other, server6[:])), kept: true},
		{name: "home address ignored", data: homed(segment(client6[:], server6[:])), badTCP: 1},
		{name: "routing type 0", data: routed(0, 2, cat(zeros(16), far), segment(client6[:], far)), kept: true},
		{name: "routing done", data: routed(0, 0, cat(zeros(16), far), segment(client6[:], server6[:])), kept: true},
		{name: "segment routing", data: routed(4, 1, cat(far, server6[:]), segment(client6[:], far)), kept: true},
	} {
		for _, drop := range []bool{false, true} {
			d := NewDecoder(DecoderOptions{DropBadChecksums: drop})
			segments := d.Decode(packet(101, tt.data), nil)
			s := d.Stats()
			if s.BadTCPChecksums != tt.badTCP || s.BadIPChecksums != tt.badIP || s.CheckedTCPSegments != 1 {
				t.Errorf("%s: %d TCP and %d IP of %d bad, want %d and %d", tt.name, s.BadTCPChecksums, s.BadIPChecksums,
					s.CheckedTCPSegments, tt.badTCP, tt.badIP)
			}
			switch {
			case drop && !tt.kept:
				if len(segments) != 0 || s.Undecoded["bad_checksum"] != 1 {
					t.Errorf("%s: not dropped, or not counted: %v", tt.name, s.Undecoded)
				}
			case len(segments) != 1 || (segments[0].Checksum == ChecksumGood) != tt.kept ||
				(segments[0].Checksum == ChecksumWrong) == tt.kept:
				t.Errorf("%s: %+v", tt.name, segments)
			}
		}
	}
	d := NewDecoder(DecoderOptions{})
	if s := one(t, d, cut(101, flip(data4, 25), len(data4)-1)); s.Checksum != ChecksumUnknown ||
		d.Stats().CheckedTCPSegments != 0 {
		t.Error("the checksum of half a segment was checked")
	}
}

// A checksum that a sender leaves to its network card shows nothing about the segment. It is the sum of the
// pseudo-header (RFC 9293 §3.1), with the length or, for a segment that the card splits, without; as Windows and Linux
// leave it or complemented; or 0.
func TestUnfinishedChecksums(t *testing.T) {
	text := []byte("odd")
	header := tcpHeader(ACK, nil, text)
	pseudo := func(addresses []byte, length int) uint16 {
		return ^rfc1071(cat(addresses, be16(6), be16(length)))
	}
	for _, tt := range []struct {
		name string
		ip   func(segment []byte) []byte
		sum  func(length int) uint16
	}{
		{"IPv4", func(s []byte) []byte { return ip4(6, s) }, func(n int) uint16 {
			return pseudo(cat(client4[:], server4[:]), n)
		}},
		{"IPv6", func(s []byte) []byte { return ip6(6, s) }, func(n int) uint16 {
			return pseudo(cat(client6[:], server6[:]), n)
		}},
		{"IPv4, no length", func(s []byte) []byte {
			b := ip4(6, s)
			b[2], b[3] = 0, 0
			sealIP4(b[:20])
			return b
		}, func(n int) uint16 { return pseudo(cat(client4[:], server4[:]), n) }},
		{"IPv4, and its header's left too", func(s []byte) []byte {
			b := ip4(6, s)
			b[10], b[11] = 0, 0
			return b
		}, func(n int) uint16 { return pseudo(cat(client4[:], server4[:]), n) }},
	} {
		with, without := tt.sum(len(header)), tt.sum(0)
		for _, sum := range []uint16{with, without, ^with, ^without, 0} {
			for off := -1; off <= 1; off++ {
				segment := slices.Clone(header)
				binary.BigEndian.PutUint16(segment[16:], sum+uint16(off))
				want := ChecksumUnfinished
				switch {
				case off == 0:
				case tt.name == "IPv4, no length":
					want = ChecksumUnknown // what the card makes of it is not known
				default:
					want = ChecksumWrong
				}
				if sum == 0 && off < 0 {
					continue // the other zero
				}
				for _, short := range []bool{true, false} {
					d := NewDecoder(DecoderOptions{})
					p := packet(101, tt.ip(segment))
					got := d.decode(p, nil, short)
					if len(got) != 1 || got[0].Checksum != want {
						t.Errorf("%s: %04x: %+v, want checksum %d", tt.name, sum+uint16(off), got, want)
					}
					if s := d.Stats(); (s.UnfinishedTCPChecksums == 1) != (want == ChecksumUnfinished) ||
						(s.BadTCPChecksums == 1) != (want == ChecksumWrong) {
						t.Errorf("%s: %04x: %d unfinished, %d wrong", tt.name, sum+uint16(off),
							s.UnfinishedTCPChecksums, s.BadTCPChecksums)
					}
				}
			}
		}
	}
	d := NewDecoder(DecoderOptions{DropBadChecksums: true})
	segment := slices.Clone(header)
	binary.BigEndian.PutUint16(segment[16:], pseudo(cat(client4[:], server4[:]), len(header)))
	one(t, d, packet(101, ip4(6, segment)))
}

// A packet with segment routing belongs to the connection to its last segment.
func TestDecodeSegmentRouting(t *testing.T) {
	far := [16]byte{0x20, 0x01, 15: 9}
	p := ip6(43, extension(6, cat([]byte{4, 1}, zeros(4), far[:], server6[:]), tcpHeader(SYN, nil, nil)))
	s := one(t, NewDecoder(DecoderOptions{}), packet(101, p))
	if s.Key.A != Addr(far) && s.Key.B != Addr(far) {
		t.Errorf("key %v %v, want %v in it", s.Key.AddrPortA(), s.Key.AddrPortB(), netip.AddrFrom16(far))
	}
}

func TestKeyIDs(t *testing.T) {
	vlans := func(outer, inner int) []byte { return eth(0x88a8, tag(outer, 0x8100, tag(inner, 0x800, syn4))) }
	overlay := func(vlan, vni int) []byte {
		return eth(0x8100, tag(vlan, 0x800, ip4(17, udpTo(4789, vxlanHeader(vni, eth(0x800, syn4))))))
	}
	geneve := func(vni int) []byte {
		return eth(0x800, ip4(17, udpTo(6081, cat([]byte{0, 0}, be16(0x800), be32(vni<<8), syn4))))
	}
	greKey := func(key int) []byte { return eth(0x800, ip4(47, cat(be16(0x2000), be16(0x800), be32(key), syn4))) }
	plainGRE := eth(0x800, ip4(47, cat(be16(0), be16(0x800), syn4)))
	domain := func(data []byte, ids ...string) uint64 {
		return one(t, NewDecoder(DecoderOptions{KeyIDs: ids}), packet(1, data)).Key.Domain
	}
	for _, tt := range []struct {
		name  string
		a, b  []byte
		ids   []string
		equal bool
		zero  bool
	}{
		{"none by default", vlans(1, 2), vlans(1, 3), nil, true, true},
		{"inner VLAN", vlans(1, 2), vlans(1, 3), []string{"vlan"}, false, false},
		{"order of VLANs", vlans(1, 2), vlans(2, 1), []string{"vlan"}, false, false},
		{"VLAN chosen, VNI not", overlay(1, 2), overlay(1, 3), []string{"vlan"}, true, false},
		{"VNI chosen, VLAN not", overlay(1, 2), overlay(9, 2), []string{"vni"}, true, false},
		{"VNI", overlay(1, 2), overlay(1, 3), []string{"vni"}, false, false},
		{"the same VNI by either tunnel", overlay(1, 2), geneve(2), []string{"vni"}, true, false},
		{"GRE key", greKey(1), greKey(2), []string{"vlan", "gre"}, false, false},
		{"no GRE key is not key 0", greKey(0), plainGRE, []string{"gre"}, false, false},
		{"nothing chosen there", plainGRE, eth(0x800, syn4), []string{"gre", "vlan", "vni"}, true, true},
	} {
		a, b := domain(tt.a, tt.ids...), domain(tt.b, tt.ids...)
		if (a == b) != tt.equal || (a == 0) != tt.zero {
			t.Errorf("%s: %x, %x", tt.name, a, b)
		}
	}
}

// Equal encapsulations share one copy; other packets between them do not change that.
func TestEncapsulationShared(t *testing.T) {
	d := NewDecoder(DecoderOptions{})
	vlan := func(id int) *Encapsulation {
		return one(t, d, packet(1, eth(0x8100, tag(id, 0x800, syn4)))).Encap
	}
	a, b := vlan(1), vlan(2)
	if a == b || a != vlan(1) || b != vlan(2) {
		t.Error("equal encapsulations are different pointers, or different ones equal")
	}
	for id := range maxEncapsulations + 10 { // 802.1ah, for a VLAN has not so many
		one(t, d, packet(1, eth(0x88e7, cat(be32(id), eth(0x800, syn4)))))
	}
	if n := len(d.encapsulations.byHash); n > maxEncapsulations {
		t.Errorf("%d encapsulations are kept, want at most %d", n, maxEncapsulations)
	}
	if again := vlan(1); describe(again) != "vlan 1" || describe(a) != "vlan 1" {
		t.Errorf("vlan 1 became %q, %q", describe(again), describe(a))
	}
}

func TestDigest(t *testing.T) {
	digest := func(p *capture.Packet) uint32 { return one(t, NewDecoder(DecoderOptions{}), p).Digest }
	segment := func(flags Flags, options, payload []byte) *capture.Packet {
		return packet(101, ip4(6, tcp4(flags, options, payload)))
	}
	payload := cat([]byte("some payload that is much longer than sixty-four bytes, which is all that is hashed"),
		zeros(100))
	base := segment(ACK, timestamps, payload)
	offloaded := segment(ACK, timestamps, payload)
	offloaded.Data[20+17] ^= 0xff
	routed := segment(ACK, timestamps, payload)
	routed.Data[8]--
	tagged := packet(1, eth(0x8100, tag(1, 0x800, base.Data)))
	for name, p := range map[string]*capture.Packet{"checksum": offloaded, "TTL": routed, "VLAN": tagged} {
		if digest(p) != digest(base) {
			t.Errorf("another %s changes the digest", name)
		}
	}
	other := cat(timestamps)
	other[7]++
	for name, p := range map[string]*capture.Packet{
		"flag": segment(ACK|PSH, timestamps, payload), "option": segment(ACK, other, payload),
		"payload": segment(ACK, timestamps, cat([]byte("S"), payload[1:])),
		"length":  segment(ACK, timestamps, payload[:90]),
	} {
		if digest(p) == digest(base) {
			t.Errorf("another %s does not change the digest", name)
		}
	}
}

// Decoding allocates nothing for a packet like an earlier one.
func TestDecodeAllocatesNothing(t *testing.T) {
	for _, tt := range stacks {
		if tt.name == "GRE with routing" { // gopacket makes a list of it
			continue
		}
		d := NewDecoder(DecoderOptions{})
		p, q := packet(tt.link, tt.data), packet(1, eth(0x8100, tag(4000, 0x86dd, data6)))
		segments := d.Decode(q, d.Decode(p, nil))
		if n := testing.AllocsPerRun(20, func() {
			segments = d.Decode(p, segments[:0])
			segments = d.Decode(q, segments[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}

func ExampleDecoder() {
	d := NewDecoder(DecoderOptions{})
	frame := eth(0x8100, tag(12, 0x800, ip4(17, udpTo(4789, vxlanHeader(42, eth(0x800, syn4))))))
	for _, s := range d.Decode(packet(1, frame), nil) {
		fmt.Println(s.Key.AddrPortA(), s.Key.AddrPortB(), s.Seq, s.Flags.Has(SYN), s.Encap.Layers)
	}
	fmt.Println(d.Stats().Decoded)
	// Output:
	// 10.0.0.1:40000 10.0.0.2:80 16909060 true [{vlan 12 true} {vxlan 42 true}]
	// map[tcp:1]
}
