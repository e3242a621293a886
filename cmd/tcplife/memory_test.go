package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

// The default is half of the memory of the machine or the control group, however much of it is free.
func TestMemoryByDefault(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "")
	os.Unsetenv("GOMEMLIMIT")
	n := limitMemoryByDefault()
	if n < leastMemory {
		t.Fatalf("the limit is %d bytes", n)
	}
	if set := debug.SetMemoryLimit(-1); set != n+ownMemory {
		t.Errorf("the collector keeps within %d bytes, want %d", set, n+ownMemory)
	}
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	if again := limitMemoryByDefault(); again != n {
		t.Errorf("with other memory free it is %d bytes, and was %d", again, n)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	t.Setenv("GOMEMLIMIT", "1GiB")
	limitMemoryByDefault()
	if set := debug.SetMemoryLimit(-1); set != math.MaxInt64 {
		t.Errorf("GOMEMLIMIT is set, and the collector was given %d bytes", set)
	}
	if ballast[0] != 1 {
		t.Fatal("ballast")
	}
}
