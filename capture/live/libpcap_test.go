//go:build !nopcap && ((cgo && !windows) || (windows && (amd64 || 386)))

package live

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/fault"
)

// TestLivePanics checks that a panic while reading a device continues in Next.
func TestLivePanics(t *testing.T) {
	l := fed(1)
	l.readers.Add(1)
	go l.read(l.devices[0]) // it has no handle
	var panicked *fault.Error
	func() {
		defer fault.Keep(&panicked)
		l.Next()
	}()
	if panicked == nil || !strings.Contains(string(panicked.Stack), "(*Capture).read") {
		t.Errorf("%v", panicked)
	}
	l.readers.Wait()
}
