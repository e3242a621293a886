// Package course has what a tracker must know about all segments of a capture, not only about those of its own
// connections: the clock, which one packet far ahead does not move alone, and which kinds of segments have passed.
// Usually a few segments of each stretch suffice, so several machines can each track some of the connections.
package course
