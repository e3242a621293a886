package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
)

// constant is a named number in a package's source.
type constant struct {
	dir, file string // file is a path
	line      int
	name      string
	value     string // as written
	from, to  int    // of the value in the file
}

func (c *constant) String() string {
	return fmt.Sprintf("%s:%d %s = %s", c.file, c.line, c.name, c.value)
}

// key names a constant in the list of those that are no thresholds.
func (c *constant) key() string { return c.dir + " " + c.name }

// constants finds the named numbers of a package, in functions too. Those counted by iota are words, not thresholds.
func constants(dir string) ([]constant, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("find the sources of %s: %w", dir, err)
	}
	var found []constant
	for _, name := range pkg.GoFiles {
		path := filepath.Join(dir, name)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, path, source, 0)
		if err != nil {
			return nil, fmt.Errorf("find constants: %w", err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, spec := range decl.Specs {
				spec := spec.(*ast.ValueSpec)
				for i, value := range spec.Values {
					if spec.Names[i].Name == "_" || !isNumber(value) {
						continue
					}
					from, to := files.Position(value.Pos()), files.Position(value.End())
					found = append(found, constant{
						dir: dir, file: path, line: from.Line, name: spec.Names[i].Name,
						value: string(source[from.Offset:to.Offset]), from: from.Offset, to: to.Offset,
					})
				}
			}
			return true
		})
	}
	return found, nil
}

// isNumber reports that an expression is made of a number that is not 0, or a duration, of operators and of names but
// iota.
func isNumber(e ast.Expr) (number bool) {
	other := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			number = number || (n.Kind == token.INT || n.Kind == token.FLOAT) && n.Value != "0"
			other = other || n.Kind == token.STRING || n.Kind == token.CHAR || n.Kind == token.IMAG
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			number = number || ok && x.Name == "time"
		case *ast.Ident:
			other = other || n.Name == "iota"
		}
		return true
	})
	return number && !other
}
