package main

import (
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
	} {
		if got := phrases("x.md", line); len(got) != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestProse(t *testing.T) {
	long := strings.Repeat("word ", 30)
	text := long + "\n```\n" + long + "\n```\n| " + long + "|\n" + strings.Repeat("é", 120) + "\n"
	if got := prose(text); got != 1 {
		t.Errorf("%d long lines", got)
	}
}
