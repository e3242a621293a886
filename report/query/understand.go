package query

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
)

// understand finds the type of every part of a tree, and rewrites the tree for the expression library: columns become
// fields, times become text as in records, and networks become lists of prefixes. It fails for unknown names, and for
// values that a field cannot have.
func (s *sourceText) understand(tree *parser.Tree, fields *kind) error {
	u := understanding{text: s, fields: fields}
	k := u.node(&tree.Node)
	if u.failed == nil && k.is != isBool && k.is != isAny {
		u.fail(tree.Node, "an expression must be true or false, but this is %s: compare it with something", k.what())
	}
	if u.failed != nil {
		return u.failed
	}
	return nil
}

type understanding struct {
	text     *sourceText
	fields   *kind
	elements []*kind // what "." and # mean inside of any(list, ...), the innermost last
	names    []named // declared by let, the innermost last
	failed   *Problem
}

type named struct {
	name string
	kind *kind
}

func (u *understanding) fail(at ast.Node, format string, args ...any) {
	for { // a field begins with the first of its names
		member, is := at.(*ast.MemberNode)
		if !is {
			break
		}
		at = member.Node
	}
	u.failAt(at.Location().From, format, args...)
}

func (u *understanding) failAt(place int, format string, args ...any) {
	if u.failed == nil { // report only the first failure
		u.failed = &Problem{fmt.Sprintf(format, args...), u.text.typed, u.text.place(place)}
	}
}

// node understands a node, after the nodes below it.
func (u *understanding) node(at *ast.Node) *kind {
	switch n := (*at).(type) {
	case *ast.NilNode:
		return &kind{is: isNull}
	case *ast.IntegerNode:
		return &kind{is: isNumber, whole: true}
	case *ast.FloatNode:
		if u.text.duration(n.Location().From) != "" {
			return &kind{is: isDuration}
		}
		return &kind{is: isNumber}
	case *ast.BoolNode:
		return &kind{is: isBool}
	case *ast.StringNode:
		return &kind{is: isText}
	case *ast.ArrayNode:
		return u.list(n)
	case *ast.IdentifierNode:
		return u.name(at, n)
	case *ast.ChainNode:
		return u.node(&n.Node)
	case *ast.MemberNode:
		return u.member(n)
	case *ast.UnaryNode:
		return u.unary(n)
	case *ast.BinaryNode:
		return u.binary(at, n)
	case *ast.ConditionalNode:
		u.isTrue(&n.Cond)
		one, other := u.node(&n.Exp1), u.node(&n.Exp2)
		if one.is == isNull {
			return other
		}
		return &kind{is: one.is, words: union(one.words, other.words)}
	case *ast.BuiltinNode:
		return u.function(n)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			u.fail(n, `unknown function "%s"`, name.Value)
		} else {
			u.node(&n.Callee)
		}
	case *ast.PointerNode:
		return u.element(n)
	case *ast.VariableDeclaratorNode:
		u.names = append(u.names, named{n.Name, u.node(&n.Value)})
		defer func() { u.names = u.names[:len(u.names)-1] }()
		return u.node(&n.Expr)
	case *ast.SliceNode:
		return u.node(&n.Node)
	case *ast.SequenceNode:
		var last *kind
		for i := range n.Nodes {
			last = u.node(&n.Nodes[i])
		}
		return last
	}
	return &kind{is: isAny}
}

// union returns the words of either text, or nil if one of them can have any value.
func union(one, other []string) []string {
	if one == nil || other == nil {
		return nil
	}
	return append(slices.Clone(one), other...)
}

func (u *understanding) list(n *ast.ArrayNode) *kind {
	k := &kind{is: isList, element: &kind{is: isAny}}
	for i := range n.Nodes {
		if element := u.node(&n.Nodes[i]); i == 0 {
			k.element = element
		}
	}
	return k
}

// name understands a name that is no member: a variable, a field, or a column.
func (u *understanding) name(at *ast.Node, n *ast.IdentifierNode) *kind {
	for _, variable := range slices.Backward(u.names) {
		if variable.name == n.Value {
			return variable.kind
		}
	}
	if field := u.fields.fields[n.Value]; field != nil {
		return field
	}
	if n.Value == "null" {
		return &kind{is: isNull}
	}
	if column := u.column(n.Value); column != nil {
		return u.replace(at, column)
	}
	u.fail(n, "unknown name %q%s", n.Value, u.meant(n.Value, u.topLevel()))
	return &kind{is: isAny}
}

