// Package report writes the records of package record: as tables for people, as JSON, JSON Lines and CSV for
// programs. There is one type per format, and all work alike:
//
//	Connection(*record.Connection) error // for each connection, in the order in which they ended
//	Finish(*Ending) error                  // once, after the last
//
// A connection is used only during the call. Nothing that has been written is kept, so memory does not grow with the
// number of connections, but for what the formats say of themselves. The first error of the underlying writer ends
// the output and is what every later call returns. No type is safe for concurrent use.
//
// Schema describes the JSON forms field by field.
package report
