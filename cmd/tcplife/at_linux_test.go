package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
	"github.com/tcplife/tcplife/internal/segtest"
)

// At quiet moments of connections in every state, at agrees with ss -tan on both hosts. The test needs root, and is
// skipped otherwise.
func TestAtLikeSS(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, scenes.SocketsOptions())
	looks, err := scenes.PlaySockets(lab)
	if err != nil {
		t.Fatal(err)
	}
	pcap := filepath.Join(t.TempDir(), "sockets.pcap")
	if err := os.WriteFile(pcap, segtest.Pcap(lab.Packets()...), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(looks) == 0 {
		t.Error("there was no quiet moment")
	}
	states := compareLooks(t, pcap, txtar.Parse(scenes.FormatLooks(looks)))
	t.Logf("%d quiet moments; states at them: %v", len(looks), slices.Sorted(maps.Keys(states)))
}
