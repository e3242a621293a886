// Package whole tests all that happens to a capture, from its bytes to every report. Its fuzz targets check what must
// be true of any input.
//
// FuzzBytes reads a file as it is. FuzzEdits changes a sound capture packet by packet and field by field
// (edits_test.go), so that the changed packets reach the tracker. FuzzMerged reads several such files as one. With
// TCPLIFE_KEEP=DIR the last files that were read are in DIR, for a look at a failure:
//
//	TCPLIFE_KEEP=/tmp go test ./internal/whole -run FuzzEdits/0bb77f3d40bd0eb5
package whole
