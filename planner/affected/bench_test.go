package affected

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// BenchmarkCompare compares two commits of a repository of 50,000 files and 500
// targets: both are read from git's objects, planned, and summed up.
func BenchmarkCompare(b *testing.B) {
	const targets, files = 500, 100
	if _, err := exec.LookPath("git"); err != nil {
		b.Skip("needs git")
	}
	dir := b.TempDir()
	git := func(in []byte, args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git(nil, "init", "-q", "-b", "main")
	git(history(targets, files), "fast-import", "--quiet")
	git(nil, "checkout", "-q", "main")
	b.Chdir(dir)
	b.ReportAllocs()
	for b.Loop() {
		base, head := stateAt(b, dir, "main~1", targets), stateAt(b, dir, "main", targets)
		if list := Compare(base, head, Publish); len(list) != 2 {
			b.Fatalf("%d affected, want 2: %v", len(list), list)
		}
	}
}

// history is a repository as git fast-import reads it: a commit with all files,
// and one that changes two of them.
func history(targets, files int) []byte {
	var b bytes.Buffer
	commit := func() {
		b.WriteString("commit refs/heads/main\ncommitter a <a@example.com> 1700000000 +0000\ndata 1\nx\n")
	}
	file := func(name, text string) {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	commit()
	file("Dockerfile", "FROM scratch AS base\nARG NAME\nRUN setup\nFROM base\nCOPY src src\nRUN make $NAME\n")
	for i := range targets {
		for n := range files {
			file(fmt.Sprintf("t%d/src/%d/%d", i, n%5, n), fmt.Sprint(i, n))
		}
	}
	commit()
	file("t7/src/0/0", "changed")
	file("t9/src/1/1", "changed")
	return b.Bytes()
}

func stateAt(b *testing.B, dir, rev string, targets int) *State {
	tree, err := gittree.Open(b.Context(), dir, rev)
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	cfg := &config.Config{}
	for i := range targets {
		cfg.Targets = append(cfg.Targets, &config.Target{
			Name: fmt.Sprint("t", i), Dockerfile: "cwd://Dockerfile", Context: config.Context{Value: fmt.Sprint("t", i)},
			Args: map[string]string{"NAME": fmt.Sprint(i)},
		})
	}
	plan, diags := planner.New(cfg, planner.Options{Files: tree, BuildPlatform: "linux/amd64", Dir: dir})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	s, err := Compute(b.Context(), plan, inputs.Options{Tree: Tree{tree}, Files: tree}, digest.Options{Files: tree, GitModes: true}, dir)
	if err != nil {
		b.Fatal(err)
	}
	return s
}
