package analyzer

import "net/netip"

// Result is what only the end of a capture can tell.
type Result struct {
	Summary   *Summary
	SynFloods []SynFlood // by onset
	Evicted   uint64     // connections given up early to stay within the limit of memory; their records say evicted
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
	FindingsByCode map[string]uint64 `json:"findings_by_code"`
	ServerRTT      RTT               `json:"server_rtt_s"`
	ClientRTT      RTT               `json:"client_rtt_s"`
	SynFloods      uint64            `json:"syn_floods"`
	Scans          uint64            `json:"scans"`
	HalfOpen       uint64            `json:"half_open"`
	Embryonic      uint64            `json:"embryonic"`
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
	Marks           []string       `json:"marks"`
	Evidence        []string       `json:"evidence"`
}

// Target is an address and, where only one is meant, a port of it.
type Target struct {
	IP   netip.Addr `json:"ip"`
	Port *uint16    `json:"port"`
}

// NullableNumber is a number, or null where Known is not set.
type NullableNumber struct {
	Value float64
	Known bool
}

// SummaryWords are the words by which the summary counts, by the name of the field that does.
func SummaryWords() map[string][]string {
	words := map[string][]string{}
	for _, o := range [...]Outcome{OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen, OutcomeRefused, OutcomeUnreachable, OutcomeChallenged,
		OutcomeUnanswered, OutcomeEmbryonic, OutcomeAborted, OutcomeUnseen, OutcomePartial, OutcomeStray} {
		words["by_outcome"] = append(words["by_outcome"], string(o))
	}
	for _, k := range [...]TeardownKind{TeardownFourWay, TeardownThreeSegment, TeardownSimultaneous, TeardownReset, TeardownHalfClosed,
		TeardownIncomplete, TeardownNone} {
		words["by_teardown"] = append(words["by_teardown"], string(k))
	}
	for _, f := range catalogue {
		words["findings_by_code"] = append(words["findings_by_code"], f.Code)
	}
	return words
}
