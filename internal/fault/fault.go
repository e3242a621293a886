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
		to(of(value, *packet))
	}
}

// Keep stops a panic of a goroutine that another one waits for, and keeps it for that one, which calls Again. It is to
// be deferred, and to run before what ends the waiting.
func Keep(f **Error) {
	if value := recover(); value != nil {
		*f = of(value, 0)
	}
}

// Again lets the panic go on in the goroutine that has waited. It does nothing if there was none.
func (e *Error) Again() {
	if e != nil {
		panic(e)
	}
}

// of makes an error of a panic, which may come from another goroutine by Again.
func of(value any, packet uint64) *Error {
	if e, again := value.(*Error); again {
		return e
	}
	return &Error{packet, value, debug.Stack()}
}
