// Package course has what a tracker must know about all segments of a capture, not only about those of its own
// connections: the clock, which a packet far ahead does not move alone, and which kinds of segments have passed. For a
// stretch of the capture these are mostly a few segments. So each of several machines can track some of the
// connections.
package course
