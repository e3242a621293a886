package rfcsim

// State is a state of RFC 9293 §3.3.2, by its name.
type State string

// The eleven states.
const (
	Closed      State = "CLOSED"
	Listen      State = "LISTEN"
	SynSent     State = "SYN_SENT"
	SynRcvd     State = "SYN_RCVD"
	Established State = "ESTABLISHED"
	FinWait1    State = "FIN_WAIT_1"
	FinWait2    State = "FIN_WAIT_2"
	CloseWait   State = "CLOSE_WAIT"
	Closing     State = "CLOSING"
	LastAck     State = "LAST_ACK"
	TimeWait    State = "TIME_WAIT"
)

// Cause is why an endpoint entered a state.
type Cause uint8

// The causes: what its user did, what arrived, a timer that ran out.
const (
	User Cause = iota
	Arrival
	Timer
)

// Entry is the beginning of a state.
type Entry struct {
	State State
	At    int64
	Cause Cause
	// Passing is set if the endpoint left the state within the same call or arrival, as FIN_WAIT_2 when one segment
	// acknowledges the FIN and carries the other one (RFC 9293 §3.3.2, figure 5 note 2).
	Passing bool
}
