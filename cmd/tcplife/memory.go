package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/docker/go-units"
)

// spareMemory makes garbage a quarter of what is live at most, not as much again: most of what is live has no pointers,
// so that collecting more often costs little. GOGC overrides it.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(usualGarbage)
	}
}

const (
	usualGarbage = 25 // percent of what is live
	leastGarbage = 16 << 20
	leastLive    = 4 << 20 // what the collector takes for live where less is
)

// allowGarbage lets there be leastGarbage while little is live, or the collector would run all the time. percent is
// what the collector goes by now.
func allowGarbage(percent int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	now := max(usualGarbage, int(100*leastGarbage/max(leastLive, live[0].Value.Uint64())))
	if now != percent {
		debug.SetGCPercent(now)
	}
	runtime.AddCleanup(new(*int), allowGarbage, now) // after the next collection
}

// leastMemory is what a run needs without any connection: buffers, and the connections that are awake.
const leastMemory = 64 << 20

// ownMemory is what a run has beside connections, decompressors and output, however much these may take: the program,
// what it knows of many connections (analyzer/crowd), and segments on their way. The collector would run all
// the time if it had to do without.
const ownMemory = 32 << 20

// limitMemory has the collector keep the process within a size, and gives it in bytes. Connections may take a third of
// it, for their tables need room to grow and to become others, decompressors a quarter, and output a sixteenth
// (outletRoom).
func limitMemory(size string) (n int64, err error) {
	n, err = units.RAMInBytes(size)
	switch {
	case err != nil:
		return 0, errors.New("not a size")
	case n < leastMemory:
		return 0, fmt.Errorf("must be at least %s", units.BytesSize(leastMemory))
	}
	debug.SetMemoryLimit(n + ownMemory)
	return n, nil
}

// limitMemoryByDefault does so by half of what there is, for the machine or for the process's control group, never of
// what happens to be free. The collector may then leave leastGarbage. It gives 0 where nobody says how much there is.
// GOMEMLIMIT goes before for the collector.
func limitMemoryByDefault() int64 {
	all, err := memlimit.FromSystem()
	if limit, limited := memlimit.FromCgroup(); limited == nil && (err != nil || limit < all) {
		all, err = limit, nil
	}
	if err != nil {
		return 0
	}
	if os.Getenv("GOGC") == "" {
		allowGarbage(usualGarbage)
	}
	n := max(int64(min(all, math.MaxInt64))/2, leastMemory)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(n + ownMemory)
	}
	return n
}

// outletRoom is how many bytes may wait for a reader of standard output, where the process is to stay within a size.
func outletRoom(memory int64) int {
	const most = 64 << 20
	if memory == 0 {
		return most
	}
	return int(min(memory/16, most))
}
