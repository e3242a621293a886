package record

// FailureClass is how an attempt to open a connection failed.
type FailureClass string

// The classes of failed attempts.
const (
	FailedRefused           FailureClass = "refused"             // an RST answered the SYN
	FailedUnanswered        FailureClass = "unanswered"          // nothing did
	FailedUnreachable       FailureClass = "unreachable"         // an ICMP error did
	FailedChallenged        FailureClass = "challenged"          // an ACK of an earlier connection did (RFC 5961 §4.2)
	FailedEmbryonic         FailureClass = "embryonic"           // the SYN-ACK was never acknowledged
	FailedAbortedByOpener   FailureClass = "aborted_by_opener"   // an RST of the opener answered the SYN-ACK
	FailedAbortedByListener FailureClass = "aborted_by_listener" // the listener took its SYN-ACK back
	FailedAcceptedThenReset FailureClass = "accepted_then_reset" // the listener reset what was open, and neither had it sent data nor the opener closed
)

// FailureClasses lists them all.
func FailureClasses() []FailureClass {
	return []FailureClass{
		FailedRefused, FailedUnanswered, FailedUnreachable, FailedChallenged, FailedEmbryonic, FailedAbortedByOpener,
		FailedAbortedByListener, FailedAcceptedThenReset,
	}
}

// FailureClass says how the attempt to open the connection failed. It is empty if the attempt did not fail, or if the capture
// does not hold it.
func (c *Connection) FailureClass() FailureClass {
	switch c.Handshake.Outcome {
	case OutcomeRefused, OutcomeUnanswered, OutcomeUnreachable, OutcomeChallenged, OutcomeEmbryonic:
		return FailureClass(c.Handshake.Outcome)
	case OutcomeAborted:
		if c.Client.Rsts > 0 && (c.Teardown.Reset == nil || c.Teardown.Reset.By != Server) {
			return FailedAbortedByOpener
		}
		return FailedAbortedByListener
	case OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen:
		r := c.Teardown.Reset
		if c.Teardown.Kind == TeardownReset && r != nil && r.By == Server && c.Server.Bytes == 0 && c.Server.Fins+c.Client.Fins == 0 && c.HalfOpen == nil {
			return FailedAcceptedThenReset
		}
	}
	return ""
}

// SideStates counts something by the side that did it and the state that the other one was in, which is unknown where
// nothing else of that one was seen.
type SideStates struct {
	Client map[string]uint64 `json:"client"`
	Server map[string]uint64 `json:"server"`
}

// HalfClosedTotals are about connections of which one side had closed and the other had not (RFC 9293 §3.6, case 2).
type HalfClosedTotals struct {
	AtEnd   uint64   `json:"at_end"`    // of their record
	Long    uint64   `json:"long"`      // for a second or longer, and then closed
	Longest Duration `json:"longest_s"` // of those that were then closed; NoDuration without one
}

// LifetimeTotals are about connections of which the capture shows beginning and end.
type LifetimeTotals struct {
	Whole uint64 `json:"whole"` // all of these
	Short uint64 `json:"short"` // those that lasted less than a second, the habit of HTTP/1.0: one for each request
	Long  uint64 `json:"long"`  // those that lasted a minute or longer
}

// NotClosing is a host, or a server's socket, that leaves connections in CLOSE_WAIT: its peers have closed, and wait for it.
type NotClosing struct {
	Host        Target   `json:"host"` // with the port of a server
	Side        Side     `json:"side"`
	Connections uint64   `json:"connections"`
	Waiting     uint64   `json:"waiting"` // of these, peers known to be in FIN_WAIT_2
	Longest     Duration `json:"longest_s"`
}

// UnknownState stands for the state of a side of which nothing but the RST is known.
const UnknownState = "unknown"

// IdleTimeout is a silence after which connections were reset again and again: probably a middlebox's (or an
// application's) limit for idle connections.
type IdleTimeout struct {
	Idle    Duration   `json:"idle_s"` // the shortest of these silences
	Longest Duration   `json:"longest_s"`
	Resets  uint64     `json:"resets"`
	BySide  SideCounts `json:"by_side"` // whose address the RSTs bore
	Server  *Target    `json:"server"`  // if it was always the same; its port is nil if that was not
	Of      uint64     `json:"of"`      // resets after a silence of 5 s or longer, of any length
}
