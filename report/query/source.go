package query

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// sourceText is an expression as it was typed, and as the library parses it: with durations as numbers of seconds.
type sourceText struct {
	typed, parsed string
	durations     []rewrittenDuration
}

// rewrittenDuration is the place of a duration in both texts, in characters.
type rewrittenDuration struct {
	typedFrom, typedTo, parsedFrom, parsedTo int
}

var (
	durationPattern = regexp.MustCompile(`^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h|d))+`)
	durationPart    = regexp.MustCompile(`(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d)`)
	durationUnits   = map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60,
		"h": 3600, "d": 86400}
)

// newSource rewrites the durations outside of quotes and comments.
func newSource(typed string) *sourceText {
	s := &sourceText{typed: typed}
	var out []rune
	text := []rune(typed)
	for i := 0; i < len(text); {
		if to := behindWord(text, i); to > i {
			out, i = append(out, text[i:to]...), to
			continue
		}
		found := ""
		if unicode.IsDigit(text[i]) {
			found = durationPattern.FindString(string(text[i:]))
		}
		to := i + len([]rune(found))
		if found == "" || to < len(text) && isWordRune(text[to]) {
			// Copy one character, or a number with letters.
			for to = i + 1; isWordRune(text[i]) && to < len(text) && isWordRune(text[to]); to++ {
			}
			out, i = append(out, text[i:to]...), to
			continue
		}
		from := len(out)
		out = append(out, []rune(inSeconds(found))...)
		s.durations = append(s.durations, rewrittenDuration{i, to, from, len(out)})
		i = to
	}
	s.parsed = string(out)
	return s
}

// behindWord returns the end of the name, quoted text or comment that begins at a place, or the place if there is none.
func behindWord(text []rune, at int) int {
	end := func(from int, mark string, escaped bool) int {
		for i := from; i < len(text); i++ {
			if escaped && text[i] == '\\' {
				i++
			} else if strings.HasPrefix(string(text[i:min(len(text), i+len(mark))]), mark) {
				return i + len(mark)
			}
		}
		return len(text)
	}
	two := string(text[at:min(len(text), at+2)])
	switch r := text[at]; {
	case r == '"' || r == '\'':
		return end(at+1, string(r), true)
	case r == '`':
		return end(at+1, "`", false)
	case two == "//":
		return end(at+2, "\n", false)
	case two == "/*":
		return end(at+2, "*/", false)
	case isWordRune(r) && !unicode.IsDigit(r):
		for at < len(text) && isWordRune(text[at]) {
			at++
		}
		return at
	}
	return at
}

func isWordRune(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// inSeconds writes a duration as a number of seconds with a decimal point.
func inSeconds(duration string) string {
	seconds := 0.0
	for _, part := range durationPart.FindAllStringSubmatch(duration, -1) {
		n, _ := strconv.ParseFloat(part[1], 64) // the pattern allows only digits
		seconds += n * durationUnits[part[2]]
	}
	seconds = math.Round(seconds*1e9) / 1e9 // binary sums are not exact
	text := strconv.FormatFloat(seconds, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// place converts a place in the parsed text to the place in the typed text.
func (s *sourceText) place(parsed int) int {
	moved := 0
	for _, d := range s.durations {
		if parsed >= d.parsedTo {
			moved = d.typedTo - d.parsedTo
		} else if parsed >= d.parsedFrom {
			return d.typedFrom
		}
	}
	return parsed + moved
}

// duration returns the typed duration for a number of the parsed text, or "" if the user typed a number.
func (s *sourceText) duration(parsed int) string {
	for _, d := range s.durations {
		if d.parsedFrom == parsed {
			return string([]rune(s.typed)[d.typedFrom:d.typedTo])
		}
	}
	return ""
}
