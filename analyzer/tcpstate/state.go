package tcpstate

// State is one of the eleven states of RFC 9293 §3.3.2.
type State uint8

// The states in the RFC's order. CLOSED, the absence of a connection, is the zero value.
const (
	Closed State = iota
	Listen
	SynSent
	SynRcvd
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

var names = [...]string{"CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
	"CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"}

// String returns the state's name, as ESTABLISHED or FIN_WAIT_1.
func (s State) String() string { return names[s] }

// MarshalText gives String.
func (s State) MarshalText() ([]byte, error) { return []byte(names[s]), nil }
