package record

import "net/netip"

// FloodSyns is what tells the SYNs of a flood from those of clients: samples of both. A sample is uniform, and complete
// while it is small.
type FloodSyns struct {
	// Flood is of the SYNs of the flood, but for attempts that were completed.
	Flood []Syn
	// Completed is of the completed attempts on the flood's target in the whole capture, CompletedAll how many there
	// are.
	Completed    []Syn
	CompletedAll uint64
	// Anywhere is of all completed attempts of the capture, AnywhereAll how many there are.
	Anywhere    []Syn
	AnywhereAll uint64
}

// Syn is what a rule of a packet filter sees of the first SYN of an attempt.
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
