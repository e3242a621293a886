package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// WriteFindingKinds writes the catalogue of findings as text, in lines of a width; 0 is no limit.
func WriteFindingKinds(w io.Writer, kinds []record.FindingKind, width int, color bool) error {
	var out bytes.Buffer
	for i := range kinds {
		k := &kinds[i]
		if i > 0 {
			out.WriteByte('\n')
		}
		code, severity := k.Code, string(k.Severity)
		if color {
			code, severity = text.Bold.Paint(code), text.Severities[text.SeverityRank(k.Severity)].Paint(severity)
		}
		out.WriteString(code + text.Gap + severity + "\n")
		for _, s := range []string{k.Meaning, "→ " + k.Advice, k.Source} {
			for _, line := range text.Wrap(strings.Split(s, " "), " ", max(width-4, 0)) {
				out.WriteString("    " + line + "\n")
			}
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// WriteFindingKindsJSON writes the catalogue as a JSON array of objects with the members code, severity, meaning,
// source and advice.
func WriteFindingKindsJSON(w io.Writer, kinds []record.FindingKind) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(kinds)
}
