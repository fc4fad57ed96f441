package main

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAttributesAreReadOnce finds code outside of package config that says for
// itself what an attribute of an output, a cache or an attestation means:
// config reads it once, so that all agree.
func TestAttributesAreReadOnce(t *testing.T) {
	dirs := []string{"planner", "runner", "cmd", "config/permission", "convert", "load", "report", "internal"}
	for _, at := range found(t, readsFlag, dirs...) {
		t.Errorf("%s: an attribute is read again; add what is asked to config.Output, CacheEntry or Attest", at)
	}
}

// found says where in the code below folders of the repository something is.
func found(t *testing.T, is func(ast.Node) bool, dirs ...string) []token.Position {
	t.Helper()
	var out []token.Position
	set := token.NewFileSet()
	for _, files := range sources(t, set) {
		for _, f := range files {
			name := repoName(t, set.Position(f.Pos()).Filename)
			if !slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir+"/") }) {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if is(n) {
					at := set.Position(n.Pos())
					at.Filename = name
					out = append(out, at)
				}
				return true
			})
		}
	}
	return out
}

// repoName is a file's name from the top of the repository.
func repoName(t *testing.T, path string) string {
	t.Helper()
	name, err := filepath.Rel(docsRoot, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(name)
}

// platformTexts are the files that read a platform which somebody else has written
// than the author of build.hcl, by what they read it from.
var platformTexts = map[string]string{
	"planner/names.go":                   "FROM --platform of a Dockerfile",
	"planner/new.go":                     "what the caller says of the builder",
	"planner/digest/memory.go":           "the memory of digests",
	"planner/shard/file.go":              "a plan of shards",
	"planner/plannertest/definition.go":  "the definitions of tests",
	"runner/bundle/closure.go":           "the index of a bundle",
	"runner/pin/pin.go":                  "the lock",
	"runner/builders/hclfile/hclfile.go": "builders.hcl",
}

// TestPlatformsAreReadOnce finds code outside of package config that reads the text of
// a platform: those of targets are config.Platform and Build.Specs, that of the builder
// is Plan.Platform.
func TestPlatformsAreReadOnce(t *testing.T) {
	met := map[string]bool{}
	for _, at := range found(t, readsPlatform, "planner", "runner", "cmd", "convert", "load", "report", "internal") {
		met[at.Filename] = true
		if platformTexts[at.Filename] == "" {
			t.Errorf("%s: a platform is read again; hand on the platform itself", at)
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
	_, from, name := calledIn(n)
	return from == "platforms" && (name == "Parse" || name == "MustParse" || name == "ParseAll") || from != "" && (name == "ParsePlatform" || name == "ParsePlatforms")
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
