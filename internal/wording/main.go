// Command wording holds the texts of the repository to how we write: no phrase that had to go, a short README,
// and no more lines above 120 characters than there are. It is run by
//
//	go run ./internal/wording
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	longest    = 120  // characters of a line; a tab is four
	readmeSize = 9000 // bytes
	// floors is the file with the numbers of lines of code and of prose that are longer. They may only fall.
	floors = ".ci/long-lines"
)

// banned are phrases with better ones.
var banned = []struct {
	phrase *regexp.Regexp
	better string
}{
	{regexp.MustCompile(`(?i)\bcan not\b`), "cannot"},
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

// check says what is wrong in the files of a repository.
func check(dir string) (wrong []string, err error) {
	cmd := exec.Command("git", "ls-files", "--", "*.go", "*.md", "*.txtar")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the files: %w", err)
	}
	code, text := 0, 0
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
			text += prose(string(content))
		case ".go":
			for line := range strings.SplitSeq(string(content), "\n") {
				if width(line) > longest {
					code++
				}
			}
		}
		if name == "README.md" && len(content) > readmeSize {
			wrong = append(wrong, fmt.Sprintf("%s has %d bytes, %d at most: move something to docs/", name, len(content),
				readmeSize))
		}
	}
	most, err := os.ReadFile(filepath.Join(dir, floors))
	if err != nil {
		return nil, err
	}
	var mostCode, mostText int
	if _, err := fmt.Sscanf(string(most), "code %d\nprose %d\n", &mostCode, &mostText); err != nil {
		return nil, fmt.Errorf("read %s: %w", floors, err)
	}
	if code > mostCode || text > mostText {
		wrong = append(wrong, fmt.Sprintf("%d lines of code and %d of prose are longer than %d characters; %s allows %d and %d",
			code, text, longest, floors, mostCode, mostText))
	}
	return wrong, nil
}

func width(line string) int { return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) }

// phrases finds those that are banned.
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

// prose counts lines of prose that are too long. Blocks of code, tables and links that cannot be broken are none.
func prose(text string) (long int) {
	code := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		if code || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") || width(line) <= longest {
			continue
		}
		if strings.Contains(strings.TrimLeft(line, "-* "), " ") {
			long++
		}
	}
	return long
}
