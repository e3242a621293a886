package query

import (
	"fmt"

	"github.com/expr-lang/expr/vm"

	"github.com/tcplife/tcplife/compare/result"
)

// ComparedWhere is the condition of --where for a connection that several points saw.
type ComparedWhere struct {
	program *vm.Program
	machine vm.VM
}

// NewComparedWhere compiles an expression over the fields of such a connection.
func NewComparedWhere(source string) (*ComparedWhere, error) {
	program, err := compile(source, comparedFields())
	if err != nil {
		return nil, err
	}
	return &ComparedWhere{program: program}, nil
}

// Holds evaluates the condition for a record.
func (w *ComparedWhere) Holds(c *result.Compared) (bool, error) {
	value, err := w.machine.Run(w.program, mapCompared(c))
	if err != nil {
		return false, fmt.Errorf("evaluate --where for connection %d: %s", c.ID, ours(err.Error()))
	}
	return value == true, nil
}

// ComparisonFailOn is the condition of --fail-on for a comparison.
type ComparisonFailOn struct{ conditions FailOn }

// NewComparisonFailOn compiles an expression over the fields of a comparison.
func NewComparisonFailOn(source string) (*ComparisonFailOn, error) {
	f, err := newFailOn(source, comparisonFields())
	return &ComparisonFailOn{f}, err
}

// Check returns the conditions that hold, with the values of their fields.
func (f *ComparisonFailOn) Check(c *result.Comparison) (holding []string, err error) {
	return f.conditions.check(mapComparison(c))
}
