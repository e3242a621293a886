package capture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ringPacket is one of 1000 bytes.
func ringPacket(at time.Duration) *Packet {
	return &Packet{Time: ringStart + int64(at), Data: make([]byte, 1000), Length: 1500, Link: ethernet}
}

const ringStart = int64(1_700_000_000) * second

// ringNames are the files in the directory of a ring.
func ringNames(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestRing holds the names of files to tcpdump's, and what is in them to what was written.
func TestRing(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	for _, test := range []struct {
		name    string
		options RingOptions
		packets int // one every 100 ms
		next    []int
		want    string
		first   int // packet that is left
	}{
		{"one file", RingOptions{Path: "x.pcap"}, 20, nil, "x.pcap", 0},
		{"asked for the next", RingOptions{Path: "x.pcap"}, 20, []int{5, 10}, "x.pcap x.pcap1 x.pcap2", 0},
		{"-C", RingOptions{Path: "x", Size: 5000}, 20, nil, "x x1 x2 x3", 0},
		{"-C -W", RingOptions{Path: "x", Size: 5000, Files: 2}, 20, nil, "x0 x1", 10},
		{"-C -W 11", RingOptions{Path: "x", Size: 5000, Files: 11}, 20, nil, "x00 x01 x02 x03", 0},
		{"-G", RingOptions{Path: "x-%H%M%S", Every: time.Second}, 20, nil, "x-221320 x-221321", 0},
		{"-G without a time in the name", RingOptions{Path: "x", Every: time.Second}, 20, nil, "x x1", 0},
		{"-G -C", RingOptions{Path: "x-%s", Every: time.Second, Size: 5000}, 20, nil,
			"x-1700000000 x-17000000001 x-1700000001 x-17000000011", 0},
		{"-G -W", RingOptions{Path: "x-%s", Every: time.Second, Files: 2}, 50, nil, "x-1700000003 x-1700000004", 30},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			test.options.Path = filepath.Join(dir, test.options.Path)
			r, err := NewRing(test.options, ringStart)
			if err != nil {
				t.Fatal(err)
			}
			for i := range test.packets {
				if slices.Contains(test.next, i) {
					r.Next(ringStart+int64(i)*second/10, Drops{Kernel: uint64(i)})
				}
				r.Write(ringPacket(time.Duration(i)*time.Second/10), Drops{Kernel: uint64(i)})
			}
			r.Close(ringStart+100*second, Drops{Kernel: uint64(test.packets)})
			if got := ringNames(t, dir); got != test.want {
				t.Errorf("files %s, want %s", got, test.want)
			}
			if n, err := r.Unwritten(); n != 0 || err != nil {
				t.Errorf("%d packets were not written: %v", n, err)
			}
			var paths []string
			for name := range strings.FieldsSeq(test.want) {
				paths = append(paths, filepath.Join(dir, name))
			}
			c, err := Open(paths, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := packets(t, c)
			if len(got) != test.packets-test.first || got[0].Time != ringStart+int64(test.first)*second/10 {
				t.Errorf("%d packets from %d on, want %d", len(got), got[0].Time, test.packets-test.first)
			}
			if s := c.Stats(); s.Until != ringStart+100*second || s.Drops.Kernel != uint64(test.packets-test.first) {
				t.Errorf("until %d with %d drops, want %d and %d", s.Until, s.Drops.Kernel, ringStart+100*second,
					test.packets-test.first)
			}
		})
	}
}

// TestRingReadWhileWritten holds that a program that is killed loses a second at most.
func TestRingReadWhileWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcap")
	r, err := NewRing(RingOptions{Path: path}, ringStart)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		p := ringPacket(time.Duration(i) * time.Second / 10)
		r.Write(p, Drops{})
		r.Flush(p.Time)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, stats := read(t, data)
	if len(got) < 15 || len(stats.Damage) > 0 {
		t.Errorf("%d of 25 packets, damage %+v", len(got), stats.Damage)
	}
}
