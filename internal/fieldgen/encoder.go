package main

import (
	"bytes"
	"fmt"
	"strings"
)

// roots are the records that the fast encoder writes.
var roots = []string{
	"record.Connection", "record.TimeWaitHolding", "record.Listener", "record.SynFlood", "record.Scan",
	"record.Backscatter",
	"record.PopulationSeries", "record.Summary", "record.Snapshot", "record.Alive",
	"result.Compared", "result.ComparedLadder", "result.Point", "result.Stretch", "result.Comparison",
}

// byHand are structs for which package encode has handwritten functions.
var byHand = map[string]bool{"flows.Layer": true}

// numbers are the unsigned integer types.
var numbers = map[string]bool{"uint8": true, "uint16": true, "uint32": true, "uint64": true}

// encoder is the source of the JSON encoder.
func (m *model) encoder() []byte {
	var out bytes.Buffer
	for _, s := range m.reach(roots...) {
		if byHand[s.String()] {
			continue
		}
		fmt.Fprintf(&out,
			"\n// Append%s appends a %s as JSON.\nfunc (e *Encoder) Append%s(b []byte, v *%s) []byte {\n",
			s.name, s, s.name, s)
		lead := "{"
		for _, f := range s.fields {
			lead += fmt.Sprintf("%q:", f.json)
			lead = m.appendJSON(&out, lead, "v."+f.name, f.typ, 0) + ","
		}
		fmt.Fprintf(&out, "\treturn append(b, %s...)\n}\n", quote(strings.TrimSuffix(lead, ",")+"}"))
	}
	return source("encode", out.String())
}

// quote is a Go literal.
func quote(s string) string {
	if strings.Contains(s, "`") {
		return fmt.Sprintf("%q", s)
	}
	return "`" + s + "`"
}

// appendJSON writes statements that append lead and a value. It returns the text to append after them.
func (m *model) appendJSON(out *bytes.Buffer, lead, x string, k kind, depth int) (behind string) {
	text := func(s string) {
		if s != "" {
			fmt.Fprintf(out, "b = append(b, %s...)\n", quote(s))
		}
	}
	switch k.of {
	case '*':
		text(lead)
		fmt.Fprintf(out, "if %s == nil {\nb = append(b, \"null\"...)\n} else {\n", x)
		inner := "*" + x
		if m.structs[k.elem.name] != nil {
			inner = x
		}
		text(m.appendJSON(out, "", inner, kind{of: 'p', elem: k.elem}, depth))
		out.WriteString("}\n")
		return ""
	case 'p': // the target of a pointer that is not nil
		if m.structs[k.elem.name] != nil {
			fmt.Fprintf(out, "b = %s\n", m.callJSON(x, k.elem.name))
			return ""
		}
		return m.appendJSON(out, lead, x, *k.elem, depth)
	case 'l':
		text(lead + "[")
		i := string(rune('i' + depth))
		fmt.Fprintf(out, "for %s := range %s {\nb = AppendComma(b, %s)\n", i, x, i)
		element := fmt.Sprintf("%s[%s]", x, i)
		if k.elem.of == '*' {
			text(m.appendJSON(out, "", element, kind{of: 'p', elem: k.elem.elem}, depth+1))
		} else {
			text(m.appendJSON(out, "", element, *k.elem, depth+1))
		}
		out.WriteString("}\n")
		return "]"
	case 'm':
		text(lead)
		fmt.Fprintf(out, "b = appendMap(b, %s, func(b []byte, v %s) []byte {\n", x, goType(*k.elem))
		text(m.appendJSON(out, "", "v", *k.elem, depth))
		out.WriteString("return b\n})\n")
		return ""
	}
	if m.structs[k.name] != nil {
		text(lead)
		fmt.Fprintf(out, "b = %s\n", m.callJSON("&"+x, k.name))
		return ""
	}
	switch {
	case k.name == "flows.CommunityID":
		text(lead + `"`)
		fmt.Fprintf(out, "b = %s.Append(b)\n", x)
		return `"`
	case k.name == "netip.Addr":
		text(lead + `"`)
		if deref, is := strings.CutPrefix(x, "*"); is {
			x = deref
		}
		fmt.Fprintf(out, "b = %s.AppendTo(b)\n", x)
		return `"`
	case k.name == "tcpstate.State", k.name == "tcpstate.Rule":
		text(lead + `"`)
		fmt.Fprintf(out, "b = append(b, %s.String()...)\n", x)
		return `"`
	}
	text(lead)
	fmt.Fprintf(out, "b = %s\n", m.scalarJSON(x, k.name))
	return ""
}

func (m *model) callJSON(x, name string) string {
	_, plain, _ := strings.Cut(name, ".")
	if byHand[name] {
		return fmt.Sprintf("append%s(b, %s)", plain, x)
	}
	return fmt.Sprintf("e.Append%s(b, %s)", plain, x)
}

// scalarJSON is the expression that appends a value without members.
func (m *model) scalarJSON(x, name string) string {
	switch name {
	case "string":
		return fmt.Sprintf("AppendString(b, %s)", x)
	case "bool":
		return fmt.Sprintf("strconv.AppendBool(b, %s)", x)
	case "int", "int64":
		return fmt.Sprintf("strconv.AppendInt(b, int64(%s), 10)", x)
	case "uint64":
		return fmt.Sprintf("appendNumber(b, %s)", x)
	case "float64":
		return fmt.Sprintf("appendFloat(b, %s)", x)
	case "record.Time":
		return fmt.Sprintf("e.appendTime(b, %s)", x)
	case "record.Duration":
		return fmt.Sprintf("%s.Append(b)", x)
	case "record.PacketNumber":
		return fmt.Sprintf("AppendPacket(b, %s)", x)
	case "record.Seq", "record.Count", "record.Answer":
		return fmt.Sprintf("Append%s(b, %s)", strings.TrimPrefix(name, "record."), x)
	case "record.StateOrNone":
		return fmt.Sprintf("appendState(b, %s)", x)
	case "record.Side", "record.Evidence", "record.NullableNumber", "result.Value":
		_, plain, _ := strings.Cut(name, ".")
		return fmt.Sprintf("append%s(b, %s)", plain, x)
	}
	switch {
	case numbers[name]:
		return fmt.Sprintf("appendNumber(b, uint64(%s))", x)
	case m.words[name] != nil && m.marshal[name]:
		return fmt.Sprintf("AppendWord(b, string(%s))", x)
	case m.words[name] != nil:
		return fmt.Sprintf("AppendString(b, string(%s))", x)
	}
	panic(fmt.Sprintf("%s is a %s: fieldgen must learn how to write it", x, name))
}

func goType(k kind) string {
	switch k.of {
	case '*':
		return "*" + goType(*k.elem)
	case 'l':
		return "[]" + goType(*k.elem)
	case 'm':
		return "map[string]" + goType(*k.elem)
	}
	return k.name
}
