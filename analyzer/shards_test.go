package analyzer_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/internal/testrun"
)

// However many trackers there are, the output is the same.
func TestShardsChangeNothing(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range testrun.Some(3, files) {
		sameInShards(t, file, segmentsOf(t, file))
		jumping := segmentsOf(t, file)
		jumping[len(jumping)/2].Time += int64(48 * time.Hour) // which no tracker believes
		sameInShards(t, file+" with a jump", jumping)
		sameInShards(t, file+" of two clocks", merged(segmentsOf(t, file), true, 3e6))
	}
}

// A record is in the same page of a journal as the event of its end, even if another event about it has filled the page
// before.
func TestRecordsStayInTheirPages(t *testing.T) {
	for n := 190; n < 250; n++ {
		var segments []flows.Segment
		for i := range n {
			segments = append(segments, flows.Segment{Packet: uint64(i + 1), Time: int64(i+1) * 1e6, Flags: flows.SYN,
				Seq: uint32(i),
				Key: flows.Key{A: flows.Addr{10: 255, 11: 255, 12: 10, 15: 1},
					B:     flows.Addr{10: 255, 11: 255, 12: 10, 15: 2},
					APort: uint16(1000 + i), BPort: 80}})
		}
		last := segments[0] // when it comes all others have ended
		last.Packet, last.Time, last.Key.APort = uint64(n+1), 1e12, 999
		more := last
		more.Packet++
		segments = append(segments, last, more)
		plain, list := recordsOf(t, segments, func(*analyzer.Analyzer) {}), shardRecords(t, 1, len(segments), segments)
		if !slices.Equal(plain, list) {
			t.Fatalf("%d attempts: an Analyzer emits\n%s\nand a shard\n%s", n, plain, list)
		}
	}
}

// Connections that end at the same time end in the order of their ids, even if the alarm of one was set when an earlier
// connection had its sockets. The clock stands still here, so both become idle at once. Each Shards has other seeds, so
// that other connections share a tracker.
func TestEndsAtOneTime(t *testing.T) {
	exchange, err := segtest.Parse(`
T = 10.0.0.1:51604
U = 10.0.0.2:23
C = 10.0.0.3:40100
S = 10.0.0.4:443
L = 10.0.0.5:999
@0s  L --> U SYN seq=4
@10s T <-- U ACK seq=900 ack=400
@1s  C --> S SYN
     C <-- S SYN,ACK
     C --> S ACK
     T --> U SYN seq=500
     T <-- U SYN,ACK seq=700 ack=501
     T --> U ACK
@500000s L --> U ACK seq=5 ack=5
         L --> U ACK
`)
	if err != nil {
		t.Fatal(err)
	}
	segments := exchange.Segments()
	for range 20 {
		sameInShards(t, "ends at one time", segments)
	}
}

func sameInShards(t *testing.T, file string, segments []flows.Segment) {
	t.Helper()
	plain := recordsOf(t, segments, func(*analyzer.Analyzer) {})
	for _, n := range []int{1, 2, 5} {
		list := shardRecords(t, n, 7, segments)
		for i := range max(len(plain), len(list)) {
			if i >= len(plain) || i >= len(list) || plain[i] != list[i] {
				t.Fatalf("%s: with %d trackers record %d of %d, %d differs:\n%s\n%s", file, n, i, len(plain),
					len(list), plain[i:], list[i:])
			}
		}
	}
}

// shardRecords returns the JSON of all records that n trackers make of segments, fed in batches, and of the result.
func shardRecords(t *testing.T, n, batch int, segments []flows.Segment) (list []string) {
	t.Helper()
	var done int
	tracker := analyzer.NewShards(analyzer.Options{}, n,
		func(c *record.Connection) { list = append(list, marshal(t, c)) },
		func(segments []flows.Segment) { done += len(segments) })
	for chunk := range slices.Chunk(segments, batch) {
		tracker.Segments(chunk)
	}
	tracker.Close()
	if done != len(segments) {
		t.Errorf("done was called with %d of %d segments", done, len(segments))
	}
	result, err := json.Marshal(tracker.Result())
	if err != nil {
		t.Fatal(err)
	}
	return append(list, string(result))
}

// With SplitMemory each tracker evicts its own connections, and every segment is in a record.
func TestSplitMemory(t *testing.T) {
	var segments []flows.Segment
	for i := range 5000 {
		segments = append(segments, flows.Segment{Packet: uint64(i + 1), Time: int64(i+1) * 1e6, Flags: flows.SYN,
			Seq: uint32(i), Key: flows.Key{A: flows.Addr{10: 255, 11: 255, 12: 10, 15: 1},
				B:     flows.Addr{10: 255, 11: 255, 12: 10, 15: 2},
				APort: uint16(1000 + i), BPort: 80}})
	}
	const room = 300_000
	var evicted [2]uint64
	for i, split := range []bool{false, true} {
		packets := uint64(0)
		tracker := analyzer.NewShards(analyzer.Options{MaxMemory: room, SplitMemory: split}, 3,
			func(c *record.Connection) { packets += c.Client.Packets + c.Server.Packets },
			func([]flows.Segment) {})
		tracker.Segments(segments)
		tracker.Close()
		if evicted[i] = tracker.Result().Evicted; evicted[i] == 0 || packets != uint64(len(segments)) {
			t.Errorf("split %v: %d of %d packets are in records, %d evicted", split, packets, len(segments), evicted[i])
		}
	}
	if evicted[1] < evicted[0]*9/10 {
		t.Errorf("three trackers evicted %d, one evicted %d", evicted[1], evicted[0])
	}
}
