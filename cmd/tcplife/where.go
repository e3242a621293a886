package main

import (
	"fmt"
	"reflect"

	"github.com/expr-lang/expr/vm"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// A condition is what --where says of a connection's record.
type condition struct {
	program *vm.Program
	machine vm.VM
}

// newCondition compiles an expression over the fields of a connection.
func newCondition(source string) (*condition, error) {
	program, err := compile(source, fieldTypes(reflect.TypeFor[record.Connection]()))
	if err != nil {
		return nil, err
	}
	return &condition{program: program}, nil
}

// Holds evaluates the condition for a record.
func (c *condition) Holds(conn *record.Connection) (bool, error) {
	value, err := c.machine.Run(c.program, report.Map(conn))
	if err != nil {
		return false, fmt.Errorf("evaluate --where for connection %d: %w", conn.ID, err)
	}
	return value == true, nil
}
