package main

import (
	"bytes"
	"fmt"
)

// clone is the source of what Connection.Clone needs: methods after which a copied struct shares no memory with its
// original.
func (m *model) clone() []byte {
	var out bytes.Buffer
	for _, s := range m.reach("record.Connection") {
		if !m.shares(s) {
			continue
		}
		fmt.Fprintf(&out, "\nfunc (v *%s) detach() {\n", s.name)
		for _, f := range s.fields {
			x := "v." + f.name
			below := m.structs[f.typ.name]
			if f.typ.elem != nil {
				below = m.structs[f.typ.elem.name]
			}
			deep := below != nil && m.shares(below)
			switch f.typ.of {
			case 'n':
				switch {
				case deep:
					fmt.Fprintf(&out, "%s.detach()\n", x)
				case f.typ.name == "string" && f.value == "": // several strings share one piece of memory
					fmt.Fprintf(&out, "%s = strings.Clone(%s)\n", x, x)
				}
			case '*':
				fmt.Fprintf(&out, "if %s != nil {\nc := *%s\n%s = &c\n", x, x, x)
				if deep {
					fmt.Fprintf(&out, "%s.detach()\n", x)
				}
				out.WriteString("}\n")
			case 'l':
				fmt.Fprintf(&out, "%s = slices.Clone(%s)\n", x, x)
				if deep {
					fmt.Fprintf(&out, "for i := range %s {\n%s[i].detach()\n}\n", x, x)
				}
			default:
				panic(fmt.Sprintf("%s.%s is a map: fieldgen must learn how to clone it", s, f.name))
			}
		}
		out.WriteString("}\n")
	}
	return source("record", out.String())
}

// shares reports whether a copy of a struct of package record would share memory with it.
func (m *model) shares(s *structure) bool {
	if s.pkg != "record" {
		return false
	}
	for _, f := range s.fields {
		below := m.structs[f.typ.name]
		if f.typ.of != 'n' || f.typ.name == "string" && f.value == "" || below != nil && m.shares(below) {
			return true
		}
	}
	return false
}
