package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/internal/duckdb"
)

const cookbook = "../../docs/SQL.md"

// cookbookCaptures are read as one.
var cookbookCaptures = strings.Fields(`close-reset close-server-first close-simultaneous half-closed half-open-data handshake-ack-lost icmp-unreachable
	keepalive port-reuse real-sockets refused syn-flood time-wait-reuse unanswered zero-window`)

// recipe is a section of the cookbook: a title and its blocks of code.
var recipe = regexp.MustCompile("(?ms)^## (\\d+\\. " +
	".*?)\\n.*?^```sql\\n(.*?)^```\\n.*?^```sh\\n(.*?)^```\\n.*?^```json\\n(.*?)^```\\n")

// TestCookbook asks each question of docs/SQL.md in SQL and by jq.
func TestCookbook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := duckdb.Open(t, dir)
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("NOT TESTED: the questions of the cookbook, because jq is not installed (apt-get install jq)")
	}
	prepareCookbook(t, dir)
	text, err := os.ReadFile(cookbook)
	if err != nil {
		t.Fatal(err)
	}
	sections := recipe.FindAllSubmatchIndex(text, -1)
	if len(sections) != 10 {
		t.Fatalf("%d questions, want 10", len(sections))
	}
	part := func(s []int, n int) string { return string(text[s[2*n]:s[2*n+1]]) }
	var updated strings.Builder
	at := 0
	for _, s := range sections {
		title, sql, jq, shown := part(s, 1), part(s, 2), part(s, 3), part(s, 4)
		answer := strings.Join(db.Rows(sql), "\n") + "\n"
		if strings.Count(answer, "\n") < 2 {
			t.Errorf("%s: the answer is too short: %q", title, answer)
		}
		cmd := exec.Command("bash", "-c", "set -o pipefail; "+jq)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: jq: %v", title, err)
		}
		if diff := cmp.Diff(values(t, string(out)), values(t, answer)); diff != "" {
			t.Errorf("%s: jq and SQL differ:\n%s", title, diff)
		}
		if diff := cmp.Diff(shown, answer); diff != "" && !*update {
			t.Errorf("%s: the document shows another answer (go test ./cmd/tcplife -run Cookbook -update):\n%s", title,
				diff)
		}
		updated.Write(text[at:s[8]])
		updated.WriteString(answer)
		at = s[9]
	}
	updated.Write(text[at:])
	if *update && !t.Failed() {
		if err := os.WriteFile(cookbook, []byte(updated.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// prepareCookbook writes the two files that the questions are about.
func prepareCookbook(t *testing.T, dir string) {
	t.Helper()
	var captures []string
	for _, name := range cookbookCaptures {
		path, err := filepath.Abs("../../testdata/pcaps/" + name + ".pcap")
		if err != nil {
			t.Fatal(err)
		}
		captures = append(captures, path)
	}
	for _, args := range [][]string{{"-o", "parquet", "--to", filepath.Join(dir, "web.parquet")}, {"-o", "jsonl"}} {
		cmd := exec.Command("tcplife", append(append([]string{"read"}, captures...), args...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) > 0 {
			if err := os.WriteFile(filepath.Join(dir, "web.jsonl"), out, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// values are lines of JSON, as numbers and words.
func values(t *testing.T, lines string) (list []any) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, value)
	}
	return list
}
