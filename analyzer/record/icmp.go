package record

import "net/netip"

// ICMP is an ICMP or ICMPv6 error about the SYN or the SYN-ACK.
type ICMP struct {
	// The type: RFC 792 for IPv4, RFC 4443 for IPv6, which from tells.
	Type uint8 `json:"type"`
	// The code.
	Code uint8 `json:"code"`
	// Type and code in words, from RFC 792, RFC 1812 §5.2.7.1 and RFC 4443.
	Meaning string `json:"meaning"`
	// The sender of the error: a router or firewall on the path, or the host itself.
	From netip.Addr `json:"from"`
	// The packet that held it.
	Packet PacketNumber `json:"packet"`
	// The segment that it is about.
	About ICMPAbout `json:"about"`
	// The MTU of the next link, in octets, if the segment was too big; null: not given.
	MTU Count `json:"mtu" field:"null"`
}

// ICMPAbout is a segment of the handshake.
type ICMPAbout string

// The segments of a handshake that ICMP errors can quote.
const (
	AboutSyn    ICMPAbout = "syn"
	AboutSynAck ICMPAbout = "syn_ack"
)
