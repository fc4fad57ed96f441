package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFollowingResolve keeps the package readable: it goes from Resolve through
// each function that is called, in the order of the calls, and counts how often
// the way leads to another file. A call into another package ends there: its
// documentation says what it does.
func TestFollowingResolve(t *testing.T) {
	const most = 40
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	functions, packages := map[string]*ast.FuncDecl{}, map[string]bool{}
	for _, name := range names {
		f, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range f.Imports {
			packages[path.Base(strings.Trim(im.Path.Value, `"`))] = true
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				functions[fn.Name.Name] = fn
			}
		}
	}
	var stops []string
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		fn := functions[name]
		if fn == nil || seen[name] {
			return
		}
		seen[name] = true
		if file := files.Position(fn.Pos()).Filename; len(stops) == 0 || stops[len(stops)-1] != file {
			stops = append(stops, file)
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				switch f := call.Fun.(type) {
				case *ast.Ident:
					follow(f.Name)
				case *ast.SelectorExpr:
					// A function of another package is not one of here.
					if x, ok := f.X.(*ast.Ident); !ok || x.Obj != nil || !packages[x.Name] {
						follow(f.Sel.Name)
					}
				}
			}
			return true
		})
	}
	follow("Resolve")
	if len(stops) >= most || len(seen) < 50 {
		t.Errorf("following Resolve goes through %d functions with %d stops: %s", len(seen), len(stops), strings.Join(stops, ", "))
	}
	if n := len(names); n > 25 {
		t.Errorf("the package has %d files: move a part of it into a package of its own", n)
	}
	t.Logf("%d stops between files, %d functions", len(stops), len(seen))
}
