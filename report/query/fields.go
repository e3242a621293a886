package query

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// A Field is a field that an expression can name.
type Field struct {
	Name    string   `json:"name"`            // with dots; "[]" stands for the elements of a list
	Type    string   `json:"type"`            // time, duration, number, text, address, true or false, list or object
	Words   []string `json:"words,omitempty"` // the values of a text, if they are fixed
	Null    bool     `json:"null"`            // it can be null
	Meaning string   `json:"meaning"`
}

// Fields lists the fields of a connection, in the order of its JSON.
func Fields() []Field { return connectionFields().flat("") }

// SummaryFields lists the fields of the summary.
func SummaryFields() []Field { return summaryFields().flat("") }

// FloodFields lists the fields of a flood that live --on can name.
func FloodFields() []Field { return floodEvents().flat("") }

// ScanFields lists the fields of a scan that live --on can name.
func ScanFields() []Field { return scanEvents().flat("") }

// Column returns a column of the table, unless its name is also the name of a field.
func Column(name string) (Field, bool) {
	u := understanding{text: newSource(name), fields: connectionFields()}
	if u.column(name) == nil || u.fields.fields[name] != nil {
		return Field{}, false
	}
	var node ast.Node = &ast.IdentifierNode{Value: name}
	k := u.node(&node)
	return Field{Name: name, Type: k.is, Words: k.words, Null: true}, true
}

// The types of values. isAny is known only when there is a value.
const (
	isAny      = "any"
	isTime     = "time"
	isDuration = "duration" // a number of seconds
	isNumber   = "number"
	isText     = "text"
	isAddress  = "address"
	isSocket   = "socket" // an endpoint: its address and port
	isBool     = "true or false"
	isList     = "list"
	isObject   = "object"
	isNull     = "null"
)

// kind is the type of a value.
type kind struct {
	is      string
	whole   bool             // a number that is an integer
	name    string           // the dotted name; "" if it is no field
	words   []string         // the values of a text, if they are fixed
	fields  map[string]*kind // of an object
	order   []string         // of fields
	element *kind            // of a list
	null    bool
	meaning string
}

// what returns the type with its article.
func (k *kind) what() string {
	switch k.is {
	case isBool, isNull:
		return k.is
	case isAddress, isObject:
		return "an " + k.is
	}
	return "a " + k.is
}

// flat lists the fields of an object, each followed by its own fields.
func (k *kind) flat(prefix string) (list []Field) {
	for _, name := range k.order {
		field, below := k.fields[name], prefix+name
		list = append(list, Field{below, field.is, field.words, field.null, field.meaning})
		if field.is == isList {
			field, below = field.element, below+"[]"
		}
		list = append(list, field.flat(below+".")...)
	}
	return list
}

// libraryType returns the type for the library of expressions.
func (k *kind) libraryType() types.Type {
	switch k.is {
	case isObject:
		if k.fields == nil {
			return types.Any
		}
		fields := types.Map{}
		for name, field := range k.fields {
			fields[name] = field.libraryType()
		}
		return fields
	case isList:
		return types.Array(k.element.libraryType())
	case isBool:
		return types.Bool
	case isDuration:
		return types.Float64
	case isNumber:
		if k.whole {
			return types.Int
		}
		return types.Float64
	case isTime, isText, isAddress:
		return types.String
	}
	return types.Any
}

var (
	connectionFields = sync.OnceValue(func() *kind { return definition("connection") })
	comparedFields   = sync.OnceValue(func() *kind { return definition("compared") })
	comparisonFields = sync.OnceValue(func() *kind { return definition("comparison") })
	// summaryFields has every word in the counts by word, so that a misspelt one is an error and one that did not
	// occur is 0.
	summaryFields = sync.OnceValue(func() *kind {
		summary := definition("summary")
		for name, words := range record.SummaryWords() {
			inside := summary
			for part := range strings.SplitSeq(name, ".") {
				inside = inside.fields[part]
			}
			inside.fields, inside.order = map[string]*kind{}, words
			for _, word := range words {
				inside.fields[word] = &kind{is: isNumber, whole: true, name: name + "." + word}
			}
		}
		return summary
	})
)

