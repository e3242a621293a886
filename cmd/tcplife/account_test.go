package main

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// If more than half of the packets could not be decoded, one line says so, and why.
func TestTellUndecoded(t *testing.T) {
	for _, tt := range []struct {
		undecoded map[string]uint64
		want      string
	}{
		{nil, ""},
		{map[string]uint64{"link_type": 3, "truncated": 2}, ""},
		{map[string]uint64{"truncated": 1, "unknown_protocol": 4, "esp": 1},
			"tcplife: the report lacks 6 of 10 packets, which could not be decoded: unknown_protocol 4, esp " +
				"1, truncated 1;"},
	} {
		var stderr strings.Builder
		a := account{decoded: flows.Stats{Packets: 10, Undecoded: tt.undecoded}}
		if err := a.tellOmissions(&stderr); err != nil {
			t.Error("packets that could not be decoded count as an incomplete reading")
		}
		if got := stderr.String(); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" ||
			strings.Count(got, "\n") > 1 {
			t.Errorf("%v: %q, want %q", tt.undecoded, got, tt.want)
		}
	}
}
