// Package analyzer follows every TCP connection of a capture and tells its life: one Connection record per
// incarnation of a 4-tuple, with the states of both endpoints.
//
// To read it beside the standard, have RFC 9293 at hand (RFC 793's successor; section numbers in the comments are
// its), RFC 5961 for what receivers do about blind attacks, RFC 7323 for timestamps and window scale, RFC 7413 for
// Fast Open.
package analyzer
