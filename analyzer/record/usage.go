package record

// Idle is the time of a connection in which neither side sent new data for a second or longer, from the end of its
// handshake to the first FIN or RST.
type Idle struct {
	// How often.
	Gaps uint64 `json:"gaps"`
	// The longest, in seconds; null: there was none.
	Longest Duration `json:"longest_s" field:"null"`
	// Their mean in seconds, if there were three or more and none differs from it by more than a tenth; else null.
	Period Duration `json:"period_s" field:"null"`
}

// Pattern is how the applications use a connection.
type Pattern string

// The patterns; empty, null in JSON, if nothing was sent or not enough was captured.
const (
	NoPattern         Pattern = ""
	PatternSingle     Pattern = "single"     // one request, as in HTTP/1.0.
	PatternPersistent Pattern = "persistent" // one request after another, as in HTTP/1.1.
	PatternHeartbeat  Pattern = "heartbeat"  // short messages at equal intervals.
	PatternIdle       Pattern = "idle"       // open for a minute or longer, and hardly used.
	PatternBulk       Pattern = "bulk"       // a mebibyte or more for each request.
)

// Patterns lists them all.
func Patterns() [5]Pattern {
	return [...]Pattern{PatternSingle, PatternPersistent, PatternHeartbeat, PatternIdle, PatternBulk}
}

// Usage is how the connections to a server's socket are used.
type Usage struct {
	Server Target `json:"server"`
	// Connections with a pattern.
	Connections uint64 `json:"connections"`
	// How many by pattern.
	ByPattern map[string]uint64 `json:"by_pattern" field:"keys=pattern"`
	// Answered requests of all connections.
	Exchanges uint64 `json:"exchanges"`
	// When the first connection began.
	First Time `json:"first"`
	// When the last connection began.
	Last Time `json:"last"`
	// New connections a second, from the first to the last; null: there was one, or all began at once.
	Rate NullableNumber `json:"connections_per_s" field:"null,min=0"`
}
