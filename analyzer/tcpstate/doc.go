// Package tcpstate is the state machine of RFC 9293 §3.3.2 and §3.10 for two endpoints seen from the wire.
package tcpstate
