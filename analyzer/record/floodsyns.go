package record

import "net/netip"

// FloodSyns has samples of a flood's SYNs and of clients' SYNs, to compare them. A sample is uniform, and complete
// while it is small.
type FloodSyns struct {
	// Flood is a sample of the SYNs of the flood, without completed attempts.
	Flood []Syn
	// Completed is a sample of the completed attempts on the flood's target in the whole capture, CompletedAll their
	// number.
	Completed    []Syn
	CompletedAll uint64
	// Anywhere is a sample of all completed attempts of the capture, AnywhereAll their number.
	Anywhere    []Syn
	AnywhereAll uint64
}

// Syn has the fields of an attempt's first SYN that a packet filter can match.
type Syn struct {
	Source netip.Addr
	ISN    uint32
	Window uint16 // as in the header, not scaled (RFC 7323 §2.2)
	IPID   uint16 // of IPv4
	TTL    uint8  // or hop limit
	// The options that it offers, and the MSS with HasMSS.
	HasMSS, WindowScale, SACKPermitted, Timestamps bool
	MSS                                            uint16
}
