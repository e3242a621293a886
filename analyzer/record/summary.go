package record

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Result has what only the end of a capture shows.
type Result struct {
	Summary   *Summary
	Listeners []Listener        // those with the fullest backlog first; Summary.Listeners says how many there are
	SynFloods []SynFlood        // by onset
	FloodSyns []FloodSyns       // samples of the SYNs of each of SynFloods; nil without analyzer.Options.FloodSyns
	Scans     []Scan            // by their beginning
	TimeWait  []TimeWaitHolding // those that hold most first
	// Backscatter is what came back from floods elsewhere, by its beginning.
	Backscatter []Backscatter
	// Population is how many endpoints there were in each state over time: one series, or none without a segment.
	Population []PopulationSeries
	Evicted    uint64 // connections evicted to stay within the limits of Options; their records say evicted
	// AfterEviction is how many segments came after their connections were evicted, while there was no room to follow
	// these again. They are in no record.
	AfterEviction uint64
	// FlagsOnly is what a filter on control bits left in the capture, if there was one.
	FlagsOnly FlagsOnly
}

// FlagsOnly names the control bits of which every segment of the capture has one, because a filter left out the others,
// or there were none.
type FlagsOnly string

// The kinds; empty, null in JSON, for a capture that holds segments without SYN, FIN and
// RST, or nothing that needed them.
const (
	NoFlagsOnly    FlagsOnly = ""
	FlagsSyn       FlagsOnly = "syn"         // every segment is a SYN or a SYN-ACK.
	FlagsSynFinRst FlagsOnly = "syn_fin_rst" // every segment has SYN, FIN or RST, and connections close that were used.
)

// Summary adds up the connections of the capture.
type Summary struct {
	Record string `json:"record" const:"summary"`
	Schema int    `json:"schema" const:"1"`
	// Connections, attempts included.
	Connections uint64 `json:"connections"`
	// How many by handshake.outcome.
	ByOutcome map[string]uint64 `json:"by_outcome" field:"keys=outcome"`
	// How many by teardown.kind.
	ByTeardown map[string]uint64 `json:"by_teardown" field:"keys=teardown_kind"`
	// Connections with an accepted RST: the sum of resets_by_side.
	Resets uint64 `json:"resets"`
	// Connections with an accepted RST, by who sent it.
	ResetsBySide SideCounts `json:"resets_by_side"`
	// Connections with an accepted RST, by who sent it and the state its receiver was in.
	ResetsByState SideStates `json:"resets_by_state"`
	// Attempts to open a connection that failed: the sum of failed_by_class.
	FailedAttempts uint64 `json:"failed_attempts"`
	// How many attempts failed, by class.
	FailedByClass map[string]uint64 `json:"failed_by_class" field:"keys=failure_class"`
	// Connections with one closed side.
	HalfClosed HalfClosedTotals `json:"half_closed"`
	// Hosts and sockets that do not close, those with most connections first.
	NotClosing []NotClosing `json:"not_closing"`
	// Suspected limits for idle connections, by kind and length.
	IdleTimeouts []IdleTimeout `json:"idle_timeouts"`
	// Connections whose beginning and end the capture shows.
	Lifetimes LifetimeTotals `json:"lifetimes"`
	// How connections are used, by server, those with most connections first; connections
	// without a pattern are left out.
	Usage []Usage `json:"usage"`
	// How many entries the lists leave out; they have the heaviest.
	LeftOut LeftOut `json:"left_out"`
	// How many findings by code.
	FindingsByCode map[string]uint64 `json:"findings_by_code"`
	// Percentiles of handshake.server_rtt_s.
	ServerRTT RTT `json:"server_rtt_s"`
	// Percentiles of handshake.client_rtt_s.
	ClientRTT RTT `json:"client_rtt_s"`
	// Sockets that answered a SYN.
	Listeners uint64 `json:"listeners"`
	// Records of kind syn_flood, except flash crowds.
	SynFloods uint64 `json:"syn_floods"`
	// Records of kind scan.
	Scans uint64 `json:"scans"`
	// Records of kind backscatter.
	Backscatter uint64 `json:"backscatter"`
	// Attempts, floods and probers that were not judged because the tables were full; 0 unless very many sockets are
	// tried at once.
	Unjudged uint64 `json:"unjudged"`
	// Connections whose half_open is not null.
	HalfOpen uint64 `json:"half_open"`
	// Connections whose handshake.outcome is embryonic.
	Embryonic uint64 `json:"embryonic"`
	// Packets, and how many of them were retransmitted.
	Retransmissions RetransmissionTotals `json:"retransmissions"`
	// All stays in TIME_WAIT, including those that the list time_wait leaves out.
	TimeWait TimeWaitTotals `json:"time_wait"`
	// How near clients are to running out of ports.
	Ports PortTotals `json:"ports"`
}

