package query

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tcplife/tcplife/report/internal/text"
)

// The columns of a list of fields are as wide as most names and types are.
const (
	nameWidth = 34
	typeWidth = 14
)

// WriteFields writes a line for each field, for people: its name, its type and its meaning. A meaning that is wider
// than width continues on further lines; 0 is no limit.
func WriteFields(w io.Writer, fields []Field, width int) error {
	var out bytes.Buffer
	const indent = nameWidth + typeWidth
	for _, f := range fields {
		meaning := f.Meaning
		if f.Words != nil && !strings.Contains(meaning, " "+f.Words[0]+": ") { // which the meaning explains one by one
			meaning = strings.TrimLeft(strings.TrimSuffix(meaning, ".")+". One of "+strings.Join(f.Words, ", ")+".",
				". ")
		}
		lines := []string{meaning}
		if width > indent+20 {
			lines = text.Wrap(strings.Fields(meaning), " ", width-indent)
		}
		line := pad(pad("", f.Name, nameWidth), f.Type, indent)
		for i, part := range lines {
			if i > 0 {
				line = pad("", "", indent)
			}
			out.WriteString(strings.TrimRight(line+part, " ") + "\n")
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// pad appends a cell to a line, and spaces up to a width, two at least.
func pad(line, cell string, width int) string {
	line += cell
	return line + strings.Repeat(" ", max(width-utf8.RuneCountInString(line), 2))
}

// WriteFieldsJSON writes the fields as a JSON array.
func WriteFieldsJSON(w io.Writer, fields []Field) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(fields)
}
