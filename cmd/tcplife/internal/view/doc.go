// Package view is the screen of `tcplife live` on a terminal: vitals, the list of connections, ladders, and what its keys do.
// A Watch belongs to the goroutine of the tracker and leaves scenes behind; the view has a goroutine of its own and sees the
// capture in these alone.
package view
