package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// documentation is docs/RECORD.md, made from the schema.
func (m *model) documentation(schema object) []byte {
	var out bytes.Buffer
	out.WriteString("# The record\n\n")
	paragraph(&out, "", "",
		"What `tcplife` writes as JSON, field by field. `fieldgen` makes this page of the structs of "+
			"`analyzer/record` and `compare/result`; "+
			"`tcplife schema` prints the same as a JSON Schema, and programs can rely on it. "+
			schema.get("description").(string))
	for _, d := range schema.get("$defs").(object) {
		def := d.value.(object)
		fmt.Fprintf(&out, "\n## %s\n\n", d.name)
		if text, ok := def.get("description").(string); ok && def.get("enum") == nil {
			paragraph(&out, "", "", text)
		}
		if list, ok := def.get("enum").([]any); ok {
			enumeration(&out, m, d.name, def, list)
		}
		if properties, ok := def.get("properties").(object); ok {
			if def.get("description") != nil {
				out.WriteByte('\n')
			}
			members(&out, properties, "")
		} else if def.get("enum") == nil {
			paragraph(&out, "", "", "As JSON: "+typeOf(def)+".")
		}
	}
	return out.Bytes()
}

// members lists the fields of an object.
func members(out *bytes.Buffer, properties object, indent string) {
	for _, p := range properties {
		of := p.value.(object)
		text := fmt.Sprintf("`%s`, %s", p.name, typeOf(of))
		if d, ok := of.get("description").(string); ok {
			text += ": " + d
		}
		paragraph(out, indent+"- ", indent+"  ", text)
		if inner := innerObject(of); inner != nil {
			members(out, inner, indent+"  ")
		}
	}
}

// innerObject returns the properties of an object without a definition of its own.
func innerObject(of object) object {
	if p, ok := of.get("properties").(object); ok {
		return p
	}
	if items, ok := of.get("items").(object); ok {
		return innerObject(items)
	}
	if one, ok := of.get("oneOf").([]any); ok {
		return innerObject(one[0].(object))
	}
	return nil
}

// typeOf names the type of a value in words.
func typeOf(of object) string {
	if name, ok := of.get("$ref").(string); ok {
		name = strings.TrimPrefix(name, "#/$defs/")
		return fmt.Sprintf("[%s](#%s)", name, name)
	}
	if one, ok := of.get("oneOf").([]any); ok {
		return typeOf(one[0].(object)) + " or null"
	}
	if value := of.get("const"); value != nil {
		b, _ := json.Marshal(value) // cannot fail: it was read as JSON
		return "always `" + string(b) + "`"
	}
	if list, ok := of.get("enum").([]any); ok {
		words := make([]string, len(list))
		for i, w := range list {
			words[i] = "`" + w.(string) + "`"
		}
		return "one of " + strings.Join(words, " ")
	}
	switch t := of.get("type").(type) {
	case []any:
		return fmt.Sprintf("%s or %s", t[0], t[1])
	case string:
		switch t {
		case "array":
			return "list of " + typeOf(of.get("items").(object))
		case "object":
			if values, ok := of.get("additionalProperties").(object); ok {
				return "object of " + typeOf(values)
			}
		}
		return t
	}
	return "string"
}

// enumeration lists the words of a definition with their meanings.
func enumeration(out *bytes.Buffer, m *model, name string, def object, list []any) {
	for of, w := range m.words {
		if m.defs[of] != name || len(w.list) != len(list) {
			continue
		}
		if w.doc != "" {
			paragraph(out, "", "", w.doc)
			out.WriteByte('\n')
		}
		for i, word := range w.list {
			text := "`" + word + "`"
			if w.docs[i] != "" {
				text += ": " + w.docs[i]
			}
			paragraph(out, "- ", "  ", text)
		}
		return
	}
	text, _ := def.get("description").(string)
	paragraph(out, "", "", strings.TrimSpace(text+" O"+strings.TrimPrefix(typeOf(def), "o")+"."))
}

// paragraph writes text in lines of at most 120 characters.
func paragraph(out *bytes.Buffer, first, rest, text string) {
	const width = 120
	line := first
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > width {
			out.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	out.WriteString(line + "\n")
}
