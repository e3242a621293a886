package view

import (
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// The file that w writes has all fragments of a connection's segments.
func TestViewWritesFragments(t *testing.T) {
	server := netip.MustParseAddrPort("192.0.2.1:80")
	one, two := netip.MustParseAddrPort("192.0.2.2:1001"), netip.MustParseAddrPort("192.0.2.3:1002")
	x := segtest.Fragments(segtest.Frame(one, server, flows.ACK, 101, 301, 100), 48)
	y := segtest.Fragments(segtest.Frame(two, server, flows.ACK, 101, 301, 100), 48)
	recent := capture.NewRecent(1 << 20)
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var of *record.Connection
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		if c.Client.IP == one.Addr() || c.Server.IP == one.Addr() {
			of = c.Clone()
		}
	})
	for i, frame := range [][]byte{x[0], y[0], x[1], y[1], y[2], x[2]} {
		p := &capture.Packet{Number: uint64(i) + 1, Time: 1e18 + int64(i), Data: frame, Length: len(frame), Link: 1}
		recent.Add(p)
		for _, s := range decoder.Decode(p, nil) {
			tracker.Segment(&s)
		}
	}
	tracker.Close()
	dir := t.TempDir()
	s := &scene{kept: recent.Kept()}
	said, err := s.write(Kept{Extracts: dir}, of)
	want := "3 packets of connection 6 are in " + filepath.Join(dir, "tcplife-6.pcapng")
	if err != nil || said != want {
		t.Errorf("said %q, %v, want %q", said, err, want)
	}
}
