// Package report writes the records of package record: as tables for people, as JSON, JSON Lines and CSV for
// programs. There is one type per format, and all work alike:
//
//	Connection(*record.Connection) error // for each connection, in the order in which they ended
//	Finish(*Ending) error                  // once, after the last
//
// A connection is used only during the call. Formats keep nothing that they have written, so memory does not grow with
// the number of connections, except as documented for a format. The first error of the underlying writer ends the
// output and is what every later call returns. No type is safe for concurrent use.
//
// Schema describes the JSON forms field by field.
package report
