// Package course is what a tracker must know of all segments of a capture, and not only of those of its own
// connections: the clock, which a packet far ahead does not move alone, and which kinds of segments have
// passed. For a stretch of the capture it is mostly a handful of segments. So trackers on several machines
// can follow some connections each.
package course
