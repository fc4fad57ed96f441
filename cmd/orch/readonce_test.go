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

// platformTexts are the files that read a platform which somebody else has written
// than the author of build.hcl, by what they read it from.
var platformTexts = map[string]string{
	"planner/names.go":                   "FROM --platform of a Dockerfile",
	"planner/new.go":                     "what the caller says of the builder",
	"planner/digest/memory.go":           "the memory of digests",
	"runner/bundle/closure.go":           "the index of a bundle",
	"runner/pin/pin.go":                  "the lock",
	"runner/builders/hclfile/hclfile.go": "builders.hcl",
}

// TestPlatformsAreReadOnce finds code outside of package config that reads the text of
// a platform: those of targets are config.Platform and Build.Specs, that of the builder
// is Plan.Platform.
func TestPlatformsAreReadOnce(t *testing.T) {
	met := map[string]bool{}
	for _, dir := range []string{"planner", "runner", "cmd", "convert", "load", "report", "internal"} {
		err := filepath.WalkDir(filepath.Join(docsRoot, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(docsRoot, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			ast.Inspect(file, func(n ast.Node) bool {
				if !readsPlatform(n) {
					return true
				}
				met[name] = true
				if platformTexts[name] == "" {
					t.Errorf("%s: a platform is read again; hand on the platform itself", set.Position(n.Pos()))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, what := range platformTexts {
		if !met[name] {
			t.Errorf("%s reads no platform from %s any more: take it off the list", name, what)
		}
	}
}

// readsPlatform says whether a node is a call that makes a platform out of a text.
func readsPlatform(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := name.X.(*ast.Ident)
	return ok && (from.Name == "platforms" && (name.Sel.Name == "Parse" || name.Sel.Name == "MustParse" || name.Sel.Name == "ParseAll") ||
		name.Sel.Name == "ParsePlatform")
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
