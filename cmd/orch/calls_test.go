package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostBackUp is how many arrows between files of the planner's packages may run
// back up.
const mostBackUp = 19

// TestCallsBackUp reads each package of the planner as a reader does, file by file
// in the best order there is: an arrow leads from a file to another whose functions
// it calls. Nearly all lead on.
func TestCallsBackUp(t *testing.T) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", module+"planner/...").Output()
	if err != nil {
		t.Fatalf("listing the packages of the planner: %v", err)
	}
	exports, own := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		exports[f[0]] = f[1]
		if strings.HasPrefix(f[0]+"/", module+"planner/") {
			for _, name := range strings.Fields(f[3]) {
				own[f[0]] = append(own[f[0]], filepath.Join(f[2], name))
			}
		}
	}
	if len(own) < 10 {
		t.Fatalf("only %d packages: %v", len(own), own)
	}
	set := token.NewFileSet()
	imp := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	all, of := 0, 0
	for path, files := range own {
		arrows := callsBetween(t, set, imp, path, files)
		order, n := bestOrder(files, arrows)
		all, of = all+n, of+len(arrows)
		if n > 5 {
			t.Errorf("%s: %d of %d arrows run back up in %v", path, n, len(arrows), order)
		}
	}
	t.Logf("%d of %d arrows run back up", all, of)
	if all > mostBackUp {
		t.Errorf("%d arrows run back up in all packages of the planner, at most %d may", all, mostBackUp)
	}
}

// arrow says that one file calls another.
type arrow struct{ from, to string }

func callsBetween(t *testing.T, set *token.FileSet, imp types.Importer, path string, files []string) map[arrow]bool {
	t.Helper()
	var parsed []*ast.File
	for _, name := range files {
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: imp}).Check(path, set, parsed, info)
	if err != nil {
		t.Fatal(err)
	}
	arrows := map[arrow]bool{}
	for id, used := range info.Uses {
		if fn, ok := used.(*types.Func); ok && fn.Pkg() == pkg {
			if a := (arrow{set.Position(id.Pos()).Filename, set.Position(fn.Pos()).Filename}); a.from != a.to {
				arrows[a] = true
			}
		}
	}
	return arrows
}

// bestOrder moves single files for as long as that lets fewer arrows run back up.
func bestOrder(files []string, arrows map[arrow]bool) (order []string, back int) {
	order, back = files, backUp(files, arrows)
	for better := true; better; {
		better = false
		for i := range order {
			for k := range order {
				moved := slices.Insert(slices.Delete(slices.Clone(order), i, i+1), k, order[i])
				if n := backUp(moved, arrows); n < back {
					order, back, better = moved, n, true
				}
			}
		}
	}
	return order, back
}

func backUp(order []string, arrows map[arrow]bool) (n int) {
	at := map[string]int{}
	for i, name := range order {
		at[name] = i
	}
	for a := range arrows {
		if at[a.from] > at[a.to] {
			n++
		}
	}
	return n
}
