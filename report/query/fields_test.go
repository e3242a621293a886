package query

import (
	"slices"
	"testing"
)

// The type of every field is known, those with one value included.
func TestEveryFieldHasAType(t *testing.T) {
	all := slices.Concat(Fields(), SummaryFields(), FloodFields(), ScanFields())
	for _, f := range all {
		if f.Type == isAny {
			t.Errorf("%s has no type", f.Name)
		}
	}
	i := slices.IndexFunc(all, func(f Field) bool { return f.Name == "schema" })
	if i < 0 || all[i].Type != isNumber {
		t.Error("schema is no number")
	}
}
