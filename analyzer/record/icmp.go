package record

import (
	"net/netip"
	"strconv"
)

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

// ICMPMeaning says what an ICMP error means, of ICMPv6 if v6 is set.
func ICMPMeaning(v6 bool, typ, code uint8) string {
	of := icmpTypes
	if v6 {
		of = icmpv6Types
	}
	kind, known := of[typ]
	switch {
	case !known:
		return "type " + strconv.Itoa(int(typ)) + ", code " + strconv.Itoa(int(code))
	case int(code) < len(kind.codes):
		return kind.codes[code]
	case kind.codes == nil && code == 0:
		return kind.name
	}
	return kind.name + ", code " + strconv.Itoa(int(code))
}

// ICMPProhibits reports an error by which a firewall or router says that a rule forbids the packet.
func ICMPProhibits(v6 bool, typ, code uint8) bool {
	const unreachable, unreachable6 = 3, 1
	if v6 {
		return typ == unreachable6 && (code == 1 || code == 5 || code == 6) // RFC 4443 §3.1
	}
	return typ == unreachable && (code == 9 || code == 10 || code == 13) // RFC 1812 §5.2.7.1
}

type icmpType struct {
	name  string
	codes []string
}

var icmpTypes = map[uint8]icmpType{
	3: {"destination unreachable", []string{
		"network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
		"source route failed", "network unknown", "host unknown", "source host isolated",
		"network administratively prohibited", "host administratively prohibited",
		"network unreachable for this type of service", "host unreachable for this type of service",
		"communication administratively prohibited", "host precedence violation", "precedence cutoff in effect",
	}},
	4: {"source quench", nil},
	5: {"redirect", []string{
		"redirect for the network", "redirect for the host", "redirect for the type of service and network",
		"redirect for the type of service and host",
	}},
	11: {"time exceeded", []string{"time to live exceeded in transit", "fragment reassembly time exceeded"}},
	12: {"parameter problem", []string{"parameter problem", "required option missing", "bad length"}},
}

var icmpv6Types = map[uint8]icmpType{
	1: {"destination unreachable", []string{
		"no route to destination", "communication administratively prohibited", "beyond scope of source address",
		"address unreachable", "port unreachable", "source address failed ingress or egress policy",
		"reject route to destination", "error in source routing header", "headers too long",
	}},
	2: {"packet too big", nil},
	3: {"time exceeded", []string{"hop limit exceeded in transit", "fragment reassembly time exceeded"}},
	4: {"parameter problem", []string{
		"erroneous header field", "unrecognized next header type", "unrecognized IPv6 option",
	}},
}