// definition reads a definition of the schema, which has the type and meaning of every field.
func definition(name string) *kind {
	var all struct {
		Defs map[string]*schema `json:"$defs"`
	}
	if err := json.Unmarshal(report.Schema(), &all); err != nil {
		panic(err) // the schema is part of the program
	}
	r := schemaReader{all.Defs}
	return r.kind("", all.Defs[name])
}

// schema has the JSON Schema keywords that the report's schema uses.
type schema struct {
	Ref         string     `json:"$ref"`
	Type        typeNames  `json:"type"`
	Description string     `json:"description"`
	Enum        []string   `json:"enum"`
	Const       any        `json:"const"` // a string or an integer
	OneOf       []*schema  `json:"oneOf"`
	Items       *schema    `json:"items"`
	Properties  properties `json:"properties"`
}

// typeNames is one name or a list of names in JSON.
type typeNames []string

func (t *typeNames) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	*t = []string{""}
	return json.Unmarshal(b, &(*t)[0])
}

// properties are the fields of an object in the order of the schema.
type properties struct {
	names  []string
	values map[string]*schema
}

func (p *properties) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.values); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil { // the brace
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		p.names = append(p.names, name.(string))
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

type schemaReader struct{ defs map[string]*schema }

// kind returns the type of the field with a name.
func (r schemaReader) kind(name string, s *schema) *kind {
	k := &kind{is: isAny, name: name, meaning: s.Description, words: s.Enum}
	switch {
	case len(s.OneOf) > 0: // of null and another
		k = r.kind(name, s.OneOf[0])
		k.null = true
		k.meaning = firstOf(s.Description, k.meaning)
	case s.Ref != "":
		of := strings.TrimPrefix(s.Ref, "#/$defs/")
		k = r.kind(name, r.defs[of])
		k.meaning = firstOf(s.Description, k.meaning)
		switch of {
		case "time":
			k.is = isTime
		case "ip":
			k.is = isAddress
		}
	case len(s.Enum) > 0:
		k.is = isText
	case s.Const != nil:
		k.is, k.whole = isNumber, true
		if _, is := s.Const.(string); is { // --on compares it with the words of all events
			k.is, k.whole = isText, false
		}
	case len(s.Type) > 2: // anything
	case len(s.Type) > 0:
		k.null = len(s.Type) == 2
		r.typed(k, s)
	}
	return k
}

// isInSeconds reports whether a field, or an object that it is in, is a duration: its name ends in _s, but not in
// _per_s, which is a rate.
func isInSeconds(path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		if strings.HasSuffix(name, "_s") && !strings.HasSuffix(name, "_per_s") {
			return true
		}
	}
	return false
}

// typed completes k from the type in a schema.
func (r schemaReader) typed(k *kind, s *schema) {
	switch s.Type[0] {
	case "string":
		k.is = isText
		if k.name == "findings.code" {
			for _, f := range record.Catalogue() {
				k.words = append(k.words, f.Code)
			}
		}
	case "boolean":
		k.is = isBool
	case "integer":
		k.is, k.whole = isNumber, true
	case "number":
		k.is = isNumber
		if isInSeconds(k.name) {
			k.is = isDuration
		}
	case "array":
		k.is, k.element = isList, r.kind(k.name, s.Items)
	case "object":
		k.is = isObject
		if s.Properties.names == nil {
			return
		}
		k.fields, k.order = map[string]*kind{}, s.Properties.names
		for field, of := range s.Properties.values {
			path := field
			if k.name != "" {
				path = k.name + "." + field
			}
			k.fields[field] = r.kind(path, of)
		}
	}
}

func firstOf(text, other string) string {
	if text != "" {
		return text
	}
	return other
}
