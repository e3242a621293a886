// Package crowd judges what only many connections show: the backlog of every listener (RFC 4987), SYN floods, scans, and
// what others' floods send back.
//
// It is told of each attempt to open a connection as it goes on, in the order of the capture, and of segments that
// opened nothing. It knows no packets, keeps no connections and never reads a clock: the times are those of the
// capture. What it keeps is bounded, whatever comes, and the same events give the same answer.
package crowd
