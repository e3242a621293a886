// Package whole holds the whole way of a capture, from its bytes to every report, to what must be true of any input:
// its tests are fuzz targets.
//
// FuzzBytes takes a file as it is. FuzzEdits changes a sound capture packet by packet and field by field
// (edits_test.go), so that what it makes comes as far as the tracker. FuzzMerged reads several such files as one.
// With TCPLIFE_KEEP=DIR the files that were read last are in DIR, to look at a find:
//
//	TCPLIFE_KEEP=/tmp go test ./internal/whole -run FuzzEdits/0bb77f3d40bd0eb5
package whole
