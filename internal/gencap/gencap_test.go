//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
)

const (
	dir        = "../../testdata/pcaps"
	pcapHeader = 24 // bytes
)

// TestCrafted makes the crafted captures and the README again and compares them with those in the repository.
func TestCrafted(t *testing.T) {
	files, err := crafted()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, file{name: "README.md", data: readme(files)}) {
		got, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, f.data) {
			t.Errorf("%s is not what `go run ./internal/gencap` makes", f.name)
		}
	}
}

// TestScenes plays two of the scenes.
func TestScenes(t *testing.T) {
	netlab.Start(t, netlab.Options{}) // or skip
	for _, s := range scenes.All {
		if s.Name != "abort" && s.Name != "refused" {
			continue
		}
		data, err := captureScene(&s)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		} else if len(data) <= pcapHeader {
			t.Errorf("%s: nothing was captured", s.Name)
		}
	}
}

// TestDirectory checks that every capture is in the README, and that all together stay small.
func TestDirectory(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, e := range entries {
		if info, err := e.Info(); err != nil {
			t.Error(err)
		} else {
			size += info.Size()
		}
		if e.Name() != "README.md" && !bytes.Contains(readme, []byte("| ["+e.Name()+"]")) {
			t.Errorf("%s is not in README.md", e.Name())
		}
	}
	for _, s := range scenes.All {
		if _, err := os.Stat(filepath.Join(dir, sceneFile(&s))); err != nil {
			t.Error(err)
		}
	}
	if size > 2<<20 {
		t.Errorf("the captures have %d bytes, want at most 2 MiB", size)
	}
}

// TestTshark checks that tshark finds no malformed packet and no wrong checksum in any capture.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed:", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no captures:", err)
	}
	// The files have the same header. One header and the packets of all files are one capture.
	var all []byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = data[:pcapHeader:pcapHeader]
		}
		all = append(all, data[pcapHeader:]...)
	}
	bad := "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || icmp.checksum.status == 0 || " +
		"icmpv6.checksum.status == 0"
	for _, test := range []struct {
		name, filter string
		want         bool
	}{
		{"bad packets", bad, false},
		{"good checksums", "tcp.checksum.status == 1", true},
	} {
		cmd := exec.Command(tshark, "-r", "-", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
			test.filter)
		cmd.Stdin = bytes.NewReader(all)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal("tshark:", err)
		}
		if got := strings.TrimSpace(string(out)); (got != "") != test.want {
			t.Errorf("tshark finds these %s in the captures:\n%s", test.name, got)
		}
	}
}
