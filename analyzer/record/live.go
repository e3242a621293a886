package record

import "github.com/tcplife/tcplife/analyzer/tcpstate"

// Live is what an Analyzer follows at the moment. It is updated with each segment, so reading it costs nothing, however
// many connections there are.
type Live struct {
	Begun       uint64 // incarnations so far, with attempts that turned out to be part of another one
	Connections uint64 // incarnations, including closed ones that wait for late segments
	HalfOpen    uint64 // those that one side has shown to have lost (RFC 9293 §3.5.1)
	// the sides that opened, by state, without ends of which nothing is known; see Connection.Held
	Client StateCount
	// the other sides; a listener that sends SYN cookies holds nothing in SYN_RCVD (RFC 4987 §3.6)
	Server StateCount
}

// StateCount counts endpoints by their tcpstate.State.
type StateCount [tcpstate.TimeWait + 1]uint64
