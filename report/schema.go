package report

import _ "embed"

//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of what JSON writes, and of each line that JSONL writes: every field
// with its unit, its range, and what null means.
func Schema() []byte { return []byte(schema) }
