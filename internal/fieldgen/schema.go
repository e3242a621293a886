package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// object is a JSON object in the order of its members. A value is a string, a number as json.Number, a bool, nil, a
// list as []any, or an object.
type object []member

type member struct {
	name  string
	value any
}

func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// readValue reads the next value from a decoder.
func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := readValue(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), value})
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

// MarshalJSON keeps the order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := e.Encode(m.name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := e.Encode(m.value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func (o object) indented() []byte {
	compact, err := o.MarshalJSON()
	if err != nil {
		panic(err) // all its values can be marshalled
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// refs are the definitions of types that are not structs.
var refs = map[string]string{
	"netip.Addr": "ip", "record.Time": "time", "record.PacketNumber": "packet", "record.Seq": "sequence_number",
	"record.StateOrNone": "state", "result.Value": "value", "tcpstate.State": "state", "tcpstate.Rule": "rule",
	"record.Side": "side",
}

// schema completes the outline of the schema: a definition "@record.Endpoint" becomes the schema of that type.
func (m *model) schema(outline string) (object, error) {
	source, err := os.ReadFile(outline)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(source))
	d.UseNumber()
	value, err := readValue(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", outline, err)
	}
	schema := value.(object)
	definitions := schema.get("$defs").(object)
	s := schemer{model: m, names: map[string]string{}}
	for name, ref := range refs {
		s.names[name] = ref
	}
	for _, d := range definitions {
		if of, ok := d.value.(string); ok {
			s.names[strings.TrimPrefix(of, "@")] = d.name
		}
	}
	m.defs = s.names
	for i := range definitions {
		of, ok := definitions[i].value.(string)
		if !ok {
			continue
		}
		of = strings.TrimPrefix(of, "@")
		switch st, w := m.structs[of], m.words[of]; {
		case st != nil:
			if definitions[i].value, err = s.structure(st, st.doc); err != nil {
				return nil, err
			}
		case w != nil:
			definitions[i].value = object{{"description", w.description()}, {"enum", anys(w.list)}}
		default:
			return nil, fmt.Errorf("%s: there is no type %s", outline, of)
		}
	}
	return schema, nil
}

// description lists the words with their meanings.
func (w *words) description() string {
	text := w.doc
	for i, word := range w.list {
		if w.docs[i] != "" {
			text += " " + word + ": " + w.docs[i]
		}
	}
	return strings.TrimSpace(text)
}

func anys(list []string) []any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}

// schemer makes definitions. names has the definition of each type that has one.
type schemer struct {
	*model
	names map[string]string
}

func (s *schemer) structure(st *structure, description string) (object, error) {
	properties, required := object{}, []any{}
	for _, f := range st.fields {
		p, err := s.property(&f)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", st, f.name, err)
		}
		properties = append(properties, member{f.json, p})
		required = append(required, f.json)
	}
	o := object{{"type", "object"}}
	if description != "" {
		o = append(o, member{"description", description})
	}
	return append(o, member{"properties", properties}, member{"required", required},
		member{"additionalProperties", false}), nil
}

func ref(name string) object { return object{{"$ref", "#/$defs/" + name}} }

// property is the schema of a field.
func (s *schemer) property(f *field) (object, error) {
	describe := func(o object) object {
		if f.doc != "" {
			o = append(o, member{"description", f.doc})
		}
		if f.deprecated {
			o = append(o, member{"deprecated", true})
		}
		return o
	}
	switch {
	case f.value != "" && f.json == "record":
		return object{{"const", f.value}, {"description", "The kind of the record."}}, nil
	case f.value != "" && f.json == "schema":
		return object{{"const", json.Number(f.value)}, {"description",
			"The number of the record's format. It changes when a name or a meaning does, not when a field is " +
				"added."}}, nil
	case f.value != "":
		return describe(object{{"const", f.value}}), nil
	}
	k := f.typ
	if k.of == '*' {
		k = *k.elem
	}
	value, err := s.value(f, k)
	if err != nil {
		return nil, err
	}
	if t, is := value.get("type").(string); is && f.null && t != "array" && t != "object" {
		value[0].value = []any{t, "null"}
		return describe(value), nil
	}
	switch {
	case f.null:
		return append(describe(object{}), member{"oneOf", []any{value, object{{"type", "null"}}}}), nil
	case value.get("enum") != nil:
		return append(describe(object{}), value...), nil
	case value.get("type") == "array" || value.get("type") == "object":
		return append(describe(value[:1:1]), value[1:]...), nil
	}
	return describe(value), nil
}

// value is the schema of a type, with the bounds and values that the field adds.
func (s *schemer) value(f *field, k kind) (object, error) {
	switch k.of {
	case '*':
		return s.value(f, *k.elem)
	case 'l':
		element := *f
		element.items = ""
		items, err := s.value(&element, *k.elem)
		if err != nil {
			return nil, err
		}
		o := object{{"type", "array"}}
		if f.items != "" {
			o = append(o, member{"maxItems", json.Number(f.items)})
		}
		return append(o, member{"items", items}), nil
	case 'm':
		values, err := s.value(&field{}, *k.elem)
		if err != nil {
			return nil, err
		}
		if f.nulls {
			values = object{{"oneOf", []any{values, object{{"type", "null"}}}}}
		}
		o := object{{"type", "object"}}
		switch len(f.keys) {
		case 0:
		case 1:
			o = append(o, member{"propertyNames", ref(f.keys[0])})
		default:
			names := []any{ref(f.keys[0])}
			for _, word := range f.keys[1:] {
				names = append(names, object{{"const", word}})
			}
			o = append(o, member{"propertyNames", object{{"anyOf", names}}})
		}
		return append(o, member{"additionalProperties", values}), nil
	}
	if f.ref != "" {
		return ref(f.ref), nil
	}
	if len(f.enum) > 0 {
		return object{{"enum", anys(f.enum)}}, nil
	}
	if name := s.names[k.name]; name != "" {
		return ref(name), nil
	}
	if st := s.structs[k.name]; st != nil {
		return s.structure(st, "")
	}
	if w := s.words[k.name]; w != nil && len(w.list) > 0 {
		return object{{"enum", anys(w.list)}}, nil
	}
	bounds := func(t, least, most string) object {
		o := object{{"type", t}}
		if f.min != "" {
			least = f.min
		}
		if f.max != "" {
			most = f.max
		}
		if least != "" {
			o = append(o, member{"minimum", json.Number(least)})
		}
		if most != "" {
			o = append(o, member{"maximum", json.Number(most)})
		}
		return o
	}
	switch k.name {
	case "string", "flows.CommunityID":
		return object{{"type", "string"}}, nil
	case "bool", "record.Answer":
		return object{{"type", "boolean"}}, nil
	case "record.Duration", "float64", "record.NullableNumber":
		return bounds("number", "", ""), nil
	case "int", "int64":
		return bounds("integer", "", ""), nil
	case "uint64", "record.Count":
		return bounds("integer", "0", ""), nil
	}
	if width, is := strings.CutPrefix(k.name, "uint"); is {
		bits, err := strconv.Atoi(width)
		if err != nil {
			return nil, err
		}
		return bounds("integer", "0", strconv.Itoa(1<<bits-1)), nil
	}
	if s.words[k.name] != nil { // a string of a type of its own, whatever it says
		return object{{"type", "string"}}, nil
	}
	return nil, fmt.Errorf("the schema does not know the type %s", k.name)
}
