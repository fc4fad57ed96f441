package planner

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestPlanIsPlain keeps a plan free of state that only some packages see: whatever is
// in it can be printed and compared.
func TestPlanIsPlain(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Plan](), reflect.TypeFor[Graph](), reflect.TypeFor[Build](), reflect.TypeFor[Vertex](), reflect.TypeFor[Edge](),
	} {
		for i := range typ.NumField() {
			if f := typ.Field(i); !f.IsExported() {
				t.Errorf("%s has the hidden field %s", typ.Name(), f.Name)
			}
		}
	}
}

// TestNoChainOfReceivers finds a type that embeds another one which makes the plan:
// they are parted by what each of them sees, and who embeds another sees all of it.
// What the plan consists of may be embedded.
func TestNoChainOfReceivers(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range s.Fields.List {
				if len(f.Names) > 0 {
					continue
				}
				typ := f.Type
				if p, ok := typ.(*ast.StarExpr); ok {
					typ = p.X
				}
				if id, ok := typ.(*ast.Ident); ok && !id.IsExported() {
					t.Errorf("%s: %s is embedded", set.Position(f.Pos()), id.Name)
				}
			}
			return true
		})
	}
}
