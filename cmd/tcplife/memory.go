package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/docker/go-units"
	"github.com/google/gopacket/layers"
)

// Garbage may take a quarter of the live memory, where Go's default is as much as is live: most live memory has no
// pointers, so collecting more often costs little. GOGC overrides it. It is set only before packets are read: earlier,
// the first collection would begin while the commands are made, and cost a sixth of a small run.
const (
	usualGarbage = 25 // percent of what is live
	leastGarbage = 16 << 20
	mostGarbage  = 64 << 20
	leastLive    = 4 << 20 // what counts as live where less is
)

// allowGarbage permits leastGarbage while little memory is live, because otherwise the collector would run all the
// time, and at most mostGarbage where much is live. percent is the collector's current setting.
func allowGarbage(percent int) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	live := max(leastLive, sample[0].Value.Uint64())
	now := int(max(1, 100*min(max(live*usualGarbage/100, leastGarbage), mostGarbage)/live))
	if now != percent {
		debug.SetGCPercent(now)
	}
	runtime.AddCleanup(new(*int), allowGarbage, now) // after the next collection
}

// emptyTables removes what gopacket's tables of protocols say of unknown ones. Each collection would follow these
// pointers, 400,000 of them, which takes most of its time. Package flows does not use them.
var emptyTables = sync.OnceFunc(func() {
	for _, table := range [...][]layers.EnumMetadata{layers.EthernetTypeMetadata[:], layers.PPPTypeMetadata[:]} {
		for i := range table {
			if entry := &table[i]; entry.LayerType == 0 {
				entry.DecodeWith, entry.Name = nil, ""
			}
		}
	}
})

// leastMemory is what a run needs at least: buffers, and the unpacked connections.
const leastMemory = 64 << 20

// ownMemory is the memory of a run besides connections, decompressors and output: the program, the tables of
// analyzer/crowd, and segments on their way. Without it the collector would run all the time.
const ownMemory = 20 << 20

// limitMemory makes the collector keep the process within a size, and returns it in bytes. Connections may take half
// of it, because their tables need room to grow, decompressors a quarter, and output a sixteenth (outletRoom).
func limitMemory(size string) (n int64, err error) {
	n, err = units.RAMInBytes(size)
	switch {
	case err != nil:
		return 0, errors.New("not a size")
	case n < leastMemory:
		return 0, fmt.Errorf("must be at least %s", units.BytesSize(leastMemory))
	}
	spareMemory()
	debug.SetMemoryLimit(n + ownMemory)
	return n, nil
}

func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(usualGarbage)
	}
}

// limitMemoryByDefault limits memory to half of the machine's or of the process's control group, whatever part of it is
// free. The collector may then leave leastGarbage. It returns 0 if the size is unknown. For the collector GOMEMLIMIT
// takes precedence.
func limitMemoryByDefault() int64 {
	all, err := memlimit.FromSystem()
	if limit, limited := memlimit.FromCgroup(); limited == nil && (err != nil || limit < all) {
		all, err = limit, nil
	}
	if err != nil {
		spareMemory()
		return 0
	}
	if os.Getenv("GOGC") == "" {
		allowGarbage(100)
	}
	n := max(int64(min(all, math.MaxInt64))/2, leastMemory)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(n + ownMemory)
	}
	return n
}

// outletRoom is the number of bytes that may wait for the reader of standard output, given the limit of memory.
func outletRoom(memory int64) int {
	const most = 64 << 20
	if memory == 0 {
		return most
	}
	return int(min(memory/16, most))
}
