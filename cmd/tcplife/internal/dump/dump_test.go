package dump

import (
	"errors"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// written returns the data of the packets in the only file of a directory.
func written(t *testing.T, dir string) (list [][]byte) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	r, err := capture.Open([]string{filepath.Join(dir, files[0].Name())}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, slices.Clone(p.Data))
	}
}

// A dump holds all fragments of its segments, also those before the first packet of the choice.
func TestDumpFragments(t *testing.T) {
	dir := t.TempDir()
	d, err := New(Options{Dir: dir, Files: 2, Size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	server := netip.MustParseAddrPort("192.0.2.1:80")
	one, two := netip.MustParseAddrPort("192.0.2.2:1001"), netip.MustParseAddrPort("192.0.2.3:1002")
	x := segtest.Fragments(segtest.Frame(one, server, flows.ACK, 101, 301, 100), 48)
	y := segtest.Fragments(segtest.Frame(two, server, flows.ACK, 101, 301, 100), 48)
	for i, frame := range [][]byte{x[0], y[0], x[1], y[1], y[2], x[2]} {
		d.Packet(&capture.Packet{
			Number: uint64(i) + 1, Time: 1e18 + int64(i), Data: frame, Length: len(frame), Link: 1,
		})
	}
	d.Give(Choice{Name: "x", At: 1e18, First: 6, To: math.MaxInt64, About: "connection 6",
		Of: func(s *flows.Segment) bool { return s.Key.AddrPortB() == one || s.Key.AddrPortA() == one }})
	d.Close()
	if n, dropped := d.Counts(); n != 1 || dropped != 0 {
		t.Fatal(n, dropped, d.Said())
	}
	if got := written(t, dir); !slices.EqualFunc(got, x, slices.Equal) {
		t.Errorf("%d packets, want the %d fragments", len(got), len(x))
	}
}

// A panic while a dump is written is counted and reported like any other failure, and later dumps are written.
func TestDumpPanics(t *testing.T) {
	dir := t.TempDir()
	d, err := New(Options{Dir: dir, Files: 2, Size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	frame := segtest.Frame(netip.MustParseAddrPort("192.0.2.2:1"), netip.MustParseAddrPort("192.0.2.1:80"), flows.SYN,
		1, 0, 0)
	d.Packet(&capture.Packet{Number: 1, Time: 1e18, Data: frame, Length: len(frame), Link: 1})
	d.Give(Choice{Name: "x", At: 1e18, To: math.MaxInt64, Of: func(*flows.Segment) bool { panic("a mistake") }})
	d.Give(Choice{Name: "y", At: 1e18, To: math.MaxInt64, Of: func(*flows.Segment) bool { return true }})
	d.Close()
	said := d.Said()
	if n, dropped := d.Counts(); n != 1 || dropped != 1 || len(said) != 1 ||
		said[0] != "write a dump: panic: a mistake; further failures are only counted" {
		t.Errorf("%d written, %d dropped, said %q", n, dropped, said)
	}
	if got := written(t, dir); len(got) != 1 {
		t.Errorf("%d packets", len(got))
	}
}
