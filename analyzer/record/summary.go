package record

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Result is what only the end of a capture can tell.
type Result struct {
	Summary   *Summary
	Listeners []Listener        // those with the fullest backlog first; Summary.Listeners says how many there are
	SynFloods []SynFlood        // by onset
	Scans     []Scan            // by their beginning
	TimeWait  []TimeWaitHolding // those that hold most first
	// Backscatter is what came back from floods elsewhere, by its beginning.
	Backscatter []Backscatter
	// Population is how many endpoints there were in each state over time: one series, or none without a segment.
	Population []PopulationSeries
	Evicted    uint64 // connections given up early to stay within the limits of Options; their records say evicted
}

// Summary adds up the connections of a capture.
type Summary struct {
	Record         string            `json:"record"` // "summary"
	Schema         int               `json:"schema"`
	Connections    uint64            `json:"connections"`
	ByOutcome      map[string]uint64 `json:"by_outcome"`  // every Outcome that occurred
	ByTeardown     map[string]uint64 `json:"by_teardown"` // every TeardownKind that occurred
	Resets         uint64            `json:"resets"`      // connections and attempts that an accepted RST ended, by either side
	ResetsBySide   SideCounts        `json:"resets_by_side"`
	ResetsByState  SideStates        `json:"resets_by_state"` // by who sent them, then by the state of the receiver
	FailedAttempts uint64            `json:"failed_attempts"` // to open a connection
	FailedByClass  map[string]uint64 `json:"failed_by_class"` // every FailureClass that occurred
	HalfClosed     HalfClosedTotals  `json:"half_closed"`
	NotClosing     []NotClosing      `json:"not_closing"`   // those with most connections first
	IdleTimeouts   []IdleTimeout     `json:"idle_timeouts"` // by length
	Lifetimes      LifetimeTotals    `json:"lifetimes"`
	LeftOut        LeftOut           `json:"left_out"`
	FindingsByCode map[string]uint64 `json:"findings_by_code"`
	ServerRTT      RTT               `json:"server_rtt_s"`
	ClientRTT      RTT               `json:"client_rtt_s"`
	Listeners      uint64            `json:"listeners"`  // sockets that answered a SYN
	SynFloods      uint64            `json:"syn_floods"` // but for flash crowds
	Scans          uint64            `json:"scans"`
	Backscatter    uint64            `json:"backscatter"` // victims of floods elsewhere
	Unjudged       uint64            `json:"unjudged"`    // attempts, floods and probers for which there was no room
	HalfOpen       uint64            `json:"half_open"`
	Embryonic      uint64            `json:"embryonic"`
}

// LeftOut counts what the lists of a report leave out, for they are bounded; they hold the heaviest.
type LeftOut struct {
	TimeWait   uint64 `json:"time_wait"`
	NotClosing uint64 `json:"not_closing"`
}

// SideCounts counts something by the side that did it.
type SideCounts struct {
	Client uint64 `json:"client"`
	Server uint64 `json:"server"`
}

// RTT gives percentiles of one half of the handshake's round trip, in seconds; NoDuration without a sample.
type RTT struct {
	P50 Duration `json:"p50"`
	P90 Duration `json:"p90"`
	P99 Duration `json:"p99"`
	Max Duration `json:"max"`
}

// Target is an address and, where only one is meant, a port of it.
type Target struct {
	IP   netip.Addr `json:"ip"`
	Port *uint16    `json:"port"`
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
