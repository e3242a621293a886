package query_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/query"
)

// An expression applies to the kinds of records that have its fields.
func TestOn(t *testing.T) {
	port := uint16(443)
	c := &record.Connection{Record: "connection", Teardown: record.Teardown{Kind: record.TeardownReset}}
	f := &record.SynFlood{Record: "syn_flood", Verdict: "spoofed_flood", Syns: 500,
		Target: record.Target{IP: netip.MustParseAddr("192.0.2.1"), Port: &port}}
	s := &record.Scan{Record: "scan", Kind: "syn", Source: netip.MustParseAddr("192.0.2.9"), Ports: 60}
	for expression, want := range map[string]string{
		`teardown.kind == "reset"`:             "c",
		`teardown == "reset"`:                  "c",
		`syns > 400`:                           "fF",
		`verdict == "spoofed_flood"`:           "fF",
		`target.ip in "192.0.2.0/24"`:          "fF",
		`target.port == 443`:                   "fF",
		`source == "192.0.2.9" and ports > 50`: "sS",
		`record == "scan" and event == "end"`:  "S",
		`event == "end"`:                       "cFS",
		`record in ["syn_flood", "scan"]`:      "fFsS",
		`start > "1960-01-01"`:                 "csS",
		`true`:                                 "cfFsS",
		`syns > 500`:                           "",
	} {
		on, err := query.NewOn(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		var got strings.Builder
		for _, one := range []struct {
			name  string
			holds func() (bool, error)
		}{
			{"c", func() (bool, error) { return on.Connection(c) }},
			{"f", func() (bool, error) { return on.Flood(query.Begin, f) }},
			{"F", func() (bool, error) { return on.Flood(query.End, f) }},
			{"s", func() (bool, error) { return on.Scan(query.Begin, s) }},
			{"S", func() (bool, error) { return on.Scan(query.End, s) }},
		} {
			holds, err := one.holds()
			if err != nil {
				t.Errorf("%s: %v", expression, err)
			}
			if holds {
				got.WriteString(one.name)
			}
		}
		if got.String() != want {
			t.Errorf("%s holds for %q, want %q", expression, got.String(), want)
		}
	}
	for expression, want := range map[string]string{
		`tear == 1`:                 `unknown name "tear"`,
		`verdict == "spoofed"`:      `spoofed_flood`,
		`event == "begun"`:          `begin`,
		`syns > 1 and ports > 1`:    `unknown name "ports"`,
		`teardown.kind == "resett"`: `did you mean`,
		`1 +`:                       `ends too early`,
	} {
		if _, err := query.NewOn(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", expression, err, want)
		}
	}
}
