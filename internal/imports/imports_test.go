package imports

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tcplife/tcplife/"

// top is the directory of the module.
const top = "../.."

// root is the package of the module itself.
const root = "."

// allowed lists the packages of the module that a package may import. A name that ends in /... stands for all packages
// below. Packages of cmd, and those for tests and development, are not listed and may import everything.
var allowed = map[string][]string{
	"capture":      {"internal/fault", "internal/spare"},
	"capture/live": {"capture", "internal/fault", "internal/spare"},
	"flows":        {"capture"},
	"ledger":       {"analyzer/record", "analyzer/tcpstate", "flows"},
	"peers":        {"analyzer/record", "flows"},

	"analyzer/internal/distance": {"analyzer/internal/store", "analyzer/record", "flows"},
	"analyzer/internal/isn":      {},
	"analyzer/internal/lines":    {"analyzer/internal/store", "analyzer/record", "flows"},

	"analyzer/internal/store":  {},
	"analyzer/internal/offers": {"analyzer/internal/store", "analyzer/record", "flows"},
	"analyzer/internal/timers": {"analyzer/internal/store", "analyzer/record", "analyzer/tcpstate", "flows"},
	"analyzer/internal/usage":  {"analyzer/internal/store", "analyzer/record"},
	"analyzer/internal/wire":   {"analyzer/internal/store", "flows"},
	"analyzer/tcpstate":        {"analyzer/internal/store"},
	"analyzer/record":          {"analyzer/tcpstate", "flows"},
	"analyzer/course":          {"analyzer/record", "flows"},
	"analyzer/crowd":           {"analyzer/record", "flows"},
	"analyzer": {"analyzer/...", "flows", "internal/fault", "internal/pack", "internal/spare",
		"ledger", "peers"},

	"compare": {"analyzer", "analyzer/record", "analyzer/tcpstate", "capture", "compare/result", "flows",
		"internal/fault", "internal/spare"},
	"compare/result": {"analyzer/record"},

	"report/internal/encode": {"analyzer/record", "analyzer/tcpstate", "compare/result", "flows"},
	"report/internal/text":   {"analyzer/record", "analyzer/tcpstate", "flows"},
	"report":                 {"analyzer/record", "analyzer/tcpstate", "report/internal/..."},
	"report/comment":         {"analyzer/record", "analyzer/tcpstate", "flows"},
	"report/compared":        {"analyzer/record", "compare/result", "report/internal/..."},
	"report/ladder":          {"analyzer/record", "analyzer/tcpstate", "flows", "report/internal/..."},
	"report/metrics":         {"analyzer/record", "analyzer/tcpstate", "report", "report/screen"},
	"report/page": {"analyzer/record", "analyzer/tcpstate", "flows", "ledger", "report",
		"report/internal/...", "report/ladder"},
	"report/nft":     {"analyzer/record", "report"},
	"report/parquet": {"analyzer/record", "analyzer/tcpstate", "flows", "report"},
	"report/query":   {"analyzer/record", "compare/result", "flows", "report", "report/internal/..."},
	"report/screen":  {"analyzer/record", "analyzer/tcpstate", "report", "report/internal/..."},
	"report/zeek":    {"analyzer/record", "report"},

	"internal/pack":  {},
	"internal/spare": {},
	"internal/fault": {},
	root:             {"analyzer", "analyzer/record", "capture", "flows", "internal/fault", "internal/spare"},
}

// free packages may import everything.
var free = []string{"cmd/...", "internal/...", "report/internal/reporttest"}

// A listed package has the fields that `go list -json` prints.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
}

func list(t *testing.T) (packages []listed) {
	t.Helper()
	// go test caches a result until a file changes that the test itself has opened, but go list is another process.
	if err := filepath.WalkDir(top, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports",
		strings.TrimSuffix(module, "/")+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath += "/"; p.ImportPath == module {
			p.ImportPath += root + "/"
		}
		p.ImportPath = strings.TrimSuffix(strings.TrimPrefix(p.ImportPath, module), "/")
		packages = append(packages, p)
	}
}

// among reports whether a package is one of a list.
func among(list []string, name string) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		below, all := strings.CutSuffix(one, "...")
		return one == name || all && strings.HasPrefix(name, below)
	})
}

