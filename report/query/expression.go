package query

import (
	"errors"
	"net/netip"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"
)

// compile makes a program of a condition on a record's fields. With null, <, <=, > and >= are false, and == is true
// only for null; fields of null, and values computed from it, are null. compile fails with a Problem for unknown
// fields, for values that a field cannot have, and for comparisons of different types.
func compile(source string, fields *kind) (*vm.Program, error) {
	text := newSource(source)
	tree, err := text.parse()
	if err != nil {
		return nil, err
	}
	return text.compile(tree, fields)
}

// parse parses the expression.
func (s *sourceText) parse() (*parser.Tree, error) {
	tree, err := parser.ParseWithConfig(s.parsed, config(types.Map{}))
	if err != nil {
		return nil, s.problem(err)
	}
	return tree, nil
}

// compile makes a program of a tree, or of part of one.
func (s *sourceText) compile(tree *parser.Tree, fields *kind) (*vm.Program, error) {
	if err := s.understand(tree, fields); err != nil {
		return nil, err
	}
	// In the library null has no type. So the first pass checks types, and the second pass ignores them and replaces
	// every operator by one that supports null.
	typed, untyped := types.Map{"null": types.Nil}, types.Map{"null": types.Any}
	for name, field := range fields.fields {
		typed[name], untyped[name] = field.libraryType(), types.Any
	}
	if _, err := checker.Check(tree, config(typed, expr.AsBool())); err != nil {
		return nil, s.problem(err)
	}
	ast.Walk(&tree.Node, nullSafe{})
	last := config(untyped, expr.AsAny())
	if _, err := checker.Check(tree, last); err != nil {
		return nil, s.problem(err)
	}
	program, err := compiler.Compile(tree, last)
	if err != nil {
		return nil, s.problem(err)
	}
	return program, nil
}

// config tells the library the names of an expression and their types.
func config(names types.Map, options ...expr.Option) *conf.Config {
	c := conf.CreateNew()
	options = append(options, expr.Env(names))
	for name, f := range operators {
		options = append(options, expr.Function(name, f))
	}
	for _, o := range options {
		o(c)
	}
	// The same input must give the same report on any day. Durations and times have been rewritten already.
	for _, name := range [...]string{"now", "date", "duration", "timezone"} {
		c.Disabled[name] = true
		delete(c.Builtins, name)
	}
	return c
}

// nullSafe is a visitor that replaces operators by calls of our functions. No expression can contain their names.
type nullSafe struct{}

func (nullSafe) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			n.Left, n.Right = call("?", n.Left), call("?", n.Right)
		case "<", "<=", ">", ">=", "+", "-", "*", "/", "%":
			patch(node, call(n.Operator, n.Left, n.Right))
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			n.Node = call("?", n.Node)
		}
	case *ast.ConditionalNode:
		n.Cond = call("?", n.Cond)
	case *ast.MemberNode:
		patch(node, call(".", n.Node, n.Property))
	case *ast.BuiltinNode:
		if len(n.Arguments) == 0 {
			return
		}
		if _, overList := n.Arguments[len(n.Arguments)-1].(*ast.PredicateNode); overList {
			n.Arguments[0] = &ast.BinaryNode{Operator: "??", Left: n.Arguments[0], Right: &ast.ArrayNode{}}
			return
		}
		null := &ast.BinaryNode{Operator: "==", Left: n.Arguments[0], Right: &ast.NilNode{}}
		patch(node, call("value", &ast.ConditionalNode{Ternary: true, Cond: null, Exp1: &ast.NilNode{}, Exp2: n}))
	}
}

// patch replaces a node.
func patch(node *ast.Node, by ast.Node) {
	by.SetLocation((*node).Location())
	*node = by
}

func call(operator string, operands ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: operator}, Arguments: operands}
}

var operators = map[string]func(...any) (any, error){
	"<":  comparison(runtime.Less),
	"<=": comparison(runtime.LessOrEqual),
	">":  comparison(runtime.More),
	">=": comparison(runtime.MoreOrEqual),

	"+": arithmetic(runtime.Add),
	"-": arithmetic(runtime.Subtract),
	"*": arithmetic(runtime.Multiply),
	"/": arithmetic(func(a, b any) any { return runtime.Divide(a, b) }),
	"%": arithmetic(func(a, b any) any { return runtime.Modulo(a, b) }),

	// value hides the type of an operand that can be null.
	"value": func(operands ...any) (any, error) { return operands[0], nil },
	"?":     func(operands ...any) (any, error) { return operands[0] == true, nil },
	".":     member,

	"in networks": inNetworks,
	"time of day": func(operands ...any) (any, error) {
		if moment, known := operands[0].(string); known {
			return clockOf(moment), nil
		}
		return nil, nil
	},
	"address and port": socket,
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

// member returns a field of a record or an element of a list, or null if there is none.
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

// inNetworks reports whether an address, or the address of an endpoint, is in one of several networks.
func inNetworks(operands ...any) (any, error) {
	if endpoint, is := operands[0].(map[string]any); is {
		operands[0] = endpoint["ip"]
	}
	text, _ := operands[0].(string)
	ip, err := netip.ParseAddr(text)
	if err != nil { // null
		return false, nil
	}
	for _, network := range operands[1].([]netip.Prefix) {
		if network.Contains(ip.WithZone("")) {
			return true, nil
		}
	}
	return false, nil
}

// socket returns an endpoint as text.
func socket(operands ...any) (any, error) {
	endpoint, _ := operands[0].(map[string]any)
	text, _ := endpoint["ip"].(string)
	ip, err := netip.ParseAddr(text)
	port, numbered := endpoint["port"].(int)
	if err != nil || !numbered {
		return nil, nil
	}
	return netip.AddrPortFrom(ip, uint16(port)).String(), nil
}
