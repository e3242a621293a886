package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// column is a column of CSV.
type column struct {
	name string
	code string // statements that append the value to b, nothing for null
}

// columns returns the columns of a connection: the known ones in their places, the new ones after them.
func (m *model) columns(list string) ([]column, error) {
	found, err := m.flatten(m.structs["record.Connection"], "", "c", "")
	if err != nil {
		return nil, err
	}
	known, err := os.ReadFile(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var columns []column
	for _, name := range strings.Fields(string(known)) {
		i := slices.IndexFunc(found, func(c column) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s lists %s, which the record does not have: columns are promises", list, name)
		}
		columns = append(columns, found[i])
		found = slices.Delete(found, i, i+1)
	}
	return append(columns, found...), nil
}

func columnNames(columns []column) []byte {
	var out bytes.Buffer
	for _, c := range columns {
		out.WriteString(c.name + "\n")
	}
	return out.Bytes()
}

// flatten returns the columns of a struct whose value is x, below a path. guard is the code that runs first.
func (m *model) flatten(s *structure, path, x, guard string) (columns []column, err error) {
	for _, f := range s.fields {
		name, value := strings.TrimPrefix(path+"."+f.json, "."), x+"."+f.name
		below := m.structs[f.typ.name]
		unless := guard
		if f.typ.of == '*' {
			below = m.structs[f.typ.elem.name]
			unless += fmt.Sprintf("if %s == nil {\nreturn b\n}\n", value)
		}
		switch {
		case f.value != "" || f.csv == "-":
		case below != nil:
			more, err := m.flatten(below, name, value, unless)
			if err != nil {
				return nil, err
			}
			columns = append(columns, more...)
		case f.typ.of == 'l':
			more, err := m.listColumns(&f, name, value, guard)
			if err != nil {
				return nil, err
			}
			columns = append(columns, more...)
		case f.typ.of == '*':
			columns = append(columns, column{name, unless + "return " + m.scalarCSV("*"+value, f.typ.elem.name)})
		case f.typ.of == 'm':
			return nil, fmt.Errorf("%s is a map: tag it csv:\"-\"", name)
		default:
			columns = append(columns, column{name, unless + "return " + m.scalarCSV(value, f.typ.name)})
		}
	}
	return columns, nil
}

// listColumns returns the columns of a list.
func (m *model) listColumns(f *field, name, x, guard string) ([]column, error) {
	how, what, _ := strings.Cut(f.csv, "=")
	element := m.structs[f.typ.elem.name]
	switch {
	case how == "by" && element != nil:
		return m.columnsBy(element, name, x, what, guard)
	case how == "words" && element != nil:
		i := slices.IndexFunc(element.fields, func(f field) bool { return f.json == what })
		if what == "kind:id" {
			return []column{{name, guard + fmt.Sprintf("return text.AppendEncapsulation(b, %s)", x)}}, nil
		}
		if i < 0 {
			return nil, fmt.Errorf("%s has no %s", element, what)
		}
		word := m.scalarCSV(x+"[i]."+element.fields[i].name, element.fields[i].typ.name)
		return []column{{name, guard +
			fmt.Sprintf("for i := range %s {\nb = text.AppendSpace(b, i)\nb = %s\n}\nreturn b", x, word)}}, nil
	case f.csv == "" && element == nil && f.typ.elem.of == 'n':
		word := m.scalarCSV(x+"[i]", f.typ.elem.name)
		return []column{{name, guard +
			fmt.Sprintf("for i := range %s {\nb = text.AppendSpace(b, i)\nb = %s\n}\nreturn b", x, word)}}, nil
	}
	return nil, fmt.Errorf("%s is a list: give csv:\"words=…\" to write it in words, or csv:\"-\" to leave it out",
		name)
}

// columnsBy returns the columns of the entries of a list by their side.
func (m *model) columnsBy(element *structure, name, x, by, guard string) (columns []column, err error) {
	i := slices.IndexFunc(element.fields, func(f field) bool { return f.json == by })
	if i < 0 || element.fields[i].typ.name != "record.Side" {
		return nil, fmt.Errorf("%s has no side %s", element, by)
	}
	others := *element
	others.fields = slices.Delete(slices.Clone(element.fields), i, i+1)
	for _, side := range []string{"Client", "Server"} {
		entry := guard + fmt.Sprintf("e := entryOf(%s, record.%s)\nif e == nil {\nreturn b\n}\n", x, side)
		more, err := m.flatten(&others, name+"."+strings.ToLower(side), "e", entry)
		if err != nil {
			return nil, err
		}
		columns = append(columns, more...)
	}
	return columns, nil
}

// scalarCSV is the expression that appends a value, or "null", which CSV leaves empty.
func (m *model) scalarCSV(x, name string) string {
	switch name {
	case "string":
		return fmt.Sprintf("append(b, %s...)", x)
	case "bool":
		return fmt.Sprintf("strconv.AppendBool(b, %s)", x)
	case "int", "int64":
		return fmt.Sprintf("strconv.AppendInt(b, int64(%s), 10)", x)
	case "uint64":
		return fmt.Sprintf("strconv.AppendUint(b, %s, 10)", x)
	case "netip.Addr":
		return fmt.Sprintf("%s.AppendTo(b)", strings.TrimPrefix(x, "*"))
	case "flows.CommunityID", "record.Duration":
		return fmt.Sprintf("%s.Append(b)", x)
	case "record.Time":
		return fmt.Sprintf("appendTimeField(b, %s)", x)
	case "record.PacketNumber":
		return fmt.Sprintf("encode.AppendPacket(b, %s)", x)
	case "record.Seq", "record.Count", "record.Answer":
		return fmt.Sprintf("encode.Append%s(b, %s)", strings.TrimPrefix(name, "record."), x)
	case "record.StateOrNone":
		return fmt.Sprintf("appendStateName(b, %s)", x)
	case "record.Side", "tcpstate.State", "tcpstate.Rule":
		return fmt.Sprintf("append(b, %s.String()...)", x)
	}
	switch {
	case numbers[name]:
		return fmt.Sprintf("strconv.AppendUint(b, uint64(%s), 10)", x)
	case m.words[name] != nil:
		return fmt.Sprintf("append(b, %s...)", x)
	}
	panic(fmt.Sprintf("%s is a %s: fieldgen must learn how to write it as a cell", x, name))
}

// csv is the source of the columns.
func (m *model) csv(columns []column) []byte {
	var out bytes.Buffer
	out.WriteString("var csvColumns = []csvColumn{\n")
	for _, c := range columns {
		fmt.Fprintf(&out, "{%q, func(b []byte, c *record.Connection) []byte {\n%s\n}},\n", c.name, c.code)
	}
	out.WriteString("}\n")
	return source("report", out.String())
}
