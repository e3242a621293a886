package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/internal/testrun"
)

// root is the directory of the module.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The generated files of the repository are those that fieldgen makes now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if diff := cmp.Diff(string(want), read(t, filepath.Join(root, name))); diff != "" {
			t.Errorf("%s is stale; run go generate ./report:\n%s", name, diff)
		}
	}
}

// replace writes a file below another root, with a change.
func replace(t *testing.T, to, name, old, new string) {
	t.Helper()
	content := read(t, filepath.Join(root, name))
	if strings.Count(content, old) != 1 {
		t.Fatalf("%s does not contain %q exactly once", name, old)
	}
	if err := os.WriteFile(filepath.Join(to, name), []byte(strings.Replace(content, old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A new field of the record takes two edits, in the struct and where it is filled. The rest of the program then has it.
// An ordinary run checks the generated files. The whole run builds the program and checks its output.
func TestNewFieldIsTwoEdits(t *testing.T) {
	other := t.TempDir()
	for _, dir := range append(packages, "internal/fieldgen", "report/internal/encode", "report/query", "docs",
		"analyzer") {
		if err := os.MkdirAll(filepath.Join(other, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		sources, err := filepath.Glob(filepath.Join(root, dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			if info, err := os.Stat(source); err == nil && info.Mode().IsRegular() {
				content := read(t, source)
				if err := os.WriteFile(filepath.Join(other, dir, filepath.Base(source)), []byte(content),
					0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	replace(t, other, "analyzer/record/record.go", "\t// RSTs sent; capture duplicates count once.\n",
		"\t// Twice as many as packets.\n\tTwice uint64 `json:\"twice\"`\n"+
			"\t// RSTs sent; capture duplicates count once.\n")
	replace(t, other, "analyzer/fill.go", "\tr.SynAcked = s.synAnswer\n",
		"\tr.SynAcked, r.Twice = s.synAnswer, 2*s.packets\n")
	if err := run(other); err != nil {
		t.Fatal(err)
	}

	// The build uses the changed files in place of the originals.
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"analyzer/record/record.go", "analyzer/fill.go", "report/internal/encode/records_generated.go",
		"report/csv_generated.go",
		"report/query/map_generated.go", "analyzer/record/clone_generated.go", "report/schema.json",
	} {
		overlay.Replace[filepath.Join(absolute, name)] = filepath.Join(other, name)
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "overlay.json"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	build := func(args ...string) {
		args = append([]string{"build", "-overlay", filepath.Join(other, "overlay.json")}, args...)
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if !testrun.All() { // to compile the rest takes a quarter of a minute
		build("./analyzer", "./report", "./report/query")
		for name, want := range map[string]string{
			"report/internal/encode/records_generated.go": `,"twice":`,
			"report/csv_generated.go":                     "server.twice",
			"report/query/map_generated.go":               `"twice"`,
			"report/schema.json":                          `"description": "Twice as many as packets."`,
			"docs/RECORD.md":                              "- `twice`, integer: Twice as many as packets.",
		} {
			if !strings.Contains(read(t, filepath.Join(other, name)), want) {
				t.Errorf("%s does not contain %q", name, want)
			}
		}
		return
	}
	program := filepath.Join(other, "tcplife")
	build("-ldflags=-s -w", "-o", program, "./cmd/tcplife")
	output := func(args ...string) string {
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatal(args, err)
		}
		return string(out)
	}
	capture := root + "/testdata/pcaps/close-server-first.pcap"
	for what, text := range map[string]string{
		"json":   output("read", capture, "-o", "jsonl", "--where", "client.twice == 2 * client.packets"),
		"schema": output("schema"),
		"docs":   read(t, filepath.Join(other, "docs/RECORD.md")),
	} {
		if want := map[string]string{
			"json": `"fins":1,"twice":`, "schema": `"description": "Twice as many as packets."`,
			"docs": "- `twice`, integer: Twice as many as packets.",
		}[what]; !strings.Contains(text, want) {
			t.Errorf("%s does not contain %q", what, want)
		}
	}
	header, _, _ := strings.Cut(output("read", capture, "-o", "csv"), "\n")
	if !strings.HasSuffix(header, ",client.twice,server.twice") {
		t.Errorf("the new columns are not the last of %s", header)
	}
}
