// Package store keeps millions of connections in little memory, and none of it has pointers that the garbage
// collector would have to follow: Slabs of values by number, an Arena of byte strings, a Wheel of alarms, and a Coder
// that packs a struct into a few bytes.
package store
