package flows

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Flags are the control bits of a TCP header (RFC 9293 §3.1; AE is the former NS bit, RFC 9768).
type Flags uint16

// The control bits, at their places in bytes 12 and 13 of the header.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// Has reports whether every bit of want is set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// String returns the names of the bits, separated by commas.
func (f Flags) String() string {
	var names []string
	for i, name := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"} {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Addr is an IP address as 16 bytes; an IPv4 address is mapped (::ffff:a.b.c.d). Key.V6 says which of the two it is.
type Addr [16]byte

// Compare orders addresses by their bytes.
func (a *Addr) Compare(b *Addr) int {
	x, y := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:])
	if x == y {
		x, y = binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	}
	return cmp.Compare(x, y)
}

// Key has a connection's two sockets in an order that does not depend on the direction of a packet: A is the lower one
// by address, then by port. If A equals B (a connection to itself), every segment counts as sent by A.
type Key struct {
	A, B         Addr
	APort, BPort uint16
	V6           bool
	Domain       uint64 // 0, or the hash of the VLAN, VNI, … ids that keep overlapping address spaces apart
}

// AddrPortA is A as a netip.AddrPort.
func (k *Key) AddrPortA() netip.AddrPort { return addrPort(k.A, k.APort, k.V6) }

// AddrPortB is B as a netip.AddrPort.
func (k *Key) AddrPortB() netip.AddrPort { return addrPort(k.B, k.BPort, k.V6) }

// IP is an address as a netip.Addr.
func IP(a Addr, v6 bool) netip.Addr { return a.netip(v6) }

func addrPort(a Addr, port uint16, v6 bool) netip.AddrPort {
	return netip.AddrPortFrom(a.netip(v6), port)
}

func (a Addr) netip(v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[12:]))
}

// UnknownWindow is the Window of a segment whose header the snaplen cut before that field. It is the largest, so that
// it never counts as closed.
const UnknownWindow = 0xffff

// Segment is one TCP segment as the tracker sees it, or, with Quote set, an ICMP error that quotes one.
type Segment struct {
	Packet uint64 // number of the packet that has it, or of the packet that completed its datagram
	Time   int64  // nanoseconds since the Unix epoch, or capture.NoTime
	Key    Key
	FromB  bool // sent by Key.B

	Flags  Flags
	Seq    uint32 // SEG.SEQ
	Ack    uint32 // SEG.ACK; valid with ACK
	Window uint16 // SEG.WND as on the wire, not scaled
	// Headers is how many bytes the innermost IP header, its extensions and the TCP header take. Headers and Len add up
	// to the length of the IP packet, as if a reassembled datagram had come in one piece.
	Headers uint16
	// Len is the payload in bytes by the IP length, or by the length on the wire if that is 0 (TSO). A snaplen does not
	// change it.
	Len uint32

	Options Options

	TTL  uint8  // TTL or hop limit of the innermost IP header
	ECN  ECN    // of the innermost IP header
	IPID uint16 // IPv4 identification; 0 in IPv6
	// Digest is a hash of the TCP header, without its checksum and its two numbers, and of the first bytes of payload.
	// It is equal in capture duplicates.
	Digest   uint32
	Checksum Checksum
	Cut      bool // the snaplen cut the segment

	Encap *Encapsulation // the layers around the innermost IP header; nil for none

	Reason *string // the text in an RST (RFC 9293 §3.5.2; RFC 1122 §4.2.2.12), nil for none

	// Quote is not nil for an ICMP error about a segment that B sent, if FromB, or A. Seq and Key are the quoted ones.
	Quote *Quote
}

// ECN is the codepoint in an IP header (RFC 3168 §5).
type ECN uint8

// The codepoints. Routers mark with CongestionExperienced.
const (
	NotECT ECN = iota
	ECT1
	ECT0
	CongestionExperienced
)

// String is the name of the codepoint.
func (e ECN) String() string { return [...]string{"Not-ECT", "ECT(1)", "ECT(0)", "CE"}[e] }

// MPTCP is a kind of MPTCP option (RFC 8684 §8, the subtypes).
type MPTCP uint8

// The kinds that open a connection or a subflow, and all others.
const (
	NoMPTCP MPTCP = iota
	MPTCPCapable
	MPTCPJoin
	MPTCPOther
)

// String is the kind in a word.
func (m MPTCP) String() string { return [...]string{"none", "capable", "join", "other"}[m] }

// Options are the TCP options that the report uses.
type Options struct {
	HasMSS        bool
	HasWScale     bool
	MSS           uint16 // RFC 9293 §3.7.1
	WScale        uint8  // RFC 7323 §2, clamped to 14
	SACKPermitted bool   // RFC 2018 §2
	HasSACK       bool   // RFC 2018 §3; the first block below, a D-SACK (RFC 2883) if it lies below SEG.ACK
	HasTimestamp  bool
	SACKLeft      uint32
	SACKRight     uint32
	TSVal, TSEcr  uint32 // RFC 7323 §3
	FastOpen      bool   // RFC 7413 §4.1.1, kind 34 (or 254 with its magic)
	FastOpenLen   uint8  // length of its cookie, 0 for a request
	MPTCP         MPTCP  // the kind of MPTCP option (RFC 8684)
	// MPTCPToken identifies an MPTCP connection (RFC 8684 §3.1). With MPTCPCapable it is the token of the sender, made
	// of the first key in the option, and 0 without a key. With MPTCPJoin it is the token of the receiver, which only a
	// SYN without ACK has.
	MPTCPToken uint32
	Signed     bool // MD5 (RFC 2385) or TCP-AO (RFC 5925)
	Cut        bool // the snaplen or a bad length ended the options early; those before are set
}

// Quote is what an ICMP or ICMPv6 error says about the segment it quotes (RFC 792, RFC 4443).
type Quote struct {
	V6         bool
	Type, Code uint8
	From       netip.Addr // who reports it
	HasSeq     bool       // the quotation has SEG.SEQ
	MTU        uint32     // of the next link, if a packet was too big (RFC 1191 §4, RFC 4443 §3.2); 0 if not named
}

// Layer is one step of encapsulation.
type Layer struct {
	// vlan, mpls, pppoe, gre, vxlan, geneve, gtp, erspan, ip, ipv6, ah, …
	Kind string `json:"kind"`
	// VLAN id, MPLS label, VNI, TEID, GRE key, …; null: it has none.
	ID uint32 `json:"id" field:"null"`
	// HasID tells an id of 0 from none (a GRE header without a key, IP in IP).
	HasID bool `json:"-"`
}

// Encapsulation is a list of layers, outermost first. Equal ones are usually, not always, the same pointer. Immutable.
type Encapsulation struct{ Layers []Layer }
