package record

// FailureClass is how an attempt to open a connection failed.
type FailureClass string

// The classes of failed attempts.
const (
	FailedRefused           FailureClass = "refused"             // an RST answered the SYN.
	FailedUnanswered        FailureClass = "unanswered"          // nothing answered the SYN.
	FailedUnreachable       FailureClass = "unreachable"         // an ICMP error answered the SYN.
	FailedChallenged        FailureClass = "challenged"          // an ACK of an earlier connection did (RFC 5961 §4.2).
	FailedEmbryonic         FailureClass = "embryonic"           // the SYN-ACK was never acknowledged.
	FailedAbortedByOpener   FailureClass = "aborted_by_opener"   // an RST of the opener answered the SYN-ACK.
	FailedAbortedByListener FailureClass = "aborted_by_listener" // the listener withdrew its SYN-ACK.
	// the listener reset the open connection before it had sent data and before the opener closed.
	FailedAcceptedThenReset FailureClass = "accepted_then_reset"
)

// FailureClasses lists them all.
func FailureClasses() []FailureClass {
	return []FailureClass{
		FailedRefused, FailedUnanswered, FailedUnreachable, FailedChallenged, FailedEmbryonic, FailedAbortedByOpener,
		FailedAbortedByListener, FailedAcceptedThenReset,
	}
}

// FailureClass says how the attempt to open the connection failed. It is empty if the attempt did not fail, or if the
// capture does not hold it.
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
		if c.Teardown.Kind == TeardownReset && r != nil && r.By == Server && c.Server.Bytes == 0 &&
			c.Server.Fins+c.Client.Fins == 0 && c.HalfOpen == nil {
			return FailedAcceptedThenReset
		}
	}
	return ""
}

// SideStates counts something by the side that did it and the other side's state, which is unknown if nothing else of
// that side was seen.
type SideStates struct {
	// By the client.
	Client map[string]uint64 `json:"client" field:"keys=state|unknown"`
	// By the server.
	Server map[string]uint64 `json:"server" field:"keys=state|unknown"`
}

// HalfClosedTotals are about connections with one closed side (RFC 9293 §3.6, case 2).
type HalfClosedTotals struct {
	// Half-closed at the end of their record.
	AtEnd uint64 `json:"at_end"`
	// Half-closed for a second or longer, and then closed by the other side too.
	Long uint64 `json:"long"`
	// The longest half-closed time of a connection that was then closed, in seconds; null: none.
	Longest Duration `json:"longest_s" field:"null"`
}

// LifetimeTotals are about connections whose beginning and end the capture shows.
type LifetimeTotals struct {
	// Connections whose beginning and end the capture shows.
	Whole uint64 `json:"whole"`
	// Those that lasted less than a second, as with one connection for each request.
	Short uint64 `json:"short"`
	// Those that lasted a minute or longer.
	Long uint64 `json:"long"`
}

// NotClosing is a host, or a server's socket, that leaves connections in CLOSE_WAIT for ten seconds or longer: its
// peers have closed and wait for it.
type NotClosing struct {
	// The host or socket that does not close.
	Host Target `json:"host"`
	Side Side   `json:"side"`
	// Connections in CLOSE_WAIT at the end of their records.
	Connections uint64 `json:"connections"`
	// Peers of these connections that are known to be in FIN_WAIT_2.
	Waiting uint64 `json:"waiting"`
	// The longest stay in CLOSE_WAIT, in seconds.
	Longest Duration `json:"longest_s"`
}

// UnknownState stands for the state of a side of which only the RST is known.
const UnknownState = "unknown"

// IdleTimeout is a silence after which connections were reset repeatedly: at least three within 4% of each other, and
// few at other lengths. Probably a middlebox's limit for idle connections, or an application's.
type IdleTimeout struct {
	// reset: an RST came. crossed_close: a side closed, and text that had been sent before its FIN arrived drew the
	// RST.
	Kind string `json:"kind" field:"enum=reset|crossed_close"`
	// The shortest of these silences in seconds.
	Idle Duration `json:"idle_s"`
	// The longest.
	Longest Duration `json:"longest_s"`
	// Connections that were reset after this silence, or after a FIN that ended it.
	Resets uint64 `json:"resets"`
	// Resets by the side whose address the RSTs have.
	BySide SideCounts `json:"by_side"`
	// The server, if it was always the same; null: it was not.
	Server *Target `json:"server" field:"null"`
	// Connections that ended in this way after a silence of any length: of at least 5 s by an RST, of at least 1 s by a
	// FIN.
	Of uint64 `json:"of"`
}

// The kinds of IdleTimeout.
const (
	IdleReset   = "reset"
	IdleCrossed = "crossed_close"
)
