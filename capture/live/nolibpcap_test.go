//go:build nopcap || (!windows && !cgo) || (windows && !amd64 && !386)

package live

import (
	"errors"
	"testing"
)

// TestWithoutLibpcap checks that a build without libpcap returns ErrNoLibpcap for everything that needs it.
func TestWithoutLibpcap(t *testing.T) {
	if HasLibpcap {
		t.Error("it claims to have libpcap")
	}
	_, filter := CompileFilter("tcp")
	_, devices := Devices()
	_, open := Open([]string{AnyDevice}, Options{})
	for what, err := range map[string]error{"CompileFilter": filter, "Devices": devices, "Open": open} {
		if !errors.Is(err, ErrNoLibpcap) {
			t.Errorf("%s: %v, want ErrNoLibpcap", what, err)
		}
	}
}
