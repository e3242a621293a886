// Package store keeps millions of connections in little memory, without pointers for the garbage collector to follow.
// It has Slabs of values by number, an Arena of byte strings, a Wheel of alarms, and a Packer that packs a struct into
// a few bytes.
package store
