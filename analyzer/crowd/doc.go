// Package crowd judges what only many connections show: the backlog of every listener (RFC 4987), SYN floods, scans,
// and what others' floods send back.
//
// It gets the events of each attempt to open a connection, in the order of the capture, and segments that opened
// nothing. It knows no packets, keeps no connections and never reads a clock: the times are those of the capture. What
// it keeps is bounded, whatever comes, and the same events give the same answer.
//
// There is a target for each socket that is tried and for each address: what is held half-open for as long as a
// listener would hold it (held.go), rates and their CUSUM (cusum.go), the marks of SYN cookies (cookies.go),
// latencies, and, once there have been eight, how the number of half-open attempts went over time (course.go). An
// attempt that the listener does not accept at its ACK is held again until it is. Only while half-open attempts are
// many does it look closer (flood.go): sources in a sample that is exact while small (sample.go), what their SYNs
// have in common (marks.go). A source whose attempts fail is a candidate for a scanner in a table of fixed size, and
// followed after eight different probes (scan.go). A target where nobody answered is forgotten with its last attempt,
// or when the table is full. docs/VERDICTS.md says what leads to each verdict.
package crowd
