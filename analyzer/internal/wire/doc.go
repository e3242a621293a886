// Package wire finds what happens to segments on the path: which checksums were also wrong at the receiver, and which
// segments are too long.
package wire
