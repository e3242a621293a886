package report_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"github.com/tcplife/tcplife/report/query"
	"pgregory.net/rapid"
)

func TestMapAgreesWithJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := report.Connections.Draw(t, "connection")
		var want map[string]any
		if err := json.Unmarshal([]byte(report.Reference(t, c)), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, asJSON(query.Map(c))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// asJSON returns the value that encoding/json would read: every number a float64, every string valid.
func asJSON(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = asJSON(member)
		}
	case []any:
		for i := range value {
			value[i] = asJSON(value[i])
		}
	case int:
		return float64(value)
	case string:
		return string([]rune(value)) // each invalid byte becomes U+FFFD
	}
	return value
}

func BenchmarkMap(b *testing.B) {
	c := reporttest.Connections()[2]
	b.ReportAllocs()
	for b.Loop() {
		query.Map(c)
	}
}
