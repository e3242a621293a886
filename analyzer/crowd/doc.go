// Package crowd judges facts that show only across connections: the backlog of every listener (RFC 4987), SYN floods,
// scans, and backscatter from floods elsewhere.
//
// It gets the events of each attempt to open a connection, in the order of the capture, and segments that opened
// nothing. It sees no packets, stores no connections and never reads a clock: times are those of the capture. Its
// memory is bounded for any input, and the same events give the same answer.
//
// There is a target for each socket that is tried, and for each address. It counts unresolved attempts for as long as a
// listener would hold them (held.go), their rate and its CUSUM (cusum.go), signs of SYN cookies (cookies.go) and
// latencies; after eight pending attempts also their number over time (course.go). An attempt whose ACK the listener
// does not accept is pending again. While many attempts are unresolved, a target also records (flood.go) their sources,
// in a sample that is exact while small (sample.go), and what their SYNs have in common (marks.go). A source whose
// attempts fail is a candidate for a scanner, in a table of fixed size; its probes are recorded after eight different
// ones (scan.go). A target that never answered is forgotten with its last attempt, or when the table is full.
// docs/VERDICTS.md explains each verdict.
package crowd
