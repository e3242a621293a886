// Package record defines what tcplife reports: one Connection for each incarnation of a 4-tuple, and the lists and
// sums that only many connections show.
//
// Times are nanoseconds of the capture's clock. A value that is not known has a form of its own (NoTime, NoDuration,
// Unknown, an empty word), which JSON shows as null.
package record
