package query

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tcplife/tcplife/report/internal/text"
)

// The widths of the columns of names and types fit most of them.
const (
	nameWidth = 34
	typeWidth = 14
)

// WriteFields writes a table of fields, with names, types and meanings. Lines are wrapped at width; 0 means no limit.
func WriteFields(w io.Writer, fields []Field, width int) error {
	var out bytes.Buffer
	const indent = nameWidth + typeWidth
	for _, f := range fields {
		meaning := f.Meaning
		if f.Words != nil && !strings.Contains(meaning, " "+f.Words[0]+": ") { // the meaning does not explain them
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

// pad appends a cell to a line, and at least two spaces up to a width.
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
