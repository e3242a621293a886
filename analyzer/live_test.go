package analyzer_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// The counts of Live are right at any moment of every capture.
func TestLive(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var most record.Live
	for _, file := range files {
		packets, err := capture.Open([]string{file}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		decoder := flows.NewDecoder(flows.DecoderOptions{})
		ended := uint64(0)
		tracker := analyzer.New(analyzer.Options{MSL: time.Second, EmbryonicLimit: time.Second},
			func(*record.Connection) { ended++ })
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
			want.Begun = ended + want.Connections
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
		if left := tracker.Live(); left != (record.Live{Begun: ended}) {
			t.Errorf("%s: %+v left after the end", file, left)
		}
	}
	if most.Connections < 128 || most.HalfOpen == 0 {
		t.Errorf("the captures cover too little: at most %+v", most)
	}
}

// Scan finds all followed connections, a few places at a time, and changes nothing.
func TestScan(t *testing.T) {
	for _, script := range []string{wholeLife, wholeLife +
		"\n D = 10.0.0.9:5\n D --> S SYN\n E = 10.0.0.9:6\n E --> S SYN\n S --> E SYN,ACK"} {
		segments := segtest.Script(script).Segments()
		var looked []string
		a := analyzer.New(analyzer.Options{}, func(r *record.Connection) { looked = append(looked, short(r)) })
		for i := range segments {
			a.Segment(&segments[i])
			seen := map[uint64]bool{}
			for at, first := (analyzer.Cursor{}), true; first || at != (analyzer.Cursor{}); first = false {
				at = a.Scan(at, 1, func(r *record.Connection) {
					if seen[r.ID] {
						t.Errorf("connection %d is visited twice", r.ID)
					}
					seen[r.ID] = true
				})
			}
			if live := a.Live().Connections; uint64(len(seen)) != live {
				t.Errorf("after packet %d: found %d of %d connections", segments[i].Packet, len(seen), live)
			}
		}
		a.Close()
		if want := records(segments); !slices.Equal(looked, want) {
			t.Errorf("with Scan:\n%s\nwithout:\n%s", looked, want)
		}
	}
}
