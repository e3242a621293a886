// Command wording checks the texts of the repository: no banned phrase, a short README, and at most as many lines
// longer than 120 characters as .ci/long-lines allows. Run it with
//
//	go run ./internal/wording
package main

import (
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	longest    = 120  // characters of a line; a tab is four
	readmeSize = 9000 // bytes
	// ceilings is the file with the numbers of longer lines of code and of prose. They may only fall.
	ceilings = ".ci/long-lines"
)

// banned are phrases that no text may contain, each with a better one.
var banned = []struct {
	phrase *regexp.Regexp
	better string
}{
	{regexp.MustCompile(`(?i)\bcan not\b`), "cannot"},
	{regexp.MustCompile("\\d %(\\s+[a-z(]|[.,;:)|'\"`]|\\s*$)|[a-z}] %%|' %'"), "a number and % without a space"},
	{regexp.MustCompile(`(?i)command line makes no sense`), "usage error"},
	{regexp.MustCompile(`(?i)\bworked off\b`), "overloaded, or backlog"},
	{regexp.MustCompile(`(?i)\b(come|comes|came|coming) to nothing\b`), "fail"},
	{regexp.MustCompile(`(?i)whenever it is so`), "until …"},
	{regexp.MustCompile(`(?i)for the habit of|habit of a system`), "for … compatibility, or an OS default"},
	{regexp.MustCompile(`(?i)\btakes the right to\b`), "needs"},
	{regexp.MustCompile(`(?i)\bit is said\b`), "a warning"},
	{regexp.MustCompile(`(?i)\bin vain\b`), "without success"},
	{regexp.MustCompile(`(?i)\bnot (more|less) than\b`), "at most, at least"},
	{regexp.MustCompile(`(?i)\bfor want of\b`), "because … lacks"},
	{regexp.MustCompile(`(?i)\bgiven up early\b`), "evicted"},
	{regexp.MustCompile(`(?i)\bno packet was let through\b`), "no matching packet"},
	{regexp.MustCompile(`(?i)\bconceived|hatched|disbelie[vf]`), "created, promoted, discards"},
	{regexp.MustCompile(`(?i)\bthat is why\b`), "so"},
	{regexp.MustCompile(`(?i)\bmakes no sense\b`), "usage error, or does not apply"},
	{regexp.MustCompile(`(?i)\bnot to be had\b`), "not available"},
	{regexp.MustCompile(`(?i)\bby the book\b`), "regular"},
	{regexp.MustCompile(`(?i)\bthe other way round\b`), "reversed"},
	{regexp.MustCompile(`(?i)\bin the least\b|\bas long again\b`), "at all, or one and a half times"},
	{regexp.MustCompile(`(?i)\bnobody is asked\b`), "neither … nor a password"},
	{regexp.MustCompile(`(?i)rights of the user that`), "as user …, or set --user"},
	{regexp.MustCompile(`(?i)\bnone (is|are) asked for\b`), "works only with"},
	{regexp.MustCompile(`(?i)\btakes? note of\b`), "records"},
	{regexp.MustCompile(`(?i)\bagain and again\b`), "repeatedly"},
	{regexp.MustCompile(`(?i)\bin the making\b`), "unfinished"},
	{regexp.MustCompile(`(?i)\ba (line|sentence) each\b|\ba (record|row) a (line|connection|row)\b`), "one … for each"},
	{regexp.MustCompile(`(?i)\bwhat it can name\b`), "the names"},
	{regexp.MustCompile(`(?i)\b(is|are) told of\b`), "gets, or is called for"},
	{regexp.MustCompile(`(?i)\beverything that can be wrong\b`), "checks"},
	{regexp.MustCompile(`(?i)\bhow things stand\b`), "the state"},
	{regexp.MustCompile(`(?i)\b(gone|kept|done|made|asked|sent|written) all the same\b|\ball the same[.:;]`), "still"},
}

func main() {
	wrong, err := check(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "wording:", err)
		os.Exit(1)
	}
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, w)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
}

