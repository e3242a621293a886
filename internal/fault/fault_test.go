package fault_test

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/fault"
)

// A panic continues in the waiting goroutine, with its own stack.
func TestAgain(t *testing.T) {
	var kept, caught *fault.Error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer fault.Keep(&kept)
		stumble()
	}()
	<-ended
	packet := uint64(7)
	func() {
		defer fault.Catch(&packet, func(f *fault.Error) { caught = f })
		kept.Again()
	}()
	if caught == nil || caught.Error() != "panic: there is a mistake" ||
		!strings.Contains(string(caught.Stack), "stumble") {
		t.Errorf("%v", caught)
	}
	kept, caught = nil, nil
	func() {
		defer fault.Catch(&packet, func(f *fault.Error) { caught = f })
		defer fault.Keep(&kept)
		kept.Again()
	}()
	if kept != nil || caught != nil {
		t.Errorf("%v, %v without a panic", kept, caught)
	}
}

func stumble() { panic("there is a mistake") }
