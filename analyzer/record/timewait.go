package record

import "net/netip"

// TimeWaitHolding adds up the stays in TIME_WAIT of all connections between a client's address and a server's socket, for
// what many of them exhaust is the ports between these two (RFC 9293 §3.6.1).
type TimeWaitHolding struct {
	Record       string         `json:"record"` // "time_wait"
	Schema       int            `json:"schema"`
	Client       TimeWaitHolder `json:"client"`
	Server       TimeWaitHolder `json:"server"`
	TwoMSL       Duration       `json:"two_msl_s"`
	ReusesProven uint64         `json:"reuses_proven"`  // of those reused: the new ISN shows that TIME_WAIT was there
	ReusesDenied uint64         `json:"reuses_refused"` // SYNs that met TIME_WAIT and were not accepted
	Ports        EphemeralPorts `json:"ports"`
}

// TimeWaitHolder is what one side of them holds.
type TimeWaitHolder struct {
	IP         netip.Addr `json:"ip"`
	Port       *uint16    `json:"port"` // nil for the client, which has many
	Entered    uint64     `json:"entered"`
	Held       uint64     `json:"held"`      // at the end
	HeldPeak   uint64     `json:"held_peak"` // at once
	HeldPeakAt Time       `json:"held_peak_at"`
	Observed   Duration   `json:"observed_s"` // all of them together
	Longest    Duration   `json:"longest_s"`  // that was observed
	Restarts   uint64     `json:"restarts"`
	Expired    uint64     `json:"expired"`
	Reused     uint64     `json:"reused"`
	Reset      uint64     `json:"reset"`
	Evicted    uint64     `json:"evicted"`
	LastExpiry Time       `json:"last_expiry"` // of those held at the end; NoTime without
}

// EphemeralPorts tells how near the client is to having no port left for the server's socket: a port in the client's
// TIME_WAIT is locked.
type EphemeralPorts struct {
	Low            uint16         `json:"low"` // the range that the client is taken to choose from
	High           uint16         `json:"high"`
	Locked         uint64         `json:"locked"`          // at the end
	Rate           NullableNumber `json:"rate"`            // ports locked per second, from the first to the last
	ExhaustingRate float64        `json:"exhausting_rate"` // the rate that locks all of them before the first is free again
	ExhaustedAt    Time           `json:"exhausted_at"`    // when the last one is locked at that Rate; NoTime: never
}
