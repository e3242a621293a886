package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRead reads the most usual traffic: short connections, transfers, a flood. `make profile` uses it to make the
// profile with which the compiler optimizes releases.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct{ kind, n, format string }{
		{"short", "100000", "table"}, {"short", "100000", "jsonl"}, {"long", "500000", "table"},
		{"flood", "500000", "table"},
	} {
		b.Run(c.kind+" "+c.format, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "capture.pcap")
			benchcap := exec.Command("go", "run", "../../internal/benchcap", "-kind", c.kind, "-n", c.n, "-o", file)
			if benchcap.Stderr = os.Stderr; benchcap.Run() != nil {
				b.Fatal("there is no capture")
			}
			for b.Loop() {
				if code := run(b.Context(), []string{"read", "-o", c.format, file}, strings.NewReader(""), io.Discard,
					io.Discard); code != 0 {
					b.Fatalf("exit code %d", code)
				}
			}
		})
	}
}
