//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// bounded reads captures that do not fit into --memory 64MiB, with this limit and without one.
func (b *bench) bounded() error {
	const most = 128e6
	for _, load := range []struct {
		what  string
		n     int
		bytes int // of the capture, for each of the n
		argv  []string
	}{
		{"spoofed SYNs", b.scaled(5_000_000), 76, []string{"-kind", "flood"}},
		{"spoofed SYNs with their SYN-ACKs", b.scaled(5_000_000), 152, []string{"-kind", "flood", "-synacks"}},
		{"open connections, and as many packets at random", b.scaled(1_000_000), 400, []string{"-kind", "concurrent"}},
	} {
		n := strconv.Itoa(load.n)
		file, done, err := b.capture("bounded", load.bytes*load.n, append(load.argv, "-n", n, "-packets", n)...)
		if err != nil {
			return err
		}
		within := b.read("tcplife read --memory 64MiB", file, "--memory", "64MiB")
		within.mayEvict, within.evicts = true, b.scale == 1 // a smaller capture may fit
		s := b.inTurn(min(b.runs, 3), b.read("tcplife read", file), within)
		done()
		what := fmt.Sprintf("%s %s", count(load.n), load.what)
		b.groups = append(b.groups, group{what + ", within 64 MiB", load.n, s})
		b.processorAtMost(what+": `read --memory 64MiB`, processor time", s[1], s[0], 1.5)
		b.bytes("the same, peak memory", s[1], s[1].peak(), most)
	}
	return nil
}
