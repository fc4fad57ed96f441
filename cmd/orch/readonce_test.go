package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestAttributesAreReadOnce finds code outside of package config that says for
// itself what an attribute of an output, a cache or an attestation means:
// config reads it once, so that all agree.
func TestAttributesAreReadOnce(t *testing.T) {
	for _, dir := range []string{"../../planner", "../../runner", "../../cmd", "../../config/permission", "../../convert", "../../load", "../../report", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if readsFlag(n) {
					t.Errorf("%s: an attribute is read again; add what is asked to config.Output, CacheEntry or Attest", set.Position(n.Pos()))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readsFlag says whether a node compares an attribute with "true" or "false",
// or parses it as a boolean.
func readsFlag(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return isAttribute(n.X) && isFlagText(n.Y) || isAttribute(n.Y) && isFlagText(n.X)
	case *ast.CallExpr:
		name, _ := n.Fun.(*ast.SelectorExpr)
		return name != nil && name.Sel.Name == "ParseBool" && len(n.Args) == 1 && isAttribute(n.Args[0])
	}
	return false
}

func isFlagText(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && (lit.Value == `"true"` || lit.Value == `"false"`)
}

// isAttribute says whether an expression is x.Attrs[…] or attrs[…].
func isAttribute(e ast.Expr) bool {
	index, ok := e.(*ast.IndexExpr)
	if !ok {
		return false
	}
	switch x := index.X.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "Attrs"
	case *ast.Ident:
		return x.Name == "attrs"
	}
	return false
}
