package flows

import "strconv"

// Unreachable reports whether the error says that the segment cannot be delivered: destination unreachable, except
// "fragmentation needed" (RFC 1191), time exceeded, and parameter problem (RFC 792, RFC 4443 §3).
func (q *Quote) Unreachable() bool {
	if q.V6 {
		return q.Type == 1 || q.Type == 3 || q.Type == 4
	}
	return q.Type == 3 && q.Code != 4 || q.Type == 11 || q.Type == 12
}

// TooBig reports whether the error is "fragmentation needed" (RFC 792) or ICMPv6's "packet too big".
func (q *Quote) TooBig() bool { return q.V6 && q.Type == 2 || !q.V6 && q.Type == 3 && q.Code == 4 }

// Expired reports whether the packet made too many hops.
func (q *Quote) Expired() bool { return q.Code == 0 && (q.V6 && q.Type == 3 || !q.V6 && q.Type == 11) }

// OfPort reports whether the error is "port unreachable".
func (q *Quote) OfPort() bool {
	return q.V6 && q.Type == 1 && q.Code == 4 || !q.V6 && q.Type == 3 && q.Code == 3
}

// Prohibits reports whether a firewall or router says that a rule forbids the packet.
func (q *Quote) Prohibits() bool {
	if q.V6 {
		return q.Type == 1 && (q.Code == 1 || q.Code == 5 || q.Code == 6) // RFC 4443 §3.1
	}
	return q.Type == 3 && (q.Code == 9 || q.Code == 10 || q.Code == 13) // RFC 1812 §5.2.7.1
}

// Meaning is the error in words.
func (q *Quote) Meaning() string {
	of := icmpTypes
	if q.V6 {
		of = icmpv6Types
	}
	kind, known := of[q.Type]
	switch {
	case !known:
		return "type " + strconv.Itoa(int(q.Type)) + ", code " + strconv.Itoa(int(q.Code))
	case int(q.Code) < len(kind.codes):
		return kind.codes[q.Code]
	case kind.codes == nil && q.Code == 0:
		return kind.name
	}
	return kind.name + ", code " + strconv.Itoa(int(q.Code))
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
