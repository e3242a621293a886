package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// methods is the source of the methods that all words of a package have.
func (m *model) methods(pkg string) []byte {
	var out bytes.Buffer
	for _, of := range slices.Sorted(maps.Keys(m.words)) {
		w := m.words[of]
		if !strings.HasPrefix(of, pkg+".") {
			continue
		}
		if len(w.list) > 0 {
			fmt.Fprintf(&out, "\n// String is the word.\nfunc (w %s) String() string { return string(w) }\n", w.name)
		}
		if m.marshal[of] {
			fmt.Fprintf(&out, "\n// MarshalJSON gives the word; null without one.\n"+
				"func (w %s) MarshalJSON() ([]byte, error) {\nif w == \"\" {\nreturn []byte(\"null\"), nil\n}\n"+
				"return json.Marshal(string(w))\n}\n", w.name)
		}
	}
	return source(pkg, out.String())
}
