// Package tcpstate is the state machine of RFC 9293 §3.3.2 and §3.10 for two endpoints seen from the wire. It has no
// I/O, no clock and no table of connections: read it beside the RFC.
//
// All rules are in one table (rules.go): what moves an endpoint from which state to which, by which clause of the RFC;
// what shows that a state was wrong; why a segment changes nothing. docs/TRANSITIONS.md is generated from it. Every
// entry of a history names its rule. If later evidence contradicts an entry, it is kept as withdrawn, the first eight
// of each side, with the rule and the packet that withdrew it.
//
// The observer is somewhere on the path. For a segment from X to Y, Conn.Segment asks in this order:
//
//   - Does it fit? If its numbers are far from what the two have exchanged, X did not send it, and Y would drop it: it
//     is an old duplicate or a blind attack. It changes nothing, but the last eight of a side are kept (rejected.go):
//     one that a later segment proves counts from its place.
//   - What does it disprove? X's own segments show best what X has received, because SEG.ACK is its RCV.NXT. A
//     retransmitted SYN-ACK shows that the ACK was not accepted. A retransmitted FIN shows that its ACK was not
//     received. An acknowledgement short of the FIN shows that the FIN had not arrived. States that rest on receipt
//     alone are then withdrawn. Only what X sent after the earlier segment could have reached it counts; before that,
//     the state's beginning is postponed.
//   - What state must X be in to send this? (sends*.go, by the kind of segment)
//   - What does Y do on receiving it? (arrives*.go, by the sections of RFC 9293 §3.10.7) Y is taken to receive what
//     passes the observer, in sequence: a FIN behind a hole does nothing until the hole is filled (received.go).
//
// An endpoint exists once it has sent a segment, or once its peer acknowledges it. A state that only a missing segment
// can have caused is marked inferred. Questions that silence answers (a doubted RST, an unanswered SYN-ACK, an
// abandoned attempt) are settled when the record ends (settle.go). Only then are the reset, half-open, gaps and
// retransmitted FINs known. Expected segments, such as those of a transfer, take a shortcut (predict.go: header
// prediction). It does what the rules would do: a test compares both field by field after every segment.
//
// Times are nanoseconds of the capture's clock. Packets are numbered from 1 in the capture; 0 means no packet: a timer.
package tcpstate
