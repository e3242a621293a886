package analyzer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

// findingsOf returns the codes of the findings of a script's only connection.
func findingsOf(t *testing.T, script string) (codes []string) {
	t.Helper()
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
		for _, f := range r.Findings {
			codes = append(codes, f.Code)
		}
	})
	for _, seg := range segtest.Script(script).Segments() {
		a.Segment(&seg)
	}
	a.Close()
	return codes
}

// The thresholds of path_mtu: how often, how soon, and how large.
func TestPathMTUThresholds(t *testing.T) {
	const opened = `
		C --> S SYN
		C <-- S SYN,ACK
		C --> S ACK
		C <-- S ACK len=%d
		C --> S ACK
		C x-- S ACK len=1448
		C --> S PSH,ACK len=10`
	for _, tt := range []struct {
		name   string
		passed int
		again  string
		times  int
		talks  bool
		want   bool
	}{
		{"three times", 1447, "+200ms", 3, true, true},
		{"twice", 1447, "+200ms", 2, true, false},
		{"not by timer", 1447, "+199ms", 3, true, false},
		{"one as large has passed", 1448, "+200ms", 3, true, false},
		{"the peer is silent", 1447, "+200ms", 3, false, false},
	} {
		script := fmt.Sprintf(opened, tt.passed)
		for i := range tt.times {
			script += "\n" + tt.again + " C x-- S again"
			if i == 0 && tt.talks {
				script += "\n C --> S PSH,ACK len=10"
			}
		}
		if got := slices.Contains(findingsOf(t, script), "path_mtu"); got != tt.want {
			t.Errorf("%s: path_mtu %v, want %v", tt.name, got, tt.want)
		}
	}
}
