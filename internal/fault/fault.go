// Package fault turns a panic in a goroutine into an error, so that other goroutines can stop properly.
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

// Catch stops a panic, if there is one, and passes it on as an error. Defer it.
func Catch(packet *uint64, to func(*Error)) {
	if value := recover(); value != nil {
		to(of(value, *packet))
	}
}

// Keep stops a panic of a goroutine that another one waits for. It keeps the panic for the other one, which calls
// Again. Defer it so that it runs before the call that ends the wait.
func Keep(f **Error) {
	if value := recover(); value != nil {
		*f = of(value, 0)
	}
}

// Again continues the panic in the goroutine that has waited. It does nothing if there was none.
func (e *Error) Again() {
	if e != nil {
		panic(e)
	}
}

// of makes an error from a panic, which Again may have passed from another goroutine.
func of(value any, packet uint64) *Error {
	if e, again := value.(*Error); again {
		return e
	}
	return &Error{packet, value, debug.Stack()}
}
