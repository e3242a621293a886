package main

import (
	"strings"
	"testing"
)

// A block that one of several tests has run counts once, and a package below its floor is reported.
func TestShow(t *testing.T) {
	const profile = `mode: set
github.com/tcplife/tcplife/flows/ip.go:1.2,3.4 3 0
github.com/tcplife/tcplife/flows/ip.go:1.2,3.4 3 1
github.com/tcplife/tcplife/flows/ip.go:5.2,6.4 1 0
github.com/tcplife/tcplife/capture/file.go:1.2,3.4 2 1
`
	for _, tt := range []struct {
		floors []string
		below  bool
		want   string
	}{
		{nil, false, "100.0%  of     2  capture\n 75.0%  of     4  flows\n"},
		{[]string{"flows=75"}, false, "100.0%  of     2  capture\n 75.0%  of     4  flows  (at least 75)\n"},
		{[]string{"flows=75.1"}, true, "100.0%  of     2  capture\n 75.0%  of     4  flows  (at least 75.1)  TOO " +
			"LITTLE\n"},
	} {
		var out strings.Builder
		below, err := show(&out, strings.NewReader(profile), tt.floors)
		if err != nil || below != tt.below || out.String() != tt.want {
			t.Errorf("%v: %t, %v:\n%s", tt.floors, below, err, out.String())
		}
	}
	if _, err := show(&strings.Builder{}, strings.NewReader(profile), []string{"analyzer=90"}); err == nil {
		t.Error("no error for the floor of a package that does not exist")
	}
}
