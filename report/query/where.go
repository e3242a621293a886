package query

import (
	"fmt"

	"github.com/expr-lang/expr/vm"
	"github.com/tcplife/tcplife/analyzer/record"
)

// Where is the condition of --where for a connection's record.
type Where struct {
	program *vm.Program
	machine vm.VM
}

// NewWhere compiles an expression over the fields of a connection.
func NewWhere(source string) (*Where, error) {
	program, err := compile(source, connectionFields())
	if err != nil {
		return nil, err
	}
	return &Where{program: program}, nil
}

// Holds evaluates the condition for a record.
func (c *Where) Holds(conn *record.Connection) (bool, error) {
	value, err := c.machine.Run(c.program, Map(conn))
	if err != nil {
		return false, fmt.Errorf("evaluate --where for connection %d: %s", conn.ID, ours(err.Error()))
	}
	return value == true, nil
}
