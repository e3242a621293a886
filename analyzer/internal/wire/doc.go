// Package wire finds what happens to segments on the path: which checksums were wrong for the receiver too, and which
// segments are too long.
package wire
