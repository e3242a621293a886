package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// model has the declarations of the sources.
type model struct {
	structs map[string]*structure // by package and name: record.Endpoint
	words   map[string]*words
	marshal map[string]bool   // types whose zero value is null in JSON
	defs    map[string]string // the names of the types' definitions in the schema
}

// structure is a struct of the record.
type structure struct {
	pkg, name string
	doc       string // its first paragraph, as a description
	fields    []field
}

func (s *structure) String() string { return s.pkg + "." + s.name }

// field is a field with a name in JSON.
type field struct {
	name, json string
	doc        string
	typ        kind
	value      string // its only value; "" for none
	null       bool
	nulls      bool // the values of a map can be null
	ref        string
	min, max   string
	items      string
	deprecated bool
	enum       []string
	keys       []string
	csv        string
}

// kind is a type: a name, or a composition of other types.
type kind struct {
	of   byte   // 'n' name, '*' pointer, 'l' list, 'm' map by string
	name string // record.Time, uint64
	elem *kind
}

// words is a string type whose values are all constants.
type words struct {
	name   string
	doc    string
	list   []string
	docs   []string // of each
	consts []string
}

// load reads packages below a directory.
func load(root string, dirs []string) (*model, error) {
	m := &model{structs: map[string]*structure{}, words: map[string]*words{}, marshal: map[string]bool{}}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("there are no sources in %s", filepath.Join(root, dir))
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_generated.go") {
				continue
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, source,
				parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			if err := m.read(path.Base(dir), file); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, s := range m.structs {
		for _, f := range s.fields {
			if f.null && m.words[f.typ.name] != nil {
				m.marshal[f.typ.name] = true
			}
		}
	}
	return m, nil
}

func (m *model) read(pkg string, file *ast.File) error {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && d.Name.Name == "MarshalJSON" {
				if id, ok := d.Recv.List[0].Type.(*ast.Ident); ok {
					m.marshal[pkg+"."+id.Name] = true
				}
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					doc := s.Doc
					if doc == nil {
						doc = d.Doc
					}
					if err := m.readType(pkg, s, doc); err != nil {
						return err
					}
				case *ast.ValueSpec:
					m.readConst(pkg, d.Tok, s)
				}
			}
		}
	}
	return nil
}

func (m *model) readType(pkg string, s *ast.TypeSpec, doc *ast.CommentGroup) error {
	description := ""
	if doc != nil {
		description = sentence(s.Name.Name, doc.Text())
	}
	switch t := s.Type.(type) {
	case *ast.Ident:
		if t.Name == "string" {
			m.word(pkg + "." + s.Name.Name).doc = description
		}
	case *ast.StructType:
		st := &structure{pkg: pkg, name: s.Name.Name, doc: description}
		for _, f := range t.Fields.List {
			if f.Tag == nil || len(f.Names) != 1 {
				continue
			}
			one, reported, err := readField(pkg, f)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", s.Name.Name, f.Names[0].Name, err)
			}
			if reported {
				st.fields = append(st.fields, one)
			}
		}
		if len(st.fields) > 0 {
			m.structs[st.String()] = st
		}
	}
	return nil
}

// sentence is the first paragraph of a type's comment without the type's name at its begin.
func sentence(name, doc string) string {
	doc, _, _ = strings.Cut(doc, "\n\n")
	doc = strings.Join(strings.Fields(doc), " ")
	for _, article := range []string{"", "A ", "An "} {
		for _, verb := range []string{" is ", " are "} {
			if rest, found := strings.CutPrefix(doc, article+name+verb); found {
				first, size := utf8.DecodeRuneInString(rest)
				return string(unicode.ToUpper(first)) + rest[size:]
			}
		}
	}
	return doc
}

func readField(pkg string, f *ast.Field) (one field, reported bool, err error) {
	text, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return one, false, err
	}
	tag := reflect.StructTag(text)
	one.name, one.json = f.Names[0].Name, tag.Get("json")
	if one.json == "" || one.json == "-" {
		return one, false, nil
	}
	for _, c := range []*ast.CommentGroup{f.Doc, f.Comment} {
		if c != nil {
			one.doc = strings.Join(strings.Fields(c.Text()), " ")
		}
	}
	if one.typ, err = readKind(pkg, f.Type); err != nil {
		return one, false, err
	}
	one.value, one.csv = tag.Get("const"), tag.Get("csv")
	for option := range strings.SplitSeq(tag.Get("field"), ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "":
		case "null":
			one.null = true
		case "deprecated":
			one.deprecated = true
		case "ref":
			one.ref = value
		case "min":
			one.min = value
		case "max":
			one.max = value
		case "items":
			one.items = value
		case "values":
			one.nulls = value == "null"
		case "enum":
			one.enum = strings.Split(value, "|")
		case "keys":
			one.keys = strings.Split(value, "|")
		default:
			return one, false, fmt.Errorf("there is no option %q of the tag field", option)
		}
	}
	return one, true, nil
}

func readKind(pkg string, e ast.Expr) (kind, error) {
	of := func(c byte, e ast.Expr) (kind, error) {
		elem, err := readKind(pkg, e)
		return kind{of: c, elem: &elem}, err
	}
	switch e := e.(type) {
	case *ast.Ident:
		if ast.IsExported(e.Name) {
			return kind{of: 'n', name: pkg + "." + e.Name}, nil
		}
		return kind{of: 'n', name: e.Name}, nil
	case *ast.SelectorExpr:
		return kind{of: 'n', name: e.X.(*ast.Ident).Name + "." + e.Sel.Name}, nil
	case *ast.StarExpr:
		return of('*', e.X)
	case *ast.ArrayType:
		return of('l', e.Elt)
	case *ast.MapType:
		return of('m', e.Value)
	}
	return kind{}, fmt.Errorf("a field cannot be a %T", e)
}

func (m *model) word(name string) *words {
	if m.words[name] == nil {
		_, plain, _ := strings.Cut(name, ".")
		m.words[name] = &words{name: plain}
	}
	return m.words[name]
}

func (m *model) readConst(pkg string, tok token.Token, s *ast.ValueSpec) {
	id, typed := s.Type.(*ast.Ident)
	if tok != token.CONST || !typed || len(s.Values) != 1 {
		return
	}
	literal, ok := s.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	value, _ := strconv.Unquote(literal.Value) // cannot fail: it was parsed
	if value == "" {
		return // null
	}
	w := m.word(pkg + "." + id.Name)
	doc := ""
	for _, c := range []*ast.CommentGroup{s.Doc, s.Comment} {
		if c != nil {
			doc = strings.Join(strings.Fields(c.Text()), " ")
		}
	}
	w.list, w.docs, w.consts = append(w.list, value), append(w.docs, doc), append(w.consts, s.Names[0].Name)
}

// reach returns roots and the structs that they contain, each once.
func (m *model) reach(roots ...string) (list []*structure) {
	var visit func(name string)
	visit = func(name string) {
		s := m.structs[name]
		if s == nil || slices.Contains(list, s) {
			return
		}
		list = append(list, s)
		for _, f := range s.fields {
			k := &f.typ
			for k.elem != nil {
				k = k.elem
			}
			visit(k.name)
		}
	}
	for _, r := range roots {
		visit(r)
	}
	return list
}
