package query

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/file"
)

// A Problem says what is wrong with an expression, and where.
type Problem struct {
	Message string
	Source  string // the expression as it was typed
	At      int    // the place in Source, in characters from 0
}

// Error returns the message, the line of the expression and a caret below the place.
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

// libraryWords maps messages of the expression library to ours. The first match counts.
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
	{regexp.MustCompile(`^bad number syntax: (".*")`), "$1 is neither a number nor a duration"},
	{regexp.MustCompile(`^(?:invalid \w+ literal|\w+ literal is too large)`), "not a number, or too large"},
	{regexp.MustCompile(`^(?:invalid char escape|unable to unescape)`), `\ before a character that needs no escape`},
	{regexp.MustCompile(`^unrecognized character`), "unexpected character"},
	{regexp.MustCompile(`exceeds maximum allowed nodes`), "the expression is too long"},
	{regexp.MustCompile(`^unknown (?:name|builtin) (\w+)`), `unknown name "$1"`},
	{regexp.MustCompile(`^cannot use pointer accessor outside predicate`),
		". and # work only in the condition of any(list, ...) and similar functions"},
	{regexp.MustCompile(`error parsing regexp: ([^:]*)`), "wrong pattern after matches: $1"},
	{regexp.MustCompile(`^builtin (\w+) takes only array`), "the first argument of $1 must be a list"},
	{regexp.MustCompile(`^predicate should`), "this must be true or false"},
	{regexp.MustCompile(`^(?:not enough|too many) arguments to call (\w+)`), "wrong number of arguments for $1"},
	{regexp.MustCompile(`to call (\w+)`), "$1 does not take such a value"},
	{regexp.MustCompile(`^invalid argument for (\w+)`), "$1 does not take such a value"},
	{regexp.MustCompile(`is not callable|has no method|cannot call nil`), "this is not a function"},
	{regexp.MustCompile(`^invalid operation: (\S+)`), "$1 does not take such values"},
	{regexp.MustCompile(`^cannot redeclare`), "this name is already in use"},
	{regexp.MustCompile(`index`), "an index must be a whole number"},
	{regexp.MustCompile(`divide by zero`), "division by zero"},
}

// ours translates a message of the expression library.
func ours(message string) string {
	for _, w := range libraryWords {
		if found := w.pattern.FindStringSubmatchIndex(message); found != nil {
			return string(w.pattern.ExpandString(nil, w.ours, message, found))
		}
	}
	return "this is not allowed here"
}

// problem turns an error of the library into a Problem.
func (s *sourceText) problem(err error) error {
	failed, ok := err.(*file.Error)
	if !ok {
		return &Problem{ours(err.Error()), s.typed, 0}
	}
	at := s.place(failed.From)
	if strings.TrimSpace(s.typed) == "" {
		return &Problem{"the expression is empty", s.typed, 0}
	}
	if word, from := s.unquoted(at); word != "" {
		return &Problem{word, s.typed, from}
	}
	return &Problem{ours(failed.Message), s.typed, at}
}

// unquoted returns a message if a time, an address or a network at a place lacks its quotes, or if a word there begins
// like a number but is none; and where it begins. Otherwise the message is "".
func (s *sourceText) unquoted(at int) (message string, from int) {
	text := []rune(s.typed)
	from, to := min(at, len(text)), min(at, len(text))
	part := func(r rune) bool { return isWordRune(r) || strings.ContainsRune(".:/-", r) }
	for from > 0 && part(text[from-1]) {
		from--
	}
	for to < len(text) && part(text[to]) {
		to++
	}
	word := string(text[from:to])
	if word == "" || !unicode.Is(unicode.ASCII_Hex_Digit, text[from]) && text[from] != ':' {
		return "", 0
	}
	what := ""
	if _, err := ParseMoment(word); err == nil && strings.ContainsAny(word, ":-") {
		what = "a time"
	}
	if _, err := netip.ParseAddr(word); err == nil {
		what = "an address"
	}
	if _, err := netip.ParseAddrPort(word); err == nil {
		what = "an address"
	}
	if _, err := netip.ParsePrefix(word); err == nil {
		what = "a network"
	}
	switch {
	case what != "":
		return fmt.Sprintf("%s needs quotes: %q", what, word), from
	case unicode.IsDigit(text[from]) && !strings.ContainsFunc(word, func(r rune) bool { return !isWordRune(r) }):
		return fmt.Sprintf("%q is neither a number nor a duration", word), from
	}
	return "", 0
}

// Nearest returns the name that is most similar to a mistyped one, or "" if none is similar enough.
func Nearest(name string, names []string) string {
	best, most := "", 1+len(name)/4
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d <= most && (best == "" || d < most) {
			best, most = n, d
		}
	}
	return best
}

// distance returns how many letters must be changed, added or removed to turn a into b. Swapping two letters counts as
// one.
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
