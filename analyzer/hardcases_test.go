package analyzer_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// TestHardCases runs every file of testdata/hardcases: a segment exchange, and the records that it must give. The
// file's name begins with the number of the case in the list that docs/HARD-CASES.md explains.
func TestHardCases(t *testing.T) {
	files, err := filepath.Glob("testdata/hardcases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no hard cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ar := txtar.Parse(text)
			if len(ar.Files) != 2 || ar.Files[0].Name != "exchange" || ar.Files[1].Name != "records" {
				t.Fatal("want the two parts -- exchange -- and -- records --")
			}
			var got bytes.Buffer
			for _, r := range analyze(t, string(ar.Files[0].Data)) {
				got.WriteString(r)
			}
			if *update {
				ar.Files[1].Data = got.Bytes()
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.String() != string(ar.Files[1].Data) {
				t.Errorf("%sgot:\n%s\nwant:\n%s", ar.Comment, got.String(), ar.Files[1].Data)
			}
		})
	}
}

// TestEveryHardCase checks that no case is forgotten: each has a file, or a line in SKIPPED with the reason.
func TestEveryHardCase(t *testing.T) {
	const last = 97
	have := map[int]bool{}
	files, _ := filepath.Glob("testdata/hardcases/*.txtar")
	for _, f := range files {
		if n, err := strconv.Atoi(filepath.Base(f)[:2]); err == nil {
			have[n] = true
		}
	}
	skipped, err := os.ReadFile("testdata/hardcases/SKIPPED")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +\S.*$`).FindAllStringSubmatch(string(skipped), -1) {
		n, _ := strconv.Atoi(m[1])
		if have[n] {
			t.Errorf("case %d has a file and is in SKIPPED", n)
		}
		have[n] = true
	}
	for n := 1; n <= last; n++ {
		if !have[n] {
			t.Errorf("case %d has neither a file nor a line in SKIPPED", n)
		}
	}
}

// TestHardCasesPage checks that docs/HARD-CASES.md has the descriptions of all cases.
func TestHardCasesPage(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(`# Hard cases of passive TCP tracking

What makes a connection hard to follow from the wire, and where the right answer is held: each file of
analyzer/testdata/hardcases is a segment exchange that reads like the figures of RFC 9293, and the record that must come
out.
The numbers are names; more than one file can stand for a case. To make this page again:
` + "`go test ./analyzer -run HardCases -update`" + `.

| case | what the wire shows |
| --- | --- |
`)
	files, _ := filepath.Glob("testdata/hardcases/*.txtar")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".txtar")
		fmt.Fprintf(&page, "| [%s](../analyzer/%s) | %s |\n", name, f,
			strings.Join(strings.Fields(string(txtar.Parse(text).Comment)), " "))
	}
	skipped, err := os.ReadFile("testdata/hardcases/SKIPPED")
	if err != nil {
		t.Fatal(err)
	}
	page.WriteString("\n## Not here\n\n")
	line := regexp.MustCompile(`(?m)^(\d+) +(\S.*(?:\n +\S.*)*)$`)
	for _, m := range line.FindAllStringSubmatch(string(skipped), -1) {
		fmt.Fprintf(&page, "- %s: %s\n", m[1], regexp.MustCompile(`\n +`).ReplaceAllString(m[2], "\n  "))
	}
	const file = "../docs/HARD-CASES.md"
	if *update {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, page.Bytes()) {
		t.Errorf("%s differs from the cases (%v); run this test with -update", file, err)
	}
}

// analyze returns the records of an exchange in the short form of the hard cases.
func analyze(t *testing.T, script string) (records []string) {
	t.Helper()
	x, err := segtest.Parse(script)
	if err != nil {
		t.Fatal(err)
	}
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) { records = append(records, short(r)) })
	for _, seg := range x.Segments() {
		a.Segment(&seg)
	}
	a.Close()
	return records
}

// short writes a record in short: one line for the connection, one for each side, then the rest.
func short(r *record.Connection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s, %s, ended by %s", r.ID, r.Handshake.Outcome, r.Teardown.Kind, r.EndedBy)
	if r.Teardown.Initiator != record.NoSide {
		fmt.Fprintf(&b, ", closed by %s", r.Teardown.Initiator)
	}
	if r.PreviousID != 0 {
		fmt.Fprintf(&b, ", after #%d", r.PreviousID)
	}
	b.WriteByte('\n')
	side := func(name string, e *record.Endpoint) {
		fmt.Fprintf(&b, "  %s", name)
		for _, s := range e.States {
			mark := ""
			if s.Evidence == record.Inferred {
				mark = "~"
			}
			fmt.Fprintf(&b, " %s%s@%d", mark, s.State, s.Packet)
		}
		fmt.Fprintf(&b, " | packets %d, bytes %d", e.Packets, e.Bytes)
		for _, n := range []struct {
			what string
			n    uint64
		}{{"again", e.RetransmittedPackets}, {"twice", e.CaptureDuplicates}, {"keepalives", e.Keepalives},
			{"probes", e.ZeroWindowProbes}} {
			if n.n > 0 {
				fmt.Fprintf(&b, ", %s %d", n.what, n.n)
			}
		}
		answers := [...]string{"?", "no", "yes"}
		fmt.Fprintf(&b, ", syn acked %s", answers[e.SynAcked])
		if e.Fin != nil {
			fmt.Fprintf(&b, ", fin acked %s", answers[e.Fin.Acked])
		}
		b.WriteByte('\n')
	}
	side("C", &r.Client)
	side("S", &r.Server)
	if x := r.Teardown.Reset; x != nil {
		fmt.Fprintf(&b, "  reset by %s @%d, answers %s\n", x.By, x.Packet, x.Answers)
	}
	if h := r.HalfOpen; h != nil {
		fmt.Fprintf(&b, "  half-open: %s survived, discovered by %s\n", h.Survivor, h.DiscoveredBy)
	}
	for _, w := range r.TimeWait {
		fmt.Fprintf(&b, "  time_wait: %s, ended by %s, restarts %d\n", w.Side, w.EndedBy, w.Restarts)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s: %s %v\n", f.Severity, f.Code, f.Packets)
	}
	return b.String()
}
