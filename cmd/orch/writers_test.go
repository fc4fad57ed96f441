package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
	"github.com/orch-build/orch/internal/need"
)

// elsewhere are the functions that may write files without internal/output, and
// why.
var elsewhere = map[string]string{
	"internal/program":                  "a program that is unpacked for a moment",
	"runner/embedded/internal/intact":   "damaged parts of the builder's own state are renamed",
	"runner/embedded/internal/state":    "the log and the reserve of the builder, in its own folder",
	"runner/embedded/server/orphans.go": "folders in the builder's own state are renamed before they are removed",
	"runner/embedded/server/serve.go":   "the builder's socket and the name of its process",
	"runner/publish/journal.go":         "a journal that cannot be read is moved as it is",
	"scripts/build":                     "the program that builds orch",
	"release":                           "the program that packs releases",
	"internal/golden":                   "tests",
	"planner/plannertest":               "tests",
	"internal/plugin/install.go":        "links to orch, and plugins that are moved out of their way",
	"runner/buildkit/buildkittest":      "tests",
}

// TestWriters finds code that writes files without the package that does so
// for all of orch.
func TestWriters(t *testing.T) {
	root := filepath.Join("..", "..")
	out, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.go").Output()
	if err != nil {
		need.Missing(t, "git, or no repository")
	}
	for _, name := range strings.Fields(string(out)) {
		_, isIt := strings.CutPrefix(name, "internal/output/")
		if isIt || strings.HasSuffix(name, "_test.go") || elsewhere[name] != "" || elsewhere[filepath.ToSlash(filepath.Dir(name))] != "" {
			continue
		}
		path := filepath.Join(root, name)
		if _, err := os.Stat(path); err != nil {
			continue // removed, and not yet committed
		}
		for _, call := range writes(t, path) {
			t.Errorf("%s: %s: write through internal/output", name, call)
		}
	}
}

// calledIn takes a call of the form PACKAGE.NAME(…) apart; the names of another node are "".
func calledIn(n ast.Node) (call *ast.CallExpr, pkg, name string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil, "", ""
	}
	called, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return call, "", ""
	}
	from, ok := called.X.(*ast.Ident)
	if !ok {
		return call, "", called.Sel.Name
	}
	return call, from.Name, called.Sel.Name
}

// writes lists the calls in a file that write, make or move files.
func writes(t *testing.T, path string) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, pkg, name := calledIn(n)
		if pkg != "os" && pkg != "ioutil" && pkg != "unix" && pkg != "syscall" {
			return true
		}
		if slices.Contains([]string{"Create", "CreateTemp", "WriteFile", "Rename", "Symlink", "Link", "Truncate", "TempFile"}, name) ||
			name == "OpenFile" && forWriting(call) {
			out = append(out, set.Position(call.Pos()).String()+": "+pkg+"."+name)
		}
		return true
	})
	return out
}

// forWriting says whether the flags of an os.OpenFile, which are in the call
// or not, are for more than reading.
func forWriting(call *ast.CallExpr) bool {
	if len(call.Args) != 3 {
		return true
	}
	f, ok := call.Args[1].(*ast.SelectorExpr)
	return !ok || f.Sel.Name != "O_RDONLY"
}

// TestFileFlags wants a decision for every flag that names a file: what writes
// is tried with every kind of file by the end-to-end tests.
func TestFileFlags(t *testing.T) {
	known := map[string]string{}
	data, err := os.ReadFile("testdata/fileflags.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] != "#" {
			known[strings.Join(f[:len(f)-1], " ")] = f[len(f)-1]
		}
	}
	found := map[string]bool{}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		_, name, _ := strings.Cut(cmd.CommandPath(), " ")
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value, _ := pflag.UnquoteUsage(f)
			if slices.Contains([]string{"FILE", "FOLDER", "DIR", "PATH", "DEST"}, value) {
				found[name+" --"+f.Name] = true
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	var out bytes.Buffer
	visit(newRootCommand(planning.New(machine.New(&cli.Env{Stdin: &out, Stdout: &out, Stderr: &out, Lookup: os.LookupEnv, Environ: os.Environ}, whole.Parts{})), nil))
	for flag := range found {
		if known[flag] != "reads" && known[flag] != "writes" {
			t.Errorf("%s names a file: say in testdata/fileflags.txt whether it reads or writes", flag)
		}
	}
	for flag := range known {
		if !found[flag] {
			t.Errorf("there is no %s any more: take it out of testdata/fileflags.txt", flag)
		}
	}
}
