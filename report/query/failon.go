package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"github.com/tcplife/tcplife/analyzer/record"
)

// FailOn is the condition of --fail-on for a summary: the alternatives that "or" joins.
type FailOn []alarm

// An alarm is an alternative, with its text and its fields.
type alarm struct {
	text    string
	fields  []string
	program *vm.Program
}

// NewFailOn compiles an expression over the fields of the summary.
func NewFailOn(source string) (FailOn, error) { return newFailOn(source, summaryFields()) }

func newFailOn(source string, fields *kind) (FailOn, error) {
	text := newSource(source)
	tree, err := text.parse()
	if err != nil {
		return nil, err
	}
	var f FailOn
	for _, node := range alternatives(tree.Node) {
		a := alarm{text: node.String(), fields: fieldsOf(node)} // before it is rewritten
		if a.program, err = text.compile(&parser.Tree{Node: node, Source: tree.Source}, fields); err != nil {
			return nil, err
		}
		f = append(f, a)
	}
	return f, nil
}

// Check returns the alternatives that hold, with the values of their fields.
func (f FailOn) Check(s *record.Summary) (holding []string, err error) {
	if f == nil {
		return nil, nil
	}
	return f.check(MapSummary(s))
}

func (f FailOn) check(values map[string]any) (holding []string, err error) {
	for _, a := range f {
		holds, failed := vm.Run(a.program, values)
		if failed != nil {
			return nil, fmt.Errorf("evaluate --fail-on: %s", ours(failed.Error()))
		}
		if holds != true {
			continue
		}
		var found []string
		for _, field := range a.fields {
			found = append(found, fmt.Sprintf("%s is %s", field, written(lookUp(values, field))))
		}
		holding = append(holding, fmt.Sprintf("%s holds: %s", a.text, strings.Join(found, ", ")))
	}
	return holding, nil
}

// alternatives returns the parts of an expression that "or" joins.
func alternatives(node ast.Node) []ast.Node {
	if or, ok := node.(*ast.BinaryNode); ok && (or.Operator == "or" || or.Operator == "||") {
		return append(alternatives(or.Left), alternatives(or.Right)...)
	}
	return []ast.Node{node}
}

// fieldsOf returns the dotted names of the fields in an expression, each once, in their order.
func fieldsOf(node ast.Node) []string {
	f := fieldNames{inner: map[ast.Node]bool{}}
	ast.Walk(&node, &f)
	var names []string
	for _, n := range f.nodes {
		if name := n.String(); !f.inner[n] && name != "null" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// fieldNames is a visitor that collects fields.
type fieldNames struct {
	nodes []ast.Node
	inner map[ast.Node]bool // nodes that have a member in nodes
}

func (f *fieldNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		f.nodes = append(f.nodes, n)
	case *ast.MemberNode:
		if _, named := n.Property.(*ast.StringNode); named && slices.Contains(f.nodes, n.Node) {
			f.inner[n.Node] = true
			f.nodes = append(f.nodes, n)
		}
	}
}

// lookUp returns the value of a field by its dotted name.
func lookUp(values map[string]any, field string) any {
	var value any = values
	for name := range strings.SplitSeq(field, ".") {
		value, _ = member(value, name)
	}
	return value
}

// written returns a value as in JSON, but only the length of a list.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	}
	return fmt.Sprint(value)
}
