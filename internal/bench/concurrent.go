//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A load is a number of connections open at once, and what they cost.
type load struct {
	connections, packets     int
	opening, all             *series
	perPacket, perConnection float64 // ns; bytes
}

// compare computes the cost of a packet and of a connection. before has the smaller loads.
func (l *load) compare(before []load) {
	// A disturbance of the machine only adds time, and a difference has the disturbances of two runs. So the shortest
	// run of each counts.
	l.perPacket = float64(slices.Min(l.all.walls())-slices.Min(l.opening.walls())) / float64(l.packets)
	peak, connections := l.all.peak(), l.connections
	if len(before) > 0 {
		smaller := before[len(before)-1]
		peak -= smaller.all.peak()
		connections -= smaller.connections
	}
	l.perConnection = peak / float64(connections)
}

// concurrent opens ten times as many connections from load to load, followed by packets at random. The cost of a packet
// is the difference between reading all and reading only the handshakes. The cost of a connection is the difference
// between the peaks of a load and of the one before it.
func (b *bench) concurrent() error {
	for n := 10_000; n <= max(b.scaled(10_000_000), 100_000); n *= 10 {
		packets := max(4*n, 1_000_000+b.scaled(4_000_000))
		file, done, err := b.capture("concurrent", 270*n+130*packets,
			"-kind", "concurrent", "-n", strconv.Itoa(n), "-packets", strconv.Itoa(packets))
		if err != nil && len(b.loads) > 0 {
			fmt.Fprintf(b.log, "at most %s connections at once: %v\n", count(n/10), err)
			break
		}
		if err != nil {
			return err
		}
		opening := b.read("tcplife read, handshakes", file, "--count", strconv.Itoa(3*n))
		all := b.read("tcplife read", file)
		opening.env, all.env = []string{traceCollector}, []string{traceCollector}
		runs := min(b.runs, 3) // of half a minute each
		if n > 1_000_000 {
			runs = 1 // of minutes
		}
		s := b.inTurn(runs, opening, all)
		done()
		l := load{connections: n, packets: packets, opening: s[0], all: s[1]}
		if known(s...) {
			l.compare(b.loads)
		}
		b.loads = append(b.loads, l)
		if !known(s...) {
			break
		}
	}
	first, last := &b.loads[0], &b.loads[len(b.loads)-1]
	b.bytes(fmt.Sprintf("memory for an established connection, of %s at once", count(last.connections)), last.all,
		last.perConnection, 300)
	what := fmt.Sprintf("cost of a packet, from %s to %s connections at random", count(first.connections),
		count(last.connections))
	g := goal{what: what, limit: "≤ 5 ×"}
	if b.unknown(&g, first.opening, first.all, last.opening, last.all) {
		b.goals = append(b.goals, g)
		return nil
	}
	g.tcplife, g.against = nanoseconds(last.perPacket), nanoseconds(first.perPacket)
	if first.perPacket > 0 && last.perPacket > 0 {
		growth := last.perPacket / first.perPacket
		g.result, g.verdict = fmt.Sprintf("%.2f ×", growth), verdict(growth <= 5)
	} else {
		g.verdict = "unknown: the machine was too busy"
	}
	pause := last.all.pause()
	b.goals = append(b.goals, g, goal{
		what: "the collector's longest pause, with " + count(last.connections), result: milliseconds(pause),
		limit:   "≤ 10 ms",
		verdict: verdict(pause <= 10*time.Millisecond),
	})
	return nil
}
