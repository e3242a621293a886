// Package testrun shortens an ordinary go test. Tests do all of their work if TCPLIFE_TEST_ALL is set, as in make
// test-all and CI, and if go test fuzzes.
//
// Tests that import it collect less garbage: their heaps are small, and with Go's default the collector takes half of
// the time. GOGC overrides it.
package testrun

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// All reports whether tests do all of their work.
func All() bool {
	fuzzed := flag.Lookup("test.fuzz")
	return os.Getenv("TCPLIFE_TEST_ALL") != "" || fuzzed != nil && fuzzed.Value.String() != ""
}

// Size returns all where tests do all of their work, and ordinary elsewhere.
func Size[T any](ordinary, all T) T {
	if All() {
		return all
	}
	return ordinary
}

// Some returns all of a list where tests do all of their work, and one of each n elsewhere.
func Some[T any](n int, all []T) (some []T) {
	if All() {
		return all
	}
	for i := 0; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// Overlap runs more parallel tests at a time than there are processors, for packages whose tests mostly wait for timers
// and packets. -parallel overrides it. TestMain calls it.
func Overlap() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0))))
	}
}
