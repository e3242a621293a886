package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
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

// key names a constant in settings.go.
func (c *constant) key() string { return c.dir + " " + c.name }

// source is a file that is searched for constants.
type source struct {
	dir, path string
	text      []byte
	files     *token.FileSet
	found     []constant
}

// constants finds the named numbers of a package: constants, also those in functions; variables of the package and the
// numbers in its tables, as table[0], table[1]; and fields that a function sets to a duration. Constants counted by
// iota are words, not thresholds.
func constants(dir string) ([]constant, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("find the sources of %s: %w", dir, err)
	}
	var found []constant
	for _, name := range pkg.GoFiles {
		s := source{dir: dir, path: filepath.Join(dir, name), files: token.NewFileSet()}
		if s.text, err = os.ReadFile(s.path); err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(s.files, s.path, s.text, 0)
		if err != nil {
			return nil, fmt.Errorf("find constants: %w", err)
		}
		for _, decl := range tree.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok && decl.Tok == token.VAR {
				s.variables(decl)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				if n.Tok == token.CONST {
					s.constants(n)
				}
			case *ast.FuncDecl:
				s.durations(n)
			}
			return true
		})
		found = append(found, s.found...)
	}
	return found, nil
}

func (s *source) constants(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		spec := spec.(*ast.ValueSpec)
		for i, value := range spec.Values {
			if spec.Names[i].Name != "_" && isNumber(value) {
				s.add(spec.Names[i].Name, value)
			}
		}
	}
}

// variables finds variables that are numbers, and the numbers in tables. The keys of a map are words, not thresholds.
func (s *source) variables(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		spec := spec.(*ast.ValueSpec)
		for i, value := range spec.Values {
			name, n := spec.Names[i].Name, 0
			if isPlain(value) {
				s.add(name, value)
			}
			ast.Inspect(value, func(e ast.Node) bool {
				table, ok := e.(*ast.CompositeLit)
				if !ok {
					_, isFunc := e.(*ast.FuncLit)
					return !isFunc
				}
				for _, element := range table.Elts {
					if pair, ok := element.(*ast.KeyValueExpr); ok {
						element = pair.Value
					}
					if isPlain(element) {
						s.add(name+"["+strconv.Itoa(n)+"]", element)
						n++
					}
				}
				return true
			})
		}
	}
}

// durations finds the fields that a function sets to a duration.
func (s *source) durations(function *ast.FuncDecl) {
	ast.Inspect(function, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if field, ok := pair.Key.(*ast.Ident); ok && isPlain(pair.Value) && hasUnit(pair.Value) {
				s.add(function.Name.Name+"."+field.Name, pair.Value)
			}
		}
		return true
	})
}

func (s *source) add(name string, value ast.Expr) {
	from, to := s.files.Position(value.Pos()), s.files.Position(value.End())
	s.found = append(s.found, constant{
		dir: s.dir, file: s.path, line: from.Line, name: name,
		value: string(s.text[from.Offset:to.Offset]), from: from.Offset, to: to.Offset,
	})
}

// isNumber reports whether an expression contains a number other than 0, or a duration, and otherwise only operators
// and names except iota.
func isNumber(e ast.Expr) (number bool) {
	other := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			number = number || (n.Kind == token.INT || n.Kind == token.FLOAT) && n.Value != "0"
			other = other || n.Kind == token.STRING || n.Kind == token.CHAR || n.Kind == token.IMAG
		case *ast.Ident:
			other = other || n.Name == "iota"
		}
		return true
	})
	return (number || hasUnit(e)) && !other
}

// isPlain reports whether an expression is a number other than 0, or a duration, and nothing else. It is for values
// that are not declared as constants.
func isPlain(e ast.Expr) bool {
	if !isNumber(e) {
		return false
	}
	plain := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr: // a conversion
			switch fun := n.Fun.(type) {
			case *ast.Ident:
				plain = plain && types[fun.Name]
			case *ast.SelectorExpr:
				_, ok := fun.X.(*ast.Ident)
				plain = plain && ok && fun.Sel.IsExported()
			default:
				plain = false
			}
			for _, arg := range n.Args {
				plain = plain && isPlain(arg)
			}
			return false
		case *ast.SelectorExpr:
			plain = plain && hasUnit(n)
			return false
		case *ast.Ident, *ast.CompositeLit, *ast.FuncLit:
			plain = false
		}
		return plain
	})
	return plain
}

var types = map[string]bool{"int": true, "int32": true, "int64": true, "uint8": true, "uint16": true, "uint32": true,
	"uint64": true, "float64": true}

// hasUnit reports whether an expression names a duration of package time.
func hasUnit(e ast.Expr) (unit bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			x, ok := selector.X.(*ast.Ident)
			unit = unit || ok && x.Name == "time" && units[selector.Sel.Name]
		}
		return true
	})
	return unit
}

var units = map[string]bool{"Nanosecond": true, "Microsecond": true, "Millisecond": true, "Second": true,
	"Minute": true, "Hour": true}
