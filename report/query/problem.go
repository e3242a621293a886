package query

import (
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
)

// A Problem is what is wrong with an expression, and where.
type Problem struct {
	Message string
	Source  string // the expression, as it was typed
	At      int    // the place in it, counted in characters from 0
}

// Error is the message, with the line of the expression and a caret at the place below it.
func (p *Problem) Error() string {
	before := []rune(p.Source)[:min(p.At, len([]rune(p.Source)))]
	column := len(before)
	if i := slices.Index(before, '\n'); i >= 0 {
		for ; i >= 0; i = slices.Index(before, '\n') {
			before = before[i+1:]
		}
		column = len(before)
	}
	start := len([]rune(p.Source)[:p.At]) - column
	line, _, _ := strings.Cut(string([]rune(p.Source)[start:]), "\n")
	return p.Message + "\n  " + strings.ReplaceAll(line, "\t", " ") + "\n  " + strings.Repeat(" ", column) + "^"
}

// words of the library of expressions, and ours. The first that is found decides.
var libraryWords = []struct {
	pattern *regexp.Regexp
	ours    string
}{
	{regexp.MustCompile(`^unexpected token EOF|^unexpected end of expression`), "the expression ends too early"},
	{regexp.MustCompile(`^unexpected token Operator\("="\)`), `write == to compare`},
	{regexp.MustCompile(`^unexpected token Operator\("&"\)`), `write "and" or &&`},
	{regexp.MustCompile(`^unexpected token Operator\("\|"\)`), `write "or" or ||`},
	{regexp.MustCompile(`^unexpected token \w+\((".*")\)`), "unexpected $1"},
	{regexp.MustCompile(`^literal not terminated`), "the quote is not closed"},
	{regexp.MustCompile(`^unclosed comment`), "the comment is not closed"},
	{regexp.MustCompile(`^bad number syntax: (".*")`), "$1 is no number and no duration"},
	{regexp.MustCompile(`^(?:invalid \w+ literal|\w+ literal is too large)`), "this number is too large or no number"},
	{regexp.MustCompile(`^(?:invalid char escape|unable to unescape)`), `\ stands before a character that needs none`},
	{regexp.MustCompile(`^unrecognized character`), "unexpected character"},
	{regexp.MustCompile(`exceeds maximum allowed nodes`), "the expression is too long"},
	{regexp.MustCompile(`^unknown (?:name|builtin) (\w+)`), `unknown name "$1"`},
	{regexp.MustCompile(`^cannot use pointer accessor outside predicate`),
		". and # stand only in the condition of any(list, ...) and its like"},
	{regexp.MustCompile(`error parsing regexp: ([^:]*)`), "the pattern of matches is wrong: $1"},
	{regexp.MustCompile(`^builtin (\w+) takes only array`), "$1 takes a list first"},
	{regexp.MustCompile(`^predicate should`), "this must be true or false"},
	{regexp.MustCompile(`^(?:not enough|too many) arguments to call (\w+)`), "$1 takes another number of arguments"},
	{regexp.MustCompile(`to call (\w+)`), "$1 does not take such a value"},
	{regexp.MustCompile(`^invalid argument for (\w+)`), "$1 does not take such a value"},
	{regexp.MustCompile(`is not callable|has no method|cannot call nil`), "this is no function"},
	{regexp.MustCompile(`^invalid operation: (\S+)`), "$1 does not take such values"},
	{regexp.MustCompile(`^cannot redeclare`), "this name is taken"},
	{regexp.MustCompile(`index`), "a place in a list is a whole number"},
}

// ours says what the library of expressions found, in our words.
func ours(message string) string {
	for _, w := range libraryWords {
		if found := w.pattern.FindStringSubmatchIndex(message); found != nil {
			return string(w.pattern.ExpandString(nil, w.ours, message, found))
		}
	}
	return "this does not fit here"
}

// problem makes a Problem of an error of the library.
func (s *sourceText) problem(err error) error {
	failed, ok := err.(*file.Error)
	if !ok {
		return &Problem{ours(err.Error()), s.typed, 0}
	}
	return &Problem{ours(failed.Message), s.typed, s.place(failed.From)}
}

// Nearest is the name most like another one, or "": so like it that it may have been meant.
func Nearest(name string, names []string) string {
	best, most := "", 1+len(name)/4
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d <= most && (best == "" || d < most) {
			best, most = n, d
		}
	}
	return best
}

// distance is how many letters must be changed, added or removed to make b of a; two that changed places are one.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0:
				rows[i][j] = j
			case j == 0:
				rows[i][j] = i
			default:
				d := rows[i-1][j-1]
				if a[i-1] != b[j-1] {
					d++
				}
				d = min(d, rows[i-1][j]+1, rows[i][j-1]+1)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d = min(d, rows[i-2][j-2]+1)
				}
				rows[i][j] = d
			}
		}
	}
	return rows[len(a)][len(b)]
}
