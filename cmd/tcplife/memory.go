package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/docker/go-units"
)

// spareMemory makes garbage a quarter of what is live at most, not as much again: most of what is live has no pointers,
// so that collecting more often costs little. GOGC overrides it.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

// leastMemory is what a run needs without any connection: buffers, and the connections that are awake.
const leastMemory = 64 << 20

// limitMemory has the collector keep the process within a size, and gives it in bytes. Connections may take half of it,
// for their tables need room to grow, and decompressors a quarter; reports and buffers need some too.
func limitMemory(size string) (n int64, err error) {
	n, err = units.RAMInBytes(size)
	switch {
	case err != nil:
		return 0, errors.New("not a size")
	case n < leastMemory:
		return 0, fmt.Errorf("must be at least %s", units.BytesSize(leastMemory))
	}
	debug.SetMemoryLimit(n)
	return n, nil
}