// RetransmissionTotals are packets of all connections.
type RetransmissionTotals struct {
	// Packets of all connections, capture duplicates included.
	Packets uint64 `json:"packets"`
	// Retransmitted packets.
	Retransmitted uint64 `json:"retransmitted"`
	// Connections with at least one retransmitted packet.
	Connections uint64 `json:"connections"`
	// retransmitted / packets.
	Ratio float64 `json:"ratio" field:"min=0,max=1"`
}

// TimeWaitTotals counts stays in TIME_WAIT, one for each side that is in it.
type TimeWaitTotals struct {
	// Stays in TIME_WAIT.
	Entered uint64 `json:"entered"`
	// Stays that continue at the end of the capture.
	Held uint64 `json:"held"`
}

// PortTotals are about pairs of a client and a server's socket, as in time_wait.
type PortTotals struct {
	// The most ports that TIME_WAIT locks at the end for one client towards one server.
	LockedMost uint64 `json:"locked_most"`
	// Pairs for which ports.exhausted_at is not null.
	Exhausted uint64 `json:"exhausted"`
}

// LeftOut counts what the lists of a report leave out, because they are bounded; they have the heaviest entries.
type LeftOut struct {
	// Left out of time_wait.
	TimeWait uint64 `json:"time_wait"`
	// Left out of not_closing.
	NotClosing uint64 `json:"not_closing"`
	// Left out of listeners.
	Listeners uint64 `json:"listeners"`
	// Left out of usage.
	Usage uint64 `json:"usage"`
}

// SideCounts counts something by the side that did it.
type SideCounts struct {
	// The client's.
	Client uint64 `json:"client"`
	// The server's.
	Server uint64 `json:"server"`
}

// RTT is percentiles in seconds; null: no connection had a value.
type RTT struct {
	// The median.
	P50 Duration `json:"p50" field:"null"`
	// The 90th percentile.
	P90 Duration `json:"p90" field:"null"`
	// The 99th percentile.
	P99 Duration `json:"p99" field:"null"`
	// The largest.
	Max Duration `json:"max" field:"null"`
}

// Target is an address and, where only one is meant, a port of it.
type Target struct {
	IP netip.Addr `json:"ip"`
	// null: no single port is meant.
	Port *uint16 `json:"port" field:"null,ref=port"`
}

// SummaryWords are the words by which the summary counts, by the name of the field that does, with dots.
func SummaryWords() map[string][]string {
	words := map[string][]string{}
	for _, o := range Outcomes() {
		words["by_outcome"] = append(words["by_outcome"], string(o))
	}
	for _, k := range TeardownKinds() {
		words["by_teardown"] = append(words["by_teardown"], string(k))
	}
	for _, c := range FailureClasses() {
		words["failed_by_class"] = append(words["failed_by_class"], string(c))
	}
	for _, f := range catalogue {
		words["findings_by_code"] = append(words["findings_by_code"], f.Code)
	}
	for s := tcpstate.Closed; s <= tcpstate.TimeWait; s++ {
		words["resets_by_state.client"] = append(words["resets_by_state.client"], s.String())
	}
	words["resets_by_state.client"] = append(words["resets_by_state.client"], UnknownState)
	words["resets_by_state.server"] = words["resets_by_state.client"]
	return words
}
