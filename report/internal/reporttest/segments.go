package reporttest

import (
	"io"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// SegmentsOf returns the segments of a capture. The layers of keys distinguish equal addresses.
func SegmentsOf(t testing.TB, file string, keys ...string) (segments []flows.Segment) {
	t.Helper()
	r, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	decoder := flows.NewDecoder(flows.DecoderOptions{KeyIDs: keys})
	for {
		p, err := r.Next()
		if err == io.EOF {
			return segments
		}
		if err != nil {
			t.Fatal(err)
		}
		segments = decoder.Decode(p, segments)
	}
}