// column returns the expression of a column of connections; nil if there is no such column, or if the fields are not
// those of a connection.
func (u *understanding) column(name string) ast.Node {
	source, known := columns[name]
	if !known || !u.ofConnection() {
		return nil
	}
	tree, err := parser.ParseWithConfig(source, config(types.Map{}))
	if err != nil {
		panic(err) // they are constants
	}
	return tree.Node
}

// ofConnection reports whether the expression is about connections. Other records have no columns.
func (u *understanding) ofConnection() bool {
	return u.fields == connectionFields() || u.fields == connectionEvents()
}

// replace replaces a node by an expression, and understands it.
func (u *understanding) replace(at *ast.Node, by ast.Node) *kind {
	place := (*at).Location()
	ast.Walk(&by, visitor(func(n *ast.Node) { (*n).SetLocation(place) }))
	*at = by
	name := u.text.typed
	if place.From >= 0 && place.To <= len([]rune(u.text.parsed)) {
		name = string([]rune(u.text.parsed)[place.From:place.To])
	}
	k := *u.node(at)
	k.name = name
	return &k
}

type visitor func(*ast.Node)

func (v visitor) Visit(n *ast.Node) { v(n) }

func (u *understanding) topLevel() []string {
	names := slices.Collect(maps.Keys(u.fields.fields))
	if u.ofConnection() {
		names = append(names, slices.Collect(maps.Keys(columns))...)
	}
	slices.Sort(names)
	return names
}

