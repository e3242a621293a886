// Skipped prints which tests were skipped, and why. Its argument is a file that `go test -json` wrote. With -fail it
// fails if a test was skipped.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	fail := flag.Bool("fail", false, "fail if a test was skipped")
	flag.Parse()
	file, err := os.Open(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "skipped:", err)
		os.Exit(1)
	}
	skipped, err := list(os.Stdout, file)
	if err != nil {
		fmt.Fprintf(os.Stderr, "skipped: read %s: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
	if *fail && skipped > 0 {
		os.Exit(1)
	}
}

// list writes the skipped tests by reason, and returns their number.
func list(w io.Writer, events io.Reader) (skipped int, err error) {
	last := map[string]string{} // by test: its last line
	tests := map[string][]string{}
	for d := json.NewDecoder(bufio.NewReader(events)); ; {
		var e struct{ Action, Package, Test, Output string }
		if err := d.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
		test := e.Package + " " + e.Test
		switch line := strings.TrimSpace(e.Output); {
		case e.Action == "output" && line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "==="):
			last[test] = line
		case e.Action == "skip" && e.Test != "":
			skipped++
			tests[reason(last[test])] = append(tests[reason(last[test])], test)
		}
	}
	plural := "s were"
	if skipped == 1 {
		plural = " was"
	}
	fmt.Fprintf(w, "\n%d test%s skipped\n", skipped, plural)
	reasons := slices.SortedFunc(maps.Keys(tests), func(a, b string) int {
		return cmp.Or(len(tests[b])-len(tests[a]), cmp.Compare(a, b))
	})
	for _, r := range reasons {
		fmt.Fprintf(w, "%4d  %s\n", len(tests[r]), r)
		for _, test := range tests[r] {
			fmt.Fprintf(w, "        %s\n", test)
		}
	}
	return skipped, nil
}

// before matches the text before the reason: a test's line number, or a script's command.
var before = regexp.MustCompile(`^(\w+\.go:\d+: |> .*\bskip )`)

func reason(line string) string {
	return strings.Trim(before.ReplaceAllString(line, ""), "'")
}
