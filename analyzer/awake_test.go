package analyzer_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// The record of a connection is the same whether it was packed meanwhile or not. The record of a lone SYN is the same
// whether an earlier one could be copied or not.
func TestShortcutsChangeNothing(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		plain := recordsOf(t, segmentsOf(t, file), analyzer.NoTwins)
		for name, prepare := range map[string]func(*analyzer.Analyzer){"rest": analyzer.Rest,
			"twins": func(*analyzer.Analyzer) {}} {
			list := recordsOf(t, segmentsOf(t, file), prepare)
			if len(plain) != len(list) {
				t.Fatalf("%s: %d records, %d with %s", file, len(plain), len(list), name)
			}
			for i := range plain {
				if plain[i] != list[i] {
					t.Fatalf("%s: without %s\n%s\nwith it\n%s", file, name, plain[i], list[i])
				}
			}
		}
	}
}

// recordsOf returns the records of a capture's segments as JSON.
func recordsOf(t *testing.T, segments []flows.Segment, prepare func(*analyzer.Analyzer)) (list []string) {
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		list = append(list, marshal(t, c))
	})
	prepare(tracker)
	for _, seg := range segments {
		tracker.Segment(&seg)
	}
	tracker.Close()
	result, err := json.Marshal(tracker.Result())
	if err != nil {
		t.Fatal(err)
	}
	return append(list, string(result))
}

// A segment may unpack the four incarnations of its 4-tuple and begin a fifth. Room is made for them first, so the
// limit holds.
func TestAwakeLimit(t *testing.T) {
	script := "C --> S SYN seq=1000000\nC --> S SYN seq=2000000\nC --> S SYN seq=3000000\nC --> S SYN seq=4000000\n"
	for i := range 20 {
		name := fmt.Sprintf("X%d", i)
		script += fmt.Sprintf("%s = 10.0.1.%d:40000\n", name, i+1) + strings.ReplaceAll(handshake, "C ", name+" ")
	}
	script += "C --> S SYN seq=5000000\n"
	tracker := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
	analyzer.AwakeLimit(tracker, 9)
	most := 0
	for _, seg := range segtest.Script(script).Segments() {
		tracker.Segment(&seg)
		most = max(most, analyzer.Awake(tracker))
	}
	if most < 4 || most > 9 {
		t.Errorf("%d connections were awake at once, want 4 to 9", most)
	}
	tracker.Close()
}
