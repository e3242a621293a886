// Package testrun makes an ordinary go test end soon. Where TCPLIFE_TEST_ALL is set, as make test-all and CI set it,
// and where go test fuzzes, tests do all of their work.
//
// Tests that import it let garbage grow: their heaps are small, and by Go's default the collector would take half of
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