// check returns the faults in the files of a repository, one line for each.
func check(dir string) (wrong []string, err error) {
	cmd := exec.Command("git", "ls-files", "--", "*.go", "*.md", "*.txtar", "*.js", "*.mjs", "*.css", "*.html", "*.lua")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the files: %w", err)
	}
	var code, text []string
	for name := range strings.FieldsSeq(string(out)) {
		if strings.Contains(name, "internal/wording/") || strings.Contains(name, "_generated.go") ||
			strings.HasSuffix(name, ".md") && strings.Contains(name, "testdata/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) { // removed, and not committed yet
			continue
		}
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, phrases(name, string(content))...)
		switch filepath.Ext(name) {
		case ".md":
			text = append(text, places(name, tooLongProse(string(content)))...)
		case ".go":
			code = append(code, places(name, tooLongInGo(content, strings.HasSuffix(name, "_test.go")))...)
		case ".js", ".mjs", ".css", ".html", ".lua":
			code = append(code, places(name, tooLong(string(content)))...)
		}
		if name == "README.md" && len(content) > readmeSize {
			wrong = append(wrong, fmt.Sprintf("%s has %d bytes, %d at most: move something to docs/", name,
				len(content),
				readmeSize))
		}
	}
	most, err := os.ReadFile(filepath.Join(dir, ceilings))
	if err != nil {
		return nil, err
	}
	var mostCode, mostText int
	if _, err := fmt.Sscanf(string(most), "code %d\nprose %d\n", &mostCode, &mostText); err != nil {
		return nil, fmt.Errorf("read %s: %w", ceilings, err)
	}
	for _, c := range []struct {
		kind  string
		found []string
		most  int
	}{{"code", code, mostCode}, {"prose", text, mostText}} {
		if len(c.found) > c.most {
			wrong = append(wrong, c.found...)
			wrong = append(wrong, fmt.Sprintf("%d lines of %s are longer than %d characters; %s allows %d",
				len(c.found), c.kind, longest, ceilings, c.most))
		}
	}
	return wrong, nil
}

// places formats lines of a file as file:line.
func places(name string, lines []int) (list []string) {
	for _, n := range lines {
		list = append(list, fmt.Sprintf("%s:%d: longer than %d characters", name, n, longest))
	}
	return list
}

// tooLong are the numbers, from 1, of the lines that are too long.
func tooLong(text string) (long []int) {
	for n, line := range strings.Split(text, "\n") {
		if width(line) > longest {
			long = append(long, n+1)
		}
	}
	return long
}

// tooLongInGo are the lines of a Go file that are too long. In a test, input and expected output may have any length:
// raw strings of several lines, and the output of examples.
func tooLongInGo(src []byte, test bool) []int {
	long := tooLong(string(src))
	if !test || len(long) == 0 {
		return long
	}
	data := map[int]bool{}
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	output := -1 // the last line of an example's output
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			break
		}
		at := file.Line(pos)
		switch {
		case tok == token.STRING:
			if n := strings.Count(text, "\n"); n > 0 {
				for i := range n + 1 {
					data[at+i] = true
				}
			}
		case tok == token.COMMENT && (strings.HasPrefix(text, "// Output:") || at == output+1):
			data[at], output = true, at
		}
	}
	return slices.DeleteFunc(long, func(n int) bool { return data[n] })
}

func width(line string) int { return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) }

// phrases finds banned phrases.
func phrases(name, text string) (wrong []string) {
	for n, line := range strings.Split(text, "\n") {
		for _, b := range banned {
			if found := b.phrase.FindString(line); found != "" {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %q: write %q", name, n+1, found, b.better))
			}
		}
	}
	return wrong
}

// tooLongProse are the lines of prose that are too long. Blocks of code, tables and links that cannot be broken are no
// prose.
func tooLongProse(text string) (long []int) {
	code := false
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		if code || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") || width(line) <= longest {
			continue
		}
		if strings.Contains(strings.TrimLeft(line, "-* "), " ") {
			long = append(long, n+1)
		}
	}
	return long
}
