package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackageVariables demands that variables of packages are never assigned to after
// they got their value: they are tables, patterns and errors. What changes is a field
// of something that is handed on.
func TestPackageVariables(t *testing.T) {
	set := token.NewFileSet()
	for _, files := range sources(t, set) {
		for _, place := range assigned(files) {
			t.Errorf("%s: %s is a variable of the package: make it a field", set.Position(place.Pos()), place.Name)
		}
	}
}

// TestRegexps demands that no regular expression is compiled when orch starts, of which
// it has more than a hundred. See internal/lazyregexp.
func TestRegexps(t *testing.T) {
	set := token.NewFileSet()
	for _, files := range sources(t, set) {
		for _, f := range files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				ast.Inspect(g, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok && isCompile(call.Fun) {
						t.Errorf("%s is compiled when the program starts: take lazyregexp.New", set.Position(call.Pos()))
					}
					_, later := n.(*ast.FuncLit)
					return !later
				})
			}
		}
	}
}

// isCompile says whether a function is regexp.MustCompile, or one like it.
func isCompile(fn ast.Expr) bool {
	sel, ok := fn.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == "regexp" && strings.HasPrefix(sel.Sel.Name, "MustCompile")
}

// mostBools is how many parameters of functions may be plain bools. A call with "true"
// does not say what is true: an option with a name does, or two functions.
const mostBools = 43

func TestBoolParameters(t *testing.T) {
	set := token.NewFileSet()
	var all []string
	for _, files := range sources(t, set) {
		for _, f := range files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					for range bools(fn) {
						all = append(all, set.Position(fn.Pos()).String()+" "+fn.Name.Name)
					}
				}
			}
		}
	}
	if len(all) > mostBools {
		slices.Sort(all)
		t.Errorf("%d parameters are bools, more than %d; give those that are new a type with named values:\n%s", len(all), mostBools, strings.Join(all, "\n"))
	}
}

// bools counts the parameters of a function that are bools.
func bools(fn *ast.FuncDecl) int {
	n := 0
	for _, p := range fn.Type.Params.List {
		if id, ok := p.Type.(*ast.Ident); ok && id.Name == "bool" {
			n += max(1, len(p.Names))
		}
	}
	return n
}

// sources are the files of each package, without tests.
func sources(t *testing.T, set *token.FileSet) map[string][]*ast.File {
	t.Helper()
	packages := map[string][]*ast.File{}
	err := filepath.WalkDir(docsRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != docsRoot) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], f)
		return err
	})
	if err != nil || len(packages) < 100 {
		t.Fatalf("%d packages: %v", len(packages), err)
	}
	return packages
}

// assigned are the places in the files of a package that assign to its variables.
func assigned(files []*ast.File) []*ast.Ident {
	names, specs := map[string]bool{}, map[any]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, s := range g.Specs {
					specs[s] = true
					for _, n := range s.(*ast.ValueSpec).Names {
						names[n.Name] = n.Name != "_"
					}
				}
			}
		}
	}
	var out []*ast.Ident
	check := func(targets ...ast.Expr) {
		for _, e := range targets {
			// A name of another file has no object.
			if id := root(e); id != nil && names[id.Name] && (id.Obj == nil || specs[id.Obj.Decl]) {
				out = append(out, id)
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.AssignStmt:
				if x.Tok != token.DEFINE {
					check(x.Lhs...)
				}
			case *ast.IncDecStmt:
				check(x.X)
			}
			return true
		})
	}
	return out
}

// root is the variable in which something is that is assigned to.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			return x
		default:
			return nil
		}
	}
}