// meant suggests a name for an unknown one.
func (u *understanding) meant(name string, among []string) string {
	var ends []string // fields of fields that end in the name
	for _, field := range u.fields.flat("") {
		if strings.HasSuffix(field.Name, "."+name) && !strings.Contains(field.Name, "[]") {
			ends = append(ends, field.Name)
		}
		if slices.Contains(field.Words, name) {
			return fmt.Sprintf("; a text needs quotes: %q", name)
		}
	}
	if len(ends) > 3 {
		return "; did you mean " + strings.Join(ends[:3], ", ") + " or another one?"
	}
	if len(ends) > 0 {
		return "; did you mean " + strings.Join(ends, " or ") + "?"
	}
	if column := headed(name); column != "" && u.ofConnection() {
		return fmt.Sprintf("; did you mean %q?", column)
	}
	if near := Nearest(name, among); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (u *understanding) member(n *ast.MemberNode) *kind {
	of := u.node(&n.Node)
	u.node(&n.Property)
	name, named := n.Property.(*ast.StringNode)
	switch {
	case of.is == isList && !named:
		return of.element
	case of.is == isList:
		u.fail(n, `%s is a list: test its elements, as in any(%s, .%s == ...)`, of.or("this"), of.or("list"),
			name.Value)
	case of.is == isObject && of.fields != nil && named:
		if field := of.fields[name.Value]; field != nil {
			return field
		}
		inside := ""
		if of.name != "" {
			inside = " in " + of.name
		}
		u.fail(n.Property, "unknown field %q%s%s", name.Value, inside, didYouMean(name.Value, of.order))
	case of.is != isObject && of.is != isAny && named:
		u.fail(n.Property, "%s is %s, which has no fields", of.or("this"), of.what())
	}
	return &kind{is: isAny}
}

func didYouMean(name string, among []string) string {
	if near := Nearest(name, among); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; there are " + strings.Join(among, ", ")
}

// or returns the name of a field, or other if there is no name.
func (k *kind) or(other string) string {
	if k.name != "" {
		return k.name
	}
	return other
}

func (u *understanding) element(n *ast.PointerNode) *kind {
	switch {
	case n.Name == "index":
		return &kind{is: isNumber, whole: true}
	case n.Name != "" || len(u.elements) == 0:
		return &kind{is: isAny}
	}
	return u.elements[len(u.elements)-1]
}

func (u *understanding) unary(n *ast.UnaryNode) *kind {
	if n.Operator == "not" || n.Operator == "!" {
		u.isTrue(&n.Node)
		return &kind{is: isBool}
	}
	k := u.node(&n.Node)
	return &kind{is: k.is, whole: k.whole}
}

// isTrue understands a node that must be true or false.
func (u *understanding) isTrue(at *ast.Node) {
	if k := u.node(at); k.is != isBool && k.is != isAny && k.is != isNull {
		u.fail(*at, "%s is %s, not true or false: compare it with something", k.or("this"), k.what())
	}
}

// listFunctions are the functions that evaluate a condition or an expression for each element of a list, with the types
// of their results.
var listFunctions = map[string]string{
	"any": isBool, "all": isBool, "none": isBool, "one": isBool,
	"count": isNumber, "findIndex": isNumber, "findLastIndex": isNumber,
	"filter": isList, "find": isAny, "findLast": isAny, "map": isList, "sum": isNumber,
}

func (u *understanding) function(n *ast.BuiltinNode) *kind {
	var first *kind
	for i := range n.Arguments {
		predicate, inner := n.Arguments[i].(*ast.PredicateNode)
		if !inner {
			if k := u.node(&n.Arguments[i]); i == 0 {
				first = k
			}
			continue
		}
		element := &kind{is: isAny}
		if first != nil && first.is == isList {
			element = first.element
		} else if first != nil && first.is != isAny {
			u.fail(n.Arguments[0], "%s is %s, but %s takes a list", first.or("this"), first.what(), n.Name)
		}
		u.elements = append(u.elements, element)
		result := u.node(&predicate.Node)
		u.elements = u.elements[:len(u.elements)-1]
		if n.Name == "map" {
			return &kind{is: isList, element: result, name: first.or("")}
		}
	}
	switch n.Name {
	case "filter":
		return first
	case "find", "findLast":
		if first.is == isList {
			return first.element
		}
	case "lower", "upper", "trim":
		return &kind{is: isText}
	case "len", "indexOf", "lastIndexOf", "int", "ceil", "floor", "round", "abs", "float":
		return &kind{is: isNumber}
	}
	if result := listFunctions[n.Name]; result == isBool || result == isNumber {
		return &kind{is: result}
	}
	return &kind{is: isAny}
}

func (u *understanding) binary(at *ast.Node, n *ast.BinaryNode) *kind {
	switch n.Operator {
	case "and", "&&", "or", "||":
		u.isTrue(&n.Left)
		u.isTrue(&n.Right)
		return &kind{is: isBool}
	case "==", "!=", "<", "<=", ">", ">=":
		left, right := u.node(&n.Left), u.node(&n.Right)
		left, right = u.beside(&n.Left, left, right), u.beside(&n.Right, right, left)
		u.compared(n, left, right)
		return &kind{is: isBool}
	case "in":
		left, right := u.node(&n.Left), u.node(&n.Right)
		left, right = u.beside(&n.Left, left, elementOf(right)), u.beside(&n.Right, right, left)
		u.in(at, n, left, right)
		return &kind{is: isBool}
	case "contains", "startsWith", "endsWith", "matches":
		left, right := u.node(&n.Left), u.node(&n.Right)
		left = u.beside(&n.Left, left, right)
		switch {
		case left.is == isSocket:
			n.Left = call("address and port", n.Left)
		case n.Operator == "contains" && left.is == isList: // of words, as findings
			u.isWord(n.Right, left.element)
			n.Operator, n.Left, n.Right = "in", n.Right, n.Left
		case left.is != isText && left.is != isAddress && left.is != isTime && left.is != isAny && left.is != isNull:
			u.fail(n.Left, "%s is %s, but %s takes a text", left.or("this"), left.what(), n.Operator)
		}
		return &kind{is: isBool}
	case "??":
		left, right := u.node(&n.Left), u.node(&n.Right)
		if left.is == right.is {
			return &kind{is: left.is, words: union(left.words, right.words)}
		}
		return &kind{is: isAny}
	}
	left, right := u.node(&n.Left), u.node(&n.Right)
	return u.computed(n, left, right)
}

func elementOf(k *kind) *kind {
	if k.is == isList {
		return k.element
	}
	return k
}

// beside replaces a name of both a field and a column by the column, if it is compared with a text, a number or a list.
func (u *understanding) beside(at *ast.Node, k, other *kind) *kind {
	name, ok := (*at).(*ast.IdentifierNode)
	if !ok || (k.is != isObject && k.is != isList) || k != u.fields.fields[name.Value] ||
		other.is != isText && other.is != isNumber && other.is != isList {
		return k
	}
	switch column := u.column(name.Value); {
	case column == nil:
		return k
	case name.Value == "client" || name.Value == "server":
		return &kind{is: isSocket, name: name.Value}
	default:
		return u.replace(at, column)
	}
}

// computed understands arithmetic operators and ranges.
func (u *understanding) computed(n *ast.BinaryNode, left, right *kind) *kind {
	counts := func(k *kind) bool { return k.is == isNumber || k.is == isDuration }
	for _, side := range [...]struct {
		at ast.Node
		k  *kind
	}{{n.Left, left}, {n.Right, right}} {
		texts := n.Operator == "+" && (side.k.is == isText || side.k.is == isAddress)
		if !counts(side.k) && !texts && side.k.is != isAny && side.k.is != isNull {
			u.fail(side.at, "%s is %s, but %s takes numbers", side.k.or("this"), side.k.what(), n.Operator)
		}
	}
	switch {
	case left.is == isText || right.is == isText || left.is == isAddress || right.is == isAddress:
		return &kind{is: isText}
	case (n.Operator == "+" || n.Operator == "-") && left.is == isDuration && right.is == isDuration:
		return &kind{is: isDuration}
	case n.Operator == "..":
		return &kind{is: isList, element: &kind{is: isNumber, whole: true}}
	case counts(left) && counts(right):
		return &kind{is: isNumber, whole: left.whole && right.whole && n.Operator != "/"}
	}
	return &kind{is: isAny}
}

// compared understands a comparison. The side that is a field determines what the other may be.
func (u *understanding) compared(n *ast.BinaryNode, left, right *kind) {
	field, value, fieldAt, valueAt := left, right, &n.Left, &n.Right
	if _, constant := n.Left.(*ast.StringNode); constant || right.is == isTime || right.is == isAddress ||
		right.is == isSocket {
		field, value, fieldAt, valueAt = right, left, &n.Right, &n.Left
	}
	ordered := n.Operator != "==" && n.Operator != "!="
	text, constant := (*valueAt).(*ast.StringNode)
	switch {
	case field.is == isAny || value.is == isAny || field.is == isNull || value.is == isNull:
	case field.is == isTime && value.is != isTime:
		u.moment(fieldAt, valueAt, field)
	case (field.is == isAddress || field.is == isSocket) && ordered:
		u.fail(n, `%s is an address, and %s does not apply to addresses: test for a network, as in %s in "10.0.0.0/8"`,
			field.or("this"), n.Operator, field.or("client.ip"))
	case field.is == isAddress && constant:
		u.address(text, field)
	case field.is == isSocket && constant:
		u.socket(fieldAt, text, field)
	case field.is == isText && constant:
		u.isWord(text, field)
	case field.is != value.is && !(number(field) && number(value)) && !(areTexts(field) && areTexts(value)):
		u.mismatch(*fieldAt, *valueAt, field, value)
	case field.is == isNumber && field.name != "":
		if typed := u.text.duration((*valueAt).Location().From); typed != "" {
			u.fail(*valueAt, "%s is a number, but %s is a duration", field.name, typed)
		}
	case field.is == isObject || field.is == isList:
		u.fail(n, "%s is %s: compare its fields, or compare it with null", field.or("this"), field.what())
	}
}

func number(k *kind) bool { return k.is == isNumber || k.is == isDuration }

func areTexts(k *kind) bool { return k.is == isText || k.is == isAddress }

func (u *understanding) mismatch(fieldAt, at ast.Node, field, value *kind) {
	text, constant := at.(*ast.StringNode)
	switch {
	case constant && number(field) && isDigits(text.Value):
		u.fail(at, "%s is %s: write %s without quotes", field.or("this"), field.what(), text.Value)
	case constant && field.is == isDuration:
		u.fail(at, "%s is a duration: write one without quotes, as in 1.5s or 2m30s", field.or("this"))
	case constant && field.is == isBool:
		u.fail(at, "%s is true or false: write true or false without quotes", field.or("this"))
	case field.name != "" && field.is == isText && value.is == isNumber:
		u.fail(at, "%s is a text: write the value in quotes", field.name)
	case slices.Contains(value.words, field.name):
		u.fail(fieldAt, "%s is a text: write %q in quotes", value.or("this"), field.name)
	default:
		u.fail(at, "%s cannot be compared with %s", value.described(), field.described())
	}
}

// described returns the name and type of a field, or the type of another value.
func (k *kind) described() string {
	if k.name == "" {
		return k.what()
	}
	return fmt.Sprintf("%s (%s)", k.name, k.what())
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789.") == "" }

// isWord fails for a text that is not among the fixed values of a field.
func (u *understanding) isWord(at ast.Node, field *kind) {
	text, constant := at.(*ast.StringNode)
	if !constant || field.words == nil || slices.Contains(field.words, text.Value) {
		return
	}
	guess := ""
	if near := Nearest(text.Value, field.words); near != "" {
		guess = fmt.Sprintf("; did you mean %q?", near)
	}
	const few = 16
	words := "It is one of " + strings.Join(field.words, ", ")
	if len(field.words) > few && field.name != "" {
		words = fmt.Sprintf("tcplife fields %s lists its %d possible values", field.name, len(field.words))
	}
	u.fail(at, "%s is never %q%s %s", field.or("this"), text.Value, cmpOr(guess, "."), words)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// moment understands the constant that a time is compared with.
func (u *understanding) moment(fieldAt, valueAt *ast.Node, field *kind) {
	var m Moment
	ok := true
	var err error
	switch value := (*valueAt).(type) {
	case *ast.StringNode:
		m, err = ParseMoment(value.Value)
		ok = err == nil
	case *ast.IntegerNode:
		m, ok = secondsSince1970(float64(value.Value))
	case *ast.FloatNode:
		m, ok = secondsSince1970(value.Value)
	default:
		ok = false
	}
	if !ok {
		u.fail(*valueAt, `%s is a time: write it like "2023-11-14 22:13:20.5", "22:13:20" (UTC) or 1700000000.5`,
			field.or("this"))
		return
	}
	patch(valueAt, &ast.StringNode{Value: m.text()})
	if m.Clock {
		patch(fieldAt, call("time of day", *fieldAt))
	}
}

// address rewrites the constant that an address is compared with as in records.
func (u *understanding) address(text *ast.StringNode, field *kind) {
	ip, err := netip.ParseAddr(text.Value)
	if err == nil {
		text.Value = ip.String()
		return
	}
	if _, err := netip.ParsePrefix(text.Value); err == nil {
		u.fail(text, `%s is an address, but %s is a network: write "in" instead of ==`, field.or("this"), text.Value)
		return
	}
	u.fail(text, "%q is not an address", text.Value)
}

// socket understands the constant that an endpoint is compared with: an address, with or without a port.
func (u *understanding) socket(at *ast.Node, text *ast.StringNode, field *kind) {
	if ip, err := netip.ParseAddr(text.Value); err == nil {
		text.Value = ip.String()
		patch(at, &ast.MemberNode{Node: *at, Property: &ast.StringNode{Value: "ip"}})
		return
	}
	both, err := netip.ParseAddrPort(text.Value)
	if err != nil {
		u.fail(text, `compare %s with an address like "10.0.0.7", or with an address and port like "10.0.0.7:443"`,
			field.name)
		return
	}
	text.Value = both.String()
	patch(at, call("address and port", *at))
}

// in understands a test for membership in a list or, for an address, in networks.
func (u *understanding) in(at *ast.Node, n *ast.BinaryNode, left, right *kind) {
	if left.is == isAddress || left.is == isSocket {
		if networks, constant := u.networks(n.Right); constant {
			patch(at, call("in networks", n.Left, &ast.ConstantNode{Value: networks}))
		}
		return
	}
	switch {
	case right.is == isText:
		u.fail(n.Right, `%s takes a list, as in ["one", "other"]`, n.Operator)
	case right.is == isList && right.element.words != nil:
		u.isWord(n.Left, right.element)
	}
	list, constant := n.Right.(*ast.ArrayNode)
	if !constant {
		return
	}
	for i := range list.Nodes {
		one := &ast.BinaryNode{Operator: "==", Left: n.Left, Right: list.Nodes[i]}
		one.SetLocation(n.Location())
		u.compared(one, left, u.node(&list.Nodes[i]))
		list.Nodes[i] = one.Right
		if one.Left != n.Left {
			u.fail(list.Nodes[i], "compare a time of day with <, <=, > or >=")
		}
	}
}

// networks reads a constant network or address, or a list of them.
func (u *understanding) networks(at ast.Node) (networks []netip.Prefix, constant bool) {
	nodes := []ast.Node{at}
	if list, is := at.(*ast.ArrayNode); is {
		nodes = list.Nodes
	}
	for _, node := range nodes {
		text, is := node.(*ast.StringNode)
		if !is {
			return nil, false
		}
		network, err := netip.ParsePrefix(text.Value)
		if err != nil {
			ip, failed := netip.ParseAddr(text.Value)
			if failed != nil {
				u.fail(text, `%q is not a network: write it like "10.0.0.0/8" or "2001:db8::/32"`, text.Value)
				return nil, true
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, true
}
