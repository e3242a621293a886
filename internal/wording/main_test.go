package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPhrases(t *testing.T) {
	for line, want := range map[string]int{
		"it can not be read":       1,
		"it cannot be read":        0,
		"Who tries much in vain":   1,
		"not more than 3":          1,
		"Attempts came to nothing": 1,
		"at most 3":                0,
		"99.8 % of them":           1,
		`"%.1f %%"`:                1,
		"99.8% of them":            0,
		`n := 7 % 3 + (s % 60)`:    0,
	} {
		if got := phrases("x.md", line); len(got) != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestProse(t *testing.T) {
	long := strings.Repeat("word ", 30)
	text := long + "\n```\n" + long + "\n```\n| " + long + "|\n" + strings.Repeat("é", 120) + "\n"
	if got := tooLongProse(text); !slices.Equal(got, []int{1}) {
		t.Errorf("long lines: %v, want [1]", got)
	}
}

// A test's input and expected output may have any length. Every other line of Go must keep the limit.
func TestGoLines(t *testing.T) {
	long := strings.Repeat("word ", 30)
	src := "package p\n\n// " + long + "\nvar a = `\n" + long + "\n`\n\nfunc ExampleA() {\n\t// Output:\n\t// " + long +
		"\n}\n\nvar b = \"" + long + "\"\n"
	if got := tooLongInGo([]byte(src), true); !slices.Equal(got, []int{3, 13}) {
		t.Errorf("of a test: %v, want [3 13]", got)
	}
	if got := tooLongInGo([]byte(src), false); !slices.Equal(got, []int{3, 5, 10, 13}) {
		t.Errorf("of another file: %v, want [3 5 10 13]", got)
	}
}
