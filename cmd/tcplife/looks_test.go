package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/internal/testrun"
)

// The first screen of a real run with 300,000 connections, sound ones and a flood, at three widths. The most important
// facts come first, the ids for explain are there, and only commands to copy are wider than the screen.
func TestFirstScreen(t *testing.T) {
	if !testrun.All() {
		t.Skip("NOT TESTED: it takes a minute; make test-all does it")
	}
	t.Parallel()
	benchcap := filepath.Join(t.TempDir(), "benchcap")
	if out, err := exec.Command("go", "build", "-o", benchcap, "../../internal/benchcap").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, kind := range []string{"short", "flood"} {
		dir := t.TempDir()
		args := []string{"-n", "300000", "-kind", kind, "-o", filepath.Join(dir, kind+".pcap")}
		if kind == "flood" {
			args = append(args, "-synacks")
		}
		if out, err := exec.Command(benchcap, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, width := range []int{80, 120, 200} {
			cmd := exec.Command("tcplife", "read", kind+".pcap")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), fmt.Sprintf("COLUMNS=%d", width))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			screen := firstLines(out, 24)
			for line := range strings.Lines(screen) {
				n := len([]rune(strings.TrimSuffix(line, "\n")))
				if n > width && !strings.Contains(line, "→ tcplife ") {
					t.Errorf("%s: a line of %d characters in a width of %d: %s", kind, n, width, line)
				}
			}
			_, table, _ := strings.Cut(screen, "CONNECTIONS 300,000")
			if _, head, _ := strings.Cut(table, "\n"); !strings.HasPrefix(strings.TrimLeft(head, " "), "ID  ") {
				t.Errorf("%s at %d columns: the table does not begin with the id:\n%s", kind, width, screen)
			}
			goldenText(t, fmt.Sprintf("testdata/looks/%s-%d.txt", kind, width), screen)
		}
		if kind == "flood" {
			continue
		}
		for _, width := range []int{80, 120, 200} { // of the last connection that the first screen shows
			cmd := exec.Command("tcplife", "explain", kind+".pcap", "--conn", "34")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), fmt.Sprintf("COLUMNS=%d", width))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			goldenText(t, fmt.Sprintf("testdata/looks/explain-%d.txt", width), firstLines(out, 24))
		}
		os.RemoveAll(dir) // 360 MB
	}
}

func firstLines(text []byte, n int) string {
	lines := bytes.SplitAfterN(text, []byte("\n"), n+1)
	return string(bytes.Join(lines[:min(n, len(lines))], nil))
}

// goldenText compares text with a file.
func goldenText(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

// compare of IPv6, with long names of points, at three widths: no line is wider than the screen.
func TestCompareLooks(t *testing.T) {
	t.Parallel()
	points := []string{"compare", "client-laptop-wifi=client.pcapng", "firewall-inside=fwin.pcapng",
		"firewall-outside=fwout.pcapng", "server.pcapng"}
	for _, width := range []int{80, 120, 200} {
		var looks []byte
		for _, args := range [][]string{points, append(slices.Clone(points), "--conn", "1")} {
			cmd := exec.Command("tcplife", args...)
			cmd.Dir, cmd.Env = "../../testdata/compare/ipv6", append(os.Environ(), fmt.Sprintf("COLUMNS=%d", width))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			looks = append(looks, out...)
		}
		for line := range strings.Lines(string(looks)) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
				t.Errorf("a line of %d characters in a width of %d: %s", n, width, line)
			}
		}
		goldenText(t, fmt.Sprintf("testdata/looks/compare-%d.txt", width), string(looks))
	}
}
