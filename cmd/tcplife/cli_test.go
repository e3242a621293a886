package main

import (
	"strings"
	"testing"
)

// Each word of a message has at most 200 characters, however many bytes each has or is escaped with.
func TestHarmless(t *testing.T) {
	for _, test := range []struct{ given, want string }{
		{"", ""},
		{"a\tb\x1b[31m\u202e\x80 é日", `a\tb\x1b[31m\u202e\x80 é日`},
		{strings.Repeat("a", 199), strings.Repeat("a", 199)},
		{strings.Repeat("a", 200), strings.Repeat("a", 200)},
		{strings.Repeat("a", 201), strings.Repeat("a", 200) + "…"},
		{strings.Repeat("日", 200), strings.Repeat("日", 200)},
		{strings.Repeat("日", 300), strings.Repeat("日", 200) + "…"},
		{strings.Repeat("\x00", 201), strings.Repeat(`\x00`, 200) + "…"},
		{
			"open " + strings.Repeat("a", 201) + " no " + strings.Repeat("b", 200),
			"open " + strings.Repeat("a", 200) + "… no " + strings.Repeat("b", 200),
		},
	} {
		if got := harmless(test.given); got != test.want {
			t.Errorf("%q becomes\n%q, want\n%q", test.given, got, test.want)
		}
	}
}

// One thing is in the singular, with its verb.
func TestCounted(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 packets, 0 packets were", 1: "1 packet, 1 packet was", 12: "12 packets, 12 packets were",
	} {
		if got := counted(n, "packet") + ", " + were(n, "packet"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
