package record

import "net/netip"

// Listener is a socket that answered SYNs, and its backlog as the packets show it (RFC 4987).
type Listener struct {
	Record   string     `json:"record"` // "listener"
	Schema   int        `json:"schema"`
	IP       netip.Addr `json:"ip"`
	Port     uint16     `json:"port"`
	First    Time       `json:"first"` // SYN of the first attempt
	Last     Time       `json:"last"`  // SYN of the latest attempt
	Attempts uint64     `json:"attempts"`
	Syns     uint64     `json:"syns"` // retransmissions included

	Answered    uint64 `json:"answered"` // attempts, by what became of them
	Completed   uint64 `json:"completed"`
	Refused     uint64 `json:"refused"`
	Unreachable uint64 `json:"unreachable"`
	Unanswered  uint64 `json:"unanswered"`
	Abandoned   uint64 `json:"abandoned"`         // answered, and nothing more came
	Disowned    uint64 `json:"reset_by_client"`   // after the SYN-ACK
	Withdrawn   uint64 `json:"reset_by_listener"` // after the SYN-ACK

	Ignored  uint64 `json:"ignored_syns"`       // though others were answered: the queue was full
	FellBack uint64 `json:"syn_acks_after_ack"` // accept queue overflow, or TCP_DEFER_ACCEPT

	Embryonic       uint64           `json:"embryonic"`      // when the capture ended
	EmbryonicPeak   uint64           `json:"embryonic_peak"` // in SYN_RCVD at one time
	EmbryonicPeakAt Time             `json:"embryonic_peak_at"`
	EmbryonicSeries *EmbryonicSeries `json:"embryonic_series"` // nil: there were never eight at one time
	BacklogNeeded   uint64           `json:"backlog_needed"`   // to hold every attempt that was under way at one time, the ignored ones too

	SynAckRetransmissions []uint64 `json:"syn_ack_retransmissions"` // answered attempts by how often the SYN-ACK was sent again: 0, 1, …, 7 or more

	Handshake  RTT         `json:"handshake_s"` // SYN to ACK
	SynRcvd    RTT         `json:"syn_rcvd_s"`  // SYN-ACK to ACK
	SynCookies *SynCookies `json:"syn_cookies"` // nil: no sign of them
}

// EmbryonicSeries is how many attempts were in SYN_RCVD over time, from the moment at which there were eight.
type EmbryonicSeries struct {
	Start Time     `json:"start"`
	Step  Duration `json:"step_s"`
	Peaks []uint64 `json:"peaks"` // the most at one time in each step
}

// SynCookies are the signs that a listener kept nothing of an attempt (RFC 4987 §3.6).
type SynCookies struct {
	Since      Time   `json:"since"` // the first SYN-ACK that shows it
	Until      Time   `json:"until"` // the last one
	Unrepeated uint64 `json:"unrepeated_syn_acks"`
	Bare       uint64 `json:"optionless_syn_acks"` // neither window scale nor SACK, for SYNs without timestamps that offered them
}

// SynFlood is a target whose backlog filled with connections that were never completed (RFC 4987).
type SynFlood struct {
	Record          string         `json:"record"` // "syn_flood"
	Schema          int            `json:"schema"`
	Target          Target         `json:"target"`
	Verdict         string         `json:"verdict"` // spoofed_flood | single_source_flood | flash_crowd | suspicious
	Onset           Time           `json:"onset"`
	End             Time           `json:"end"`
	Syns            uint64         `json:"syns"`
	PeakRate        float64        `json:"peak_rate"` // SYNs per second, the best second
	MeanRate        float64        `json:"mean_rate"` // SYNs per second from onset to end
	HalfOpenPeak    uint64         `json:"half_open_peak"`
	CompletionRatio float64        `json:"completion_ratio"` // of the attempts, 0 to 1
	Sources         uint64         `json:"sources"`
	SourceEntropy   NullableNumber `json:"source_entropy_bits"`
	UsualRate       float64        `json:"usual_rate"` // SYNs per second before
	Answered        uint64         `json:"answered"`
	Retransmitted   uint64         `json:"retransmitted"`   // attempts whose SYN was sent again
	ResetBySource   uint64         `json:"reset_by_source"` // attempts whose SYN-ACK drew an RST
	Unreachable     uint64         `json:"unreachable"`     // attempts that an ICMP error answered
	SeenOnce        float64        `json:"seen_once_ratio"` // of the sources
	Networks        uint64         `json:"source_networks"` // /16 of IPv4, /32 of IPv6
	SynCookies      *SynCookies    `json:"syn_cookies"`
	Marks           []string       `json:"marks"`
	Evidence        []string       `json:"evidence"`
}

// Scan is a search for what answers: one source that tries many ports or addresses, most of them in vain.
type Scan struct {
	Record    string     `json:"record"` // "scan"
	Schema    int        `json:"schema"`
	Kind      string     `json:"kind"`      // syn | connect | fin | null | xmas | maimon | ack | window
	Direction string     `json:"direction"` // horizontal | vertical | both
	Source    netip.Addr `json:"source"`
	Targets   uint64     `json:"targets"` // distinct addresses
	Ports     uint64     `json:"ports"`   // distinct ports
	Found     Found      `json:"found"`
	Open      []Target   `json:"open"` // the first of Found.Open
	Start     Time       `json:"start"`
	End       Time       `json:"end"`
	Probes    uint64     `json:"probes"` // repeated ones included
	Used      uint64     `json:"used_connections"`

	TargetList []netip.Addr `json:"target_list"` // the first of them
	PortRanges []string     `json:"port_ranges"`
	Marks      []string     `json:"marks"`
	Evidence   []string     `json:"evidence"`
}

// Found counts what the probes found, in nmap's words: distinct ports of distinct addresses.
type Found struct {
	Open       uint64 `json:"open"`
	Closed     uint64 `json:"closed"`
	Filtered   uint64 `json:"filtered"`
	Unfiltered uint64 `json:"unfiltered"`
}

// Backscatter is what comes from a flood somewhere else: the answers of its victim to forged SYNs, or of reflectors to SYNs that
// were forged in the victim's name.
type Backscatter struct {
	Record   string     `json:"record"` // "backscatter"
	Schema   int        `json:"schema"`
	Kind     string     `json:"kind"` // backscatter | syn_ack_reflection
	Victim   netip.Addr `json:"victim"`
	Peers    uint64     `json:"peers"` // the addresses that got its answers; the reflectors
	Sockets  uint64     `json:"sockets"`
	Segments uint64     `json:"segments"`
	Start    Time       `json:"start"`
	End      Time       `json:"end"`
	Evidence []string   `json:"evidence"`
}
