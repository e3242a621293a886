package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top directory of the repository.
const root = "../.."

var (
	codeBlock = regexp.MustCompile("(?s)```.*?```")
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	fileName  = regexp.MustCompile(`^[\w.@-]+\.(go|md|lua|js|mjs|json|yml|mod|pgo|txt)$`)
	goPath    = regexp.MustCompile(`(^| )\./([\w./]+)`)
	makeGoal  = regexp.MustCompile(`^make ([\w-]+)`)
	qualified = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)$`)
	method    = regexp.MustCompile(`^([A-Z]\w*)\.([A-Z]\w*)$`)
	exported  = regexp.MustCompile(`^[A-Z]\w*[a-z]\w*$`)
	testName  = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
)

// The documents for those who change the code name only packages, files, functions, tests and make targets that exist.
func TestNamesInDocs(t *testing.T) {
	tree := readTree(t)
	for file, least := range map[string]int{ // the least number of names to check, so that the test cannot be empty
		"docs/ARCHITECTURE.md": 70, "CONTRIBUTING.md": 6, "docs/RELIABILITY.md": 30,
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		check := func(name string, exists bool) {
			checked++
			if !exists {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		for _, name := range testName.FindAllString(string(text), -1) {
			check(name, tree.names[name])
		}
		for _, span := range codeSpan.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(text), ""), -1) {
			tree.check(span[1], check)
		}
		if checked < least {
			t.Errorf("%s: %d names were checked, want at least %d", file, checked, least)
		}
	}
}

// A name that does not exist is found in every form.
func TestNamesAreFound(t *testing.T) {
	tree := readTree(t)
	for name, want := range map[string]bool{
		"analyzer/tcpstate": true, "analyzer/tcpstates": false, "timers.go": true, "wristwatch.go": false,
		"capture.Open": true, "capture.Opened": false, "Analyzer.Segment": true, "Analyzer.Part": false,
		"Trace": true, "Tracing": false, "make mutate": true, "make mutants": false,
		"go test ./internal/imports": true, "go test ./internal/import": false,
	} {
		found := false
		tree.check(name, func(_ string, exists bool) {
			found = true
			if exists != want {
				t.Errorf("%s exists: %v, want %v", name, exists, want)
			}
		})
		if !found {
			t.Errorf("%s is not checked", name)
		}
	}
}

// A tree is what the repository has: directories and files, declared names, and make targets.
type tree struct {
	paths    map[string]bool // relative to the root
	tops     map[string]bool // directories and files of the root
	files    map[string]bool // without their directories
	names    map[string]bool // of any package: Name and Type.Method
	packages map[string]bool // package.Name
	targets  map[string]bool
}

// check calls found for each name in a quoted text that this test understands.
func (r *tree) check(text string, found func(name string, exists bool)) {
	for _, path := range goPath.FindAllStringSubmatch(text, -1) {
		found(path[0], r.paths[strings.Trim(path[2], "/.")])
	}
	first, _, below := strings.Cut(strings.TrimSuffix(text, "/"), "/")
	switch q, m := qualified.FindStringSubmatch(text), method.FindStringSubmatch(text); {
	case strings.ContainsAny(text, "… *"):
		if goal := makeGoal.FindStringSubmatch(text); goal != nil {
			found(text, r.targets[goal[1]])
		}
	case below && r.tops[first]:
		found(text, r.has(strings.TrimSuffix(text, "/")))
	case fileName.MatchString(text):
		found(text, r.files[text])
	case q != nil:
		found(text, r.packages[text])
	case m != nil, exported.MatchString(text):
		found(text, r.names[text])
	}
}

// has reports whether a path exists, from the root or, as testdata/fuzz, from a package.
func (r *tree) has(path string) bool {
	if r.paths[path] {
		return true
	}
	for p := range r.paths {
		if strings.HasSuffix(p, "/"+path) {
			return true
		}
	}
	return false
}

func readTree(t *testing.T) *tree {
	t.Helper()
	r := &tree{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{},
		map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules"}, entry.Name()) {
			return filepath.SkipDir
		}
		relative = filepath.ToSlash(relative)
		r.paths[relative], r.files[entry.Name()] = true, true
		if !strings.Contains(relative, "/") {
			r.tops[relative] = true
		}
		if !entry.IsDir() && strings.HasSuffix(path, ".go") {
			return r.declarations(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile(`(?m)^([\w-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		r.targets[target[1]] = true
	}
	return r
}

// declarations adds the names that a file declares: functions, methods, types, fields, constants and variables.
func (r *tree) declarations(path string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(name *ast.Ident) {
		r.names[name.Name], r.packages[file.Name.Name+"."+name.Name] = true, true
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
				continue
			}
			r.names[d.Name.Name] = true
			receiver := d.Recv.List[0].Type
			if pointer, is := receiver.(*ast.StarExpr); is {
				receiver = pointer.X
			}
			if of, is := receiver.(*ast.Ident); is {
				r.names[of.Name+"."+d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						add(name)
					}
				case *ast.TypeSpec:
					add(s.Name)
					if fields, is := s.Type.(*ast.StructType); is {
						for _, field := range fields.Fields.List {
							for _, name := range field.Names {
								r.names[name.Name] = true
							}
						}
					}
				}
			}
		}
	}
	return nil
}
