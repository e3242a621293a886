package main

import (
	"bytes"
	"fmt"
	"strings"
)

// query is the source of the functions that make maps of records.
func (m *model) query() []byte {
	var out bytes.Buffer
	for _, s := range m.reach("record.Connection", "record.SynFlood", "record.Scan", "result.Compared",
		"result.Comparison") {
		if byHand[s.String()] {
			continue
		}
		fmt.Fprintf(&out, "\nfunc map%s(v *%s) map[string]any {\nm := map[string]any{\n", s.name, s)
		var later bytes.Buffer
		for _, f := range s.fields {
			x := "v." + f.name
			switch below := m.structs[f.typ.name]; {
			case f.typ.of == '*':
				fmt.Fprintf(&out, "%q: nil,\n", f.json)
				value := m.valueOf("*"+x, x, f.typ.elem.name)
				fmt.Fprintf(&later, "if %s != nil {\nm[%q] = %s\n}\n", x, f.json, value)
			case f.typ.of == 'l':
				value := m.valueOf("v", "&v", f.typ.elem.name)
				fmt.Fprintf(&out, "%q: listValue(%s, func(v %s) any { return %s }),\n", f.json, x, goType(*f.typ.elem),
					value)
			case f.typ.of == 'm':
				value := m.valueOf("v", "&v", f.typ.elem.name)
				fmt.Fprintf(&out, "%q: mapValue(%s, func(v %s) any { return %s }),\n", f.json, x, goType(*f.typ.elem),
					value)
			case below != nil:
				fmt.Fprintf(&out, "%q: %s,\n", f.json, mapCall("&"+x, f.typ.name))
			default:
				fmt.Fprintf(&out, "%q: %s,\n", f.json, m.scalarValue(x, f.typ.name))
			}
		}
		fmt.Fprintf(&out, "}\n%sreturn m\n}\n", later.String())
	}
	return source("query", out.String())
}

// valueOf is the expression of a value x whose address is p.
func (m *model) valueOf(x, p, name string) string {
	if m.structs[name] != nil {
		return mapCall(p, name)
	}
	return m.scalarValue(x, name)
}

func mapCall(x, name string) string {
	_, plain, _ := strings.Cut(name, ".")
	return fmt.Sprintf("map%s(%s)", plain, x)
}

// scalarValue is the expression of a value with the type that reading the JSON would give.
func (m *model) scalarValue(x, name string) string {
	switch name {
	case "string", "bool", "float64", "int":
		return x
	case "netip.Addr":
		return fmt.Sprintf("string(%s.AppendTo(nil))", strings.TrimPrefix(x, "*"))
	case "flows.CommunityID", "tcpstate.State", "tcpstate.Rule":
		return fmt.Sprintf("%s.String()", x)
	case "record.Time", "record.Duration", "record.Answer", "record.Seq", "record.Count":
		return fmt.Sprintf("%sValue(%s)", strings.ToLower(strings.TrimPrefix(name, "record.")), x)
	case "record.PacketNumber":
		return fmt.Sprintf("packetValue(%s)", x)
	case "record.NullableNumber":
		return fmt.Sprintf("numberValue(%s)", x)
	case "record.StateOrNone":
		return fmt.Sprintf("stateValue(%s)", x)
	case "record.Side":
		return fmt.Sprintf("wordValue(%s.String())", x)
	case "result.Value":
		return fmt.Sprintf("%s.Any()", x)
	}
	switch {
	case numbers[name] || name == "int64":
		return fmt.Sprintf("int(%s)", x)
	case m.words[name] != nil && m.marshal[name]:
		return fmt.Sprintf("wordValue(string(%s))", x)
	case m.words[name] != nil:
		return fmt.Sprintf("string(%s)", x)
	}
	panic(fmt.Sprintf("%s is a %s: fieldgen must learn its value for --where", x, name))
}
