package crowd

import "github.com/tcplife/tcplife/flows"

// Attempt is one attempt to open a connection.
type Attempt struct {
	Source, Target flows.Addr
	TargetPort     uint16
	V6             bool
	SynAt          int64 // its first SYN
	SynAckAt       int64 // the first SYN-ACK, if there was one
	AckAt          int64 // the ACK that completed it, if that was seen
}

// End is how an attempt ended.
type End uint8

// The ends of an attempt.
const (
	Unanswered    End = iota // SYNs without an answer
	Refused                  // an RST of the target answered the SYN
	Unreachable              // an ICMP error answered it
	Abandoned                // SYN and SYN-ACK, and no further segment
	ResetByClient            // the source answered the SYN-ACK with an RST
	Withdrawn                // the target withdrew its SYN-ACK with an RST
	Idle                     // completed, and the source never sent a byte
	Used                     // completed
	ends
)

// String is the end in a word.
func (e End) String() string {
	return [...]string{"unanswered", "refused", "unreachable", "abandoned", "reset_by_client", "withdrawn", "idle",
		"used"}[e]
}

// socket is an address and a port.
type socket struct {
	addr  flows.Addr
	port  uint16
	whole bool // the address with all of its ports
}
