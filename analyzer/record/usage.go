package record

// Idle is the time of a connection in which neither side sent new data for a second or longer, from the end of its
// handshake to the first FIN or RST.
type Idle struct {
	// How many such times there were.
	Gaps uint64 `json:"gaps"`
	// The longest, in seconds; null: there was none.
	Longest Duration `json:"longest_s" field:"null"`
	// Their mean in seconds, if there were three or more and none differs from it by more than a tenth; else null.
	Period Duration `json:"period_s" field:"null"`
}

// Pattern is how the applications use a connection.
type Pattern string

// The patterns; empty, null in JSON, where nothing was sent or not enough was captured.
const (
	NoPattern         Pattern = ""
	PatternSingle     Pattern = "single"     // one request, as of HTTP/1.0.
	PatternPersistent Pattern = "persistent" // one request after another, as of HTTP/1.1.
	PatternHeartbeat  Pattern = "heartbeat"  // short messages at equal intervals, which say that somebody is there.
	PatternIdle       Pattern = "idle"       // open for a minute or longer, and hardly used.
	PatternBulk       Pattern = "bulk"       // a mebibyte or more for each request.
)

// String gives the word, empty for NoPattern.
func (p Pattern) String() string { return string(p) }

// MarshalJSON gives the word, or null.
func (p Pattern) MarshalJSON() ([]byte, error) { return marshalWord(string(p)) }
