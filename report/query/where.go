package query

import (
	"fmt"
	"reflect"

	"github.com/expr-lang/expr/vm"
	"github.com/tcplife/tcplife/analyzer/record"
)

// A condition is what --where says of a connection's record.
type Where struct {
	program *vm.Program
	machine vm.VM
}

// NewWhere compiles an expression over the fields of a connection.
func NewWhere(source string) (*Where, error) {
	program, err := compile(source, fieldTypes(reflect.TypeFor[record.Connection]()))
	if err != nil {
		return nil, err
	}
	return &Where{program: program}, nil
}

// Holds evaluates the condition for a record.
func (c *Where) Holds(conn *record.Connection) (bool, error) {
	value, err := c.machine.Run(c.program, Map(conn))
	if err != nil {
		return false, fmt.Errorf("evaluate --where for connection %d: %w", conn.ID, err)
	}
	return value == true, nil
}