// Each package imports only the packages of the module that the table allows. Each package of the table exists.
func TestImports(t *testing.T) {
	packages := list(t)
	for _, p := range packages {
		may, known := allowed[p.ImportPath]
		if !known {
			if !among(free, p.ImportPath) {
				t.Errorf("%s is new: list in the table what it may import", p.ImportPath)
			}
			continue
		}
		for _, i := range p.Imports {
			if name, own := strings.CutPrefix(i, module); own && !among(may, name) {
				t.Errorf("%s imports %s, which the table does not allow", p.ImportPath, name)
			}
		}
	}
	for name := range allowed {
		if !slices.ContainsFunc(packages, func(p listed) bool { return p.ImportPath == name }) {
			t.Errorf("the table names %s, which does not exist", name)
		}
	}
}

// Only cmd uses flags, terminals and signals.
func TestOnlyCmdUsesTheTerminal(t *testing.T) {
	for _, p := range list(t) {
		if _, library := allowed[p.ImportPath]; !library {
			continue
		}
		for _, i := range p.Imports {
			for _, no := range []string{
				"flag", "log", "log/slog", "os/signal", "github.com/spf13/", "golang.org/x/term", "charm.land/",
				"github.com/charmbracelet/",
			} {
				if i == no || strings.HasSuffix(no, "/") && strings.HasPrefix(i, no) {
					t.Errorf("%s imports %s", p.ImportPath, i)
				}
			}
		}
	}
}

// Nothing below cmd prints, and the tracker never reads the wall clock.
func TestForbiddenCalls(t *testing.T) {
	for _, p := range list(t) {
		if _, library := allowed[p.ImportPath]; !library {
			continue
		}
		no := []string{"fmt.Print", "fmt.Println", "fmt.Printf", "os.Stdout", "os.Stderr", "os.Exit"}
		timeless := []string{"analyzer", "analyzer/...", "flows", "ledger", "peers", "report", "report/..."}
		if among(timeless, p.ImportPath) {
			no = append(no, "time.Now", "time.Since", "time.Sleep", "time.After", "time.NewTimer")
		}
		for _, name := range append(p.GoFiles, p.CgoFiles...) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is {
					if x, is := s.X.(*ast.Ident); is && slices.Contains(no, x.Name+"."+s.Sel.Name) {
						t.Errorf("%s uses %s.%s", fset.Position(s.Pos()), x.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// Package analyzer has few files.
func TestAnalyzerIsSmall(t *testing.T) {
	const most = 20
	for _, p := range list(t) {
		if p.ImportPath == "analyzer" && len(p.GoFiles) > most {
			t.Errorf("analyzer has %d files, want at most %d: code without connections belongs below it",
				len(p.GoFiles), most)
		}
	}
}

// Every exported type with constants of its own has a String method.
func TestEveryEnumHasAString(t *testing.T) {
	for _, p := range list(t) {
		if _, library := allowed[p.ImportPath]; !library || strings.Contains(p.ImportPath, "internal") {
			continue
		}
		constants, strings := map[string]bool{}, map[string]bool{}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil,
				parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				switch d := d.(type) {
				case *ast.GenDecl:
					// a single constant is a known value, not a list of all values
					if d.Tok != token.CONST || !d.Lparen.IsValid() {
						continue
					}
					for _, s := range d.Specs {
						if of, is := s.(*ast.ValueSpec).Type.(*ast.Ident); is && of.IsExported() {
							constants[of.Name] = true
						}
					}
				case *ast.FuncDecl:
					if d.Recv != nil && d.Name.Name == "String" {
						if of, is := d.Recv.List[0].Type.(*ast.Ident); is {
							strings[of.Name] = true
						}
					}
				}
			}
		}
		for name := range constants {
			if !strings[name] {
				t.Errorf("%s.%s has no String", p.ImportPath, name)
			}
		}
	}
}

// The files and packages that docs/ARCHITECTURE.md names exist.
func TestArchitectureNamesExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs/ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([a-z0-9_/]+(/|\\.go)?)`").FindAllStringSubmatch(string(text), -1)
	found := 0
	for _, n := range names {
		name := n[1]
		if !strings.Contains(name, "/") && !strings.HasSuffix(name, ".go") {
			continue
		}
		found++
		if !strings.Contains(name, "/") {
			name = "analyzer/" + name
		}
		if _, err := os.Stat(filepath.Join(top, name)); err != nil {
			t.Errorf("docs/ARCHITECTURE.md names %s, which does not exist", n[1])
		}
	}
	if found < 20 {
		t.Errorf("%d names were found, want at least 20", found)
	}
}
