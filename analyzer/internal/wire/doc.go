// Package wire tells what happens to segments on their way: which checksums were wrong for the receiver too, and
// which segments are too long for the path.
package wire
