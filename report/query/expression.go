package query

import (
	"errors"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"
)

// compile makes a program of an expression over a record's fields that is true or false. What is null in the record
// does not compare: with <, <=, > and >= it is false, it equals only null, its fields are null, and so is what is
// computed from it. It fails for fields that the record has not and for comparisons of different types.
func compile(source string, fields types.Map) (*vm.Program, error) {
	// The language knows no null that has a type. So the types are checked in a first pass, and forgotten in the
	// second, where every operator is replaced by one that knows null.
	fields["null"] = types.Nil
	// the same input gives the same report on any day
	options := []expr.Option{expr.DisableBuiltin("now"), expr.AsBool()}
	if _, err := expr.Compile(source, append(options, expr.Env(fields))...); err != nil {
		return nil, err
	}
	untyped := types.Map{}
	for name := range fields {
		untyped[name] = types.Any
	}
	options = append(options, expr.Env(untyped), expr.Patch(nullSafe{}), expr.AsAny())
	for name, f := range nullSafeOperators {
		options = append(options, expr.Function(name, f))
	}
	return expr.Compile(source, options...)
}

// nullSafe is a visitor that replaces operators by calls of nullSafeOperators. No name can be written that would call
// them otherwise.
type nullSafe struct{}

func (nullSafe) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			n.Left, n.Right = call("?", n.Left), call("?", n.Right)
		case "<", "<=", ">", ">=", "+", "-", "*", "/", "%":
			ast.Patch(node, call(n.Operator, n.Left, n.Right))
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			n.Node = call("?", n.Node)
		}
	case *ast.ConditionalNode:
		n.Cond = call("?", n.Cond)
	case *ast.MemberNode:
		ast.Patch(node, call(".", n.Node, n.Property))
	}
}

func call(operator string, operands ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: operator}, Arguments: operands}
}

var nullSafeOperators = map[string]func(...any) (any, error){
	"<":  comparison(runtime.Less),
	"<=": comparison(runtime.LessOrEqual),
	">":  comparison(runtime.More),
	">=": comparison(runtime.MoreOrEqual),

	"+": arithmetic(runtime.Add),
	"-": arithmetic(runtime.Subtract),
	"*": arithmetic(runtime.Multiply),
	"/": arithmetic(func(a, b any) any { return runtime.Divide(a, b) }),
	"%": arithmetic(func(a, b any) any { return runtime.Modulo(a, b) }),

	"?": func(operands ...any) (any, error) { return operands[0] == true, nil },
	".": member,
}

func comparison(f func(a, b any) bool) func(...any) (any, error) {
	return func(operands ...any) (any, error) {
		if operands[0] == nil || operands[1] == nil {
			return false, nil
		}
		return f(operands[0], operands[1]), nil
	}
}

func arithmetic(f func(a, b any) any) func(...any) (any, error) {
	return func(operands ...any) (any, error) {
		if operands[0] == nil || operands[1] == nil {
			return nil, nil
		}
		return f(operands[0], operands[1]), nil
	}
}

// member is a field of a record or an element of a list; null where there is none.
func member(operands ...any) (any, error) {
	switch of := operands[0].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		name, _ := operands[1].(string)
		return of[name], nil
	case []any:
		if i := runtime.ToInt(operands[1]); 0 <= i && i < len(of) {
			return of[i], nil
		}
		return nil, nil
	}
	return nil, errors.New("only records and lists have members")
}
