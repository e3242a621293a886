package query

import (
	"encoding"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/types"
	"github.com/tcplife/tcplife/analyzer/record"
)

// valueTypes are the types of the values that report.Map makes of the record's own types, where they are not null.
var valueTypes = map[reflect.Type]types.Type{
	reflect.TypeFor[record.Answer]():      types.Bool,
	reflect.TypeFor[record.Count]():       types.Int,
	reflect.TypeFor[record.Duration]():    types.Float64,
	reflect.TypeFor[record.Seq]():         types.Int,
	reflect.TypeFor[record.Side]():        types.String,
	reflect.TypeFor[record.StateOrNone](): types.String,
	reflect.TypeFor[record.Time]():        types.String,
	reflect.TypeFor[record.Value]():       types.Any,
}

// fieldTypes are the names of a record's fields and the types of their values.
func fieldTypes(record reflect.Type) types.Map {
	fields := types.Map{}
	for i := range record.NumField() {
		name, _, _ := strings.Cut(record.Field(i).Tag.Get("json"), ",")
		if name != "-" {
			fields[name] = fieldType(record.Field(i).Type)
		}
	}
	return fields
}

func fieldType(t reflect.Type) types.Type {
	if known, ok := valueTypes[t]; ok {
		return known
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return types.String
	}
	switch t.Kind() {
	case reflect.Pointer:
		return fieldType(t.Elem())
	case reflect.Struct:
		return fieldTypes(t)
	case reflect.Map:
		return types.Any
	case reflect.Bool:
		return types.Bool
	case reflect.Slice:
		return types.Array(fieldType(t.Elem()))
	case reflect.String:
		return types.String
	case reflect.Float64:
		return types.Float64
	default:
		return types.Int
	}
}
