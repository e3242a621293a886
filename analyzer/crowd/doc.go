// Package crowd judges facts that show only across connections: the backlog of every listener (RFC 4987), SYN floods,
// scans, and backscatter from floods elsewhere.
//
// It gets the events of each attempt to open a connection, in the order of the capture, and segments that opened
// nothing. It sees no packets, stores no connections and never reads a clock: times are those of the capture. Its
// memory is bounded, whatever comes, and the same events give the same answer.
//
// There is a target for each socket that is tried and for each address. It has the unresolved attempts, for as long as
// a listener would hold them (held.go), rates and their CUSUM (cusum.go), the marks of SYN cookies (cookies.go),
// latencies, and, once there were eight pending attempts, their number over time (course.go). An attempt that the
// listener does not accept at its ACK is pending again until it does. While many attempts are unresolved, more is
// recorded (flood.go): sources in a sample that is exact while small (sample.go), and what their SYNs have in common
// (marks.go). A source whose attempts fail is a candidate for a scanner in a table of fixed size, and followed after
// eight different probes (scan.go). A target without an answer is forgotten with its last attempt, or when the table is
// full. docs/VERDICTS.md explains each verdict.
package crowd
