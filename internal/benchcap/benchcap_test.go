package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

var kinds = []struct {
	name        string
	nanoseconds bool
	make        func(*maker)

	packets, connections uint64
	outcome              record.Outcome
	findings             uint64 // of all connections
	size                 float64
}{
	{name: "short", make: func(m *maker) { m.short(1000) }, packets: 8000, connections: 1000,
		outcome: record.OutcomeComplete, size: 149.5},
	{name: "long", make: func(m *maker) { m.long(5000) }, packets: 5060, connections: 10,
		outcome: record.OutcomeComplete, size: 2.5e9 / 3e6},
	{name: "flood", make: func(m *maker) { m.flood(1000, false) }, packets: 1000, connections: 1000,
		outcome: record.OutcomeUnanswered, findings: 1000, size: 76},
	{name: "answered flood", make: func(m *maker) { m.flood(1000, true) }, packets: 2000, connections: 1000,
		outcome: record.OutcomeEmbryonic, findings: 1000, size: 76},
	{name: "concurrent", make: func(m *maker) { m.concurrent(500, 2000, false) }, packets: 3500, connections: 500,
		outcome: record.OutcomeComplete, size: 111.5},
	{name: "midstream", nanoseconds: true, make: func(m *maker) { m.concurrent(10, 2000, true) }, packets: 2000,
		connections: 10, outcome: record.OutcomeUnseen, size: 129.5},
}

func TestCapturesOfEachKind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			data := bytesOf(t, kind.make, kind.nanoseconds)
			if again := bytesOf(t, kind.make, kind.nanoseconds); !bytes.Equal(data, again) {
				t.Error("the same arguments make different bytes")
			}
			if size := float64(len(data)) / float64(kind.packets); size < 0.97*kind.size || size > 1.03*kind.size {
				t.Errorf("%.1f bytes of file for a packet, want about %.1f", size, kind.size)
			}

			name := filepath.Join(t.TempDir(), "bench.pcap")
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			reader, err := capture.Open([]string{name}, capture.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			decoder := flows.NewDecoder(flows.DecoderOptions{})
			var connections, findings uint64
			tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
				connections++
				findings += uint64(len(c.Findings))
				if c.Handshake.Outcome != kind.outcome {
					t.Errorf("connection %d: outcome %s, want %s", c.ID, c.Handshake.Outcome, kind.outcome)
				}
			})
			var segments []flows.Segment
			for last := int64(0); ; {
				packet, err := reader.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if packet.Time < last {
					t.Fatalf("packet %d is earlier than the one before it", packet.Number)
				}
				last = packet.Time
				segments = decoder.Decode(packet, segments[:0])
				for i := range segments {
					tracker.Segment(&segments[i])
				}
			}
			tracker.Close()

			decoded := decoder.Stats()
			if n := reader.Stats().Packets; n != kind.packets {
				t.Errorf("%d packets, want %d", n, kind.packets)
			}
			if decoded.Segments != kind.packets {
				t.Errorf("%d segments, want %d", decoded.Segments, kind.packets)
			}
			if decoded.BadTCPChecksums+decoded.BadIPChecksums > 0 {
				t.Errorf("bad checksums: %d of TCP, %d of IP", decoded.BadTCPChecksums, decoded.BadIPChecksums)
			}
			if connections != kind.connections {
				t.Errorf("%d connections, want %d", connections, kind.connections)
			}
			if findings != kind.findings {
				t.Errorf("%d findings, want %d", findings, kind.findings)
			}
		})
	}
}

func bytesOf(t *testing.T, make func(*maker), nanoseconds bool) []byte {
	t.Helper()
	var b bytes.Buffer
	m := newMaker(newFile(&b, nanoseconds))
	make(m)
	if err := m.file.flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// To send a packet allocates nothing.
func TestNothingIsAllocatedForAPacket(t *testing.T) {
	m := newMaker(newFile(io.Discard, false))
	c := newConn(1)
	if n := testing.AllocsPerRun(1000, func() { m.send(epoch, &c, client, psh|ack, 100) }); n != 0 {
		t.Errorf("%v allocations for a packet, want 0", n)
	}
}
