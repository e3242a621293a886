package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// TestFollow holds what is written row by row: each row at once, the header before the first and after each report.
func TestFollow(t *testing.T) {
	for _, width := range []int{0, 80, 100, 120, 160} {
		var out bytes.Buffer
		table, err := NewTable(&out, TableOptions{Follow: true, Width: width})
		if err != nil {
			t.Fatal(err)
		}
		end := &Ending{Result: &record.Result{Summary: &record.Summary{}},
			Capture: &Capture{Devices: []string{"eth0"}, First: record.NoTime}}
		connections := reporttest.Connections()
		for round := range 2 {
			out.Reset()
			for i, c := range connections {
				before := out.Len()
				if err := table.Connection(c); err != nil {
					t.Fatal(err)
				}
				lines := strings.Split(strings.TrimPrefix(out.String()[before:], "\n"), "\n")
				if want := 2; i > 0 && len(lines) != want || i == 0 && len(lines) != want+1 {
					t.Fatalf("connection %d of round %d wrote %q", i, round, lines)
				}
				if i == 0 && !strings.Contains(lines[0], "CLIENT") {
					t.Errorf("the header is %q", lines[0])
				}
				for _, line := range lines {
					if n := len([]rune(line)); width > 0 && n > width+20 {
						t.Errorf("width %d: %d characters: %s", width, n, line)
					}
				}
			}
			if err := table.Finish(end); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "\n\nSUMMARY\n") || strings.Contains(out.String(), "CONNECTIONS") {
				t.Errorf("the report is\n%s", out.String())
			}
		}
	}
}
