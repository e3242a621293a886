package analyzer_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// What Live keeps account of segment by segment is what one would count, at any moment of every capture.
func TestLive(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var most analyzer.Live
	for _, file := range files {
		packets, err := capture.Open([]string{file}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		decoder := flows.NewDecoder(flows.DecoderOptions{})
		tracker := analyzer.New(analyzer.Options{MSL: time.Second, EmbryonicLimit: time.Second}, func(*analyzer.Connection) {})
		var segments []flows.Segment
		for {
			packet, err := packets.Next()
			if err != nil {
				break
			}
			segments = decoder.Decode(packet, segments[:0])
			for i := range segments {
				tracker.Segment(&segments[i])
			}
			got, want := tracker.Live(), analyzer.CountLive(tracker)
			if got != want {
				t.Fatalf("%s, packet %d: %+v, counted %+v", file, packet.Number, got, want)
			}
			most.Connections, most.HalfOpen = max(most.Connections, got.Connections), max(most.HalfOpen, got.HalfOpen)
			for state := range got.Client {
				most.Client[state] = max(most.Client[state], got.Client[state])
				most.Server[state] = max(most.Server[state], got.Server[state])
			}
		}
		packets.Close()
		tracker.Close()
		if left := tracker.Live(); left != (analyzer.Live{}) {
			t.Errorf("%s: %+v left after the end", file, left)
		}
	}
	if most.Connections < 128 || most.HalfOpen == 0 {
		t.Errorf("the captures try too little: at most %+v", most)
	}
}
