package record

import "net/netip"

// TimeWaitHolding is the ledger of TIME_WAIT between a client's address and a server's socket. Those that hold most
// come first; summary.left_out counts the others.
type TimeWaitHolding struct {
	Record string         `json:"record" const:"time_wait"`
	Schema int            `json:"schema" const:"1"`
	Client TimeWaitHolder `json:"client"`
	Server TimeWaitHolder `json:"server"`
	// How long TIME_WAIT lasts, by the chosen MSL, in seconds.
	TwoMSL Duration `json:"two_msl_s"`
	// Reused ones whose new ISN shows that the host was in TIME_WAIT until then.
	ReusesProven uint64 `json:"reuses_proven"`
	// SYNs that met TIME_WAIT and were not accepted.
	ReusesDenied uint64         `json:"reuses_refused"`
	Ports        EphemeralPorts `json:"ports"`
}

// TimeWaitHolder counts the stays in TIME_WAIT of one side.
type TimeWaitHolder struct {
	IP netip.Addr `json:"ip"`
	// The server's; null for the client, which has many.
	Port *uint16 `json:"port" field:"null,ref=port"`
	// How many stays there were.
	Entered uint64 `json:"entered"`
	// Stays that continue at the end of the capture.
	Held uint64 `json:"held"`
	// The most at one time, counted at the moments of a grid whose step depends on their length.
	HeldPeak uint64 `json:"held_peak"`
	// The first moment with this many; null: there was none.
	HeldPeakAt Time `json:"held_peak_at" field:"null"`
	// The time of all stays together that the capture shows, in seconds.
	Observed Duration `json:"observed_s"`
	// The longest stay, in seconds.
	Longest Duration `json:"longest_s"`
	// Retransmitted FINs that started 2MSL again.
	Restarts uint64 `json:"restarts"`
	// Stays that expired, including those reported before.
	Expired uint64 `json:"expired"`
	// Stays that a new connection of the same ports ended.
	Reused uint64 `json:"reused"`
	// Stays that an RST ended.
	Reset uint64 `json:"reset"`
	// Stays that were evicted to stay within the limit of memory.
	Evicted uint64 `json:"evicted"`
	// When the last stay held at the end will expire; null: none is held.
	LastExpiry Time `json:"last_expiry" field:"null"`
}

// EphemeralPorts is how near the client is to running out of ports for the server's socket: a port is locked while the
// client is in TIME_WAIT.
type EphemeralPorts struct {
	// The lowest port that the client may choose (--port-range).
	Low uint16 `json:"low" field:"ref=port"`
	// The highest port that the client may choose.
	High uint16 `json:"high" field:"ref=port"`
	// Ports of this range that are locked at the end.
	Locked uint64 `json:"locked"`
	// Ports locked per second, from the first to the last; null: fewer than ten, or within a second.
	Rate NullableNumber `json:"rate" field:"null"`
	// The rate at which all ports are locked before the first is free again: the size of the range / 2MSL.
	ExhaustingRate float64 `json:"exhausting_rate"`
	// How long TIME_WAIT locks a port, as the forecast assumes, in seconds: 60 if that is shorter than the 2MSL of
	// --msl and the client's SYNs offer what Linux offers; null: the capture contradicts 2MSL, because ports were
	// reused sooner, so there is no forecast.
	TwoMSL Duration `json:"two_msl_s" field:"null"`
	// When the last port is locked if this rate continues; null: never, or there is no forecast.
	ExhaustedAt Time `json:"exhausted_at" field:"null"`
}
