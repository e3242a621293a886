package main

import (
	"flag"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write into README.md and docs/TEXTBOOK.md what their commands print")

const (
	consoleStart = "```console\n$ "
	consoleEnd   = "\n```\n"
)

// readme runs the commands in a Markdown file's console blocks and compares their output with that in the file: readme
// FILE DIRECTORY.
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readme FILE DIRECTORY")
	}
	old, err := os.ReadFile(args[0])
	ts.Check(err)
	var text strings.Builder
	rest := string(old)
	for {
		before, block, found := strings.Cut(rest, consoleStart)
		text.WriteString(before)
		if !found {
			break
		}
		block, rest, _ = strings.Cut(block, consoleEnd)
		command, _, _ := strings.Cut(block, "\n")
		ts.Check(ts.Exec("bash", "-c", "cd "+args[1]+" && set -o pipefail && "+command))
		text.WriteString(consoleStart + command + "\n" + strings.TrimRight(ts.ReadFile("stdout"), "\n") + consoleEnd)
	}
	switch {
	case text.String() == string(old):
	case *update:
		ts.Check(os.WriteFile(args[0], []byte(text.String()), 0o644))
	default:
		ts.Check(os.WriteFile(ts.MkAbs("README.md"), []byte(text.String()), 0o644))
		diff := ts.Exec("diff", args[0], "README.md")
		ts.Fatalf("%s is not what its commands print (%v): go test ./cmd/tcplife -run Scripts -update", args[0],
			diff)
	}
}
