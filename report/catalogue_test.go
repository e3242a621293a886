package report

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// docs/FINDINGS.md is the catalogue as a page. This test writes it with -update.
func TestFindingsPage(t *testing.T) {
	const path = "../docs/FINDINGS.md"
	var page strings.Builder
	page.WriteString(`# Findings

What tcplife can find about a connection, in the order of a connection's life. The codes are what scripts know them by;
in a record a finding also has the side that it is about, the numbers of its packets, and a sentence. Findings appear
only on faulty connections. The same list: ` + "`tcplife findings`" + `. Why a connection has one: ` + "`tcplife explain`" + `.

| code | severity | what was seen | what to do about it | defined in |
| --- | --- | --- | --- | --- |
`)
	for _, k := range record.Catalogue() {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", k.Code, k.Severity, k.Meaning, k.Advice, k.Source)
	}
	if *reporttest.Update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.String(), string(got)); diff != "" {
		t.Errorf("%s is not the catalogue's (go test ./report -update writes it anew):\n%s", path, diff)
	}
}

// A line of the first screen is about many connections, so the meaning of a finding must not point at one of them.
func TestMeaningsFitManyConnections(t *testing.T) {
	for _, k := range record.Catalogue() {
		if meaning, _, _ := strings.Cut(k.Meaning, ":"); k.Severity != record.Info &&
			slices.Contains(strings.Fields(meaning), "this") {
			t.Errorf("%s: the meaning points at one connection: %s", k.Code, meaning)
		}
	}
}

func TestFindingKinds(t *testing.T) {
	kinds := []record.FindingKind{
		{Code: "one", Severity: record.Error, Meaning: "a thing that takes more than a line to say", Source: "RFC 1 §1",
			Advice: "do this"},
		{Code: "two", Severity: record.Info, Meaning: "another", Source: "RFC 2", Advice: "do that"},
	}
	for _, c := range []struct {
		width int
		color bool
		want  string
	}{
		{0, false,
			"one  error\n    a thing that takes more than a line to say\n    → do this\n    RFC 1 §1\n\ntwo  info\n  " +
				"  another\n    → do that\n    RFC 2\n"},
		{30, false,
			"one  error\n    a thing that takes more\n    than a line to say\n    → do this\n    RFC 1 §1\n\ntwo  " +
				"info\n    another\n    → do that\n    RFC 2\n"},
		{0, true,
			"\x1b[1mone\x1b[0m  \x1b[31merror\x1b[0m\n    a thing that takes more than a line to say\n    → do " +
				"this\n    RFC 1 §1\n\n\x1b[1mtwo\x1b[0m  info\n    another\n    → do that\n    RFC 2\n"},
	} {
		var out strings.Builder
		if err := WriteFindingKinds(&out, kinds, c.width, c.color); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("width %d, colour %v:\n%s", c.width, c.color, diff)
		}
	}
}

// An ordinary healthy connection has no finding.
func TestHealthyConnectionsHaveNoFindings(t *testing.T) {
	for _, c := range []struct {
		file string
		ids  []uint64 // the healthy ones of its connections; nil for all
		keys []string // flows.DecoderOptions.KeyIDs
	}{
		{file: "textbook-handshake.pcap"},
		{file: "svr4-bsd.pcap"},
		{file: "close-server-first.pcap"},
		{file: "close-three-segments.pcap"},
		{file: "close-simultaneous.pcap"},
		{file: "half-closed.pcap"},
		{file: "sequence-wrap.pcap"},
		{file: "vxlan.pcap", ids: []uint64{1}},
		{file: "vlan.pcap", ids: []uint64{1, 7}, keys: []string{"vlan"}},
		{file: "ipv6.pcap", ids: []uint64{1}},
		{file: "fast-open.pcap", ids: []uint64{1, 9}},
		{file: "midstream.pcap", ids: []uint64{1}},
		{file: "two-interfaces.pcapng", ids: []uint64{1}},
		{file: "port-reuse.pcap", ids: []uint64{3}},
		{file: "syn-flood.pcap", ids: []uint64{1}},
		{file: "real-close-client-first.pcap"},
		{file: "real-close-server-first.pcap"},
		{file: "real-close-three-segments.pcap"},
		{file: "real-close-simultaneous.pcap"},
		{file: "real-half-close.pcap"},
		{file: "real-half-closed.pcap"},
		{file: "real-fast-open.pcap"},
		{file: "real-midstream.pcap"},
		{file: "real-ipv6.pcap"},
	} {
		seen := 0
		segments := reporttest.SegmentsOf(t, "../testdata/pcaps/"+c.file, c.keys...)
		a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
			if c.ids != nil && !slices.Contains(c.ids, r.ID) {
				return
			}
			seen++
			for _, f := range r.Findings {
				t.Errorf("%s: connection %d: %s: %s", c.file, r.ID, f.Code, f.Detail)
			}
		})
		for i := range segments {
			a.Segment(&segments[i])
		}
		a.Close()
		if seen == 0 || c.ids != nil && seen != len(c.ids) {
			t.Errorf("%s: %d of the connections %v are there", c.file, seen, c.ids)
		}
	}
}
