// Package fault makes an error of a panic in a goroutine, so that what goes on beside it can end in order.
package fault

import (
	"fmt"
	"runtime/debug"
)

// An Error is a panic: a mistake in the program, not in its input.
type Error struct {
	Packet uint64 // the number of the packet at hand, 0 if there was none
	Value  any    // of the panic
	Stack  []byte // of its goroutine
}

func (e *Error) Error() string {
	at := ""
	if e.Packet > 0 {
		at = fmt.Sprintf(" at packet %d", e.Packet)
	}
	return fmt.Sprintf("panic%s: %v", at, e.Value)
}

// Catch stops a panic, if there is one, and hands it over as an error. It is to be deferred.
func Catch(packet *uint64, to func(*Error)) {
	if value := recover(); value != nil {
		to(&Error{*packet, value, debug.Stack()})
	}
}
