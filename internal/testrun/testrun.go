// Package testrun makes an ordinary go test end soon. Where TCPLIFE_TEST_ALL is set, as make test-all and CI set it,
// tests do all of their work.
//
// Tests that import it let garbage grow: their heaps are small, and by Go's default the collector would take half of
// the time. GOGC overrides it.
package testrun

import (
	"os"
	"runtime/debug"
)

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// All reports whether tests do all of their work.
func All() bool { return os.Getenv("TCPLIFE_TEST_ALL") != "" }

// Size returns all where tests do all of their work, and ordinary elsewhere.
func Size[T any](ordinary, all T) T {
	if All() {
		return all
	}
	return ordinary
}
