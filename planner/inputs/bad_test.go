//go:build linux

package inputs

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// TestReadOnlyContext needs nothing in the context but to read it.
func TestReadOnlyContext(t *testing.T) {
	p := newSample(t)
	p.inputs(t) // writes the Dockerfile
	dir := filepath.Join(p.Dir, "ctx")
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("only root may mount")
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Targets: []*config.Target{p.Target}, Chosen: []string{"app"}}
	plan, diags := planner.New(cfg, planner.Options{BuildPlatform: "linux/amd64", Dir: p.Dir})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if in, diags := Compute(plan, Options{}); diags.HasErrors() || len(in.Build(plan.Builds[0]).Open) > 0 {
		t.Errorf("%v, open for %v", diags, in.Build(plan.Builds[0]).Open)
	}
}

// TestInvalidIgnoreFile says which pattern cannot be read.
func TestInvalidIgnoreFile(t *testing.T) {
	for _, pattern := range []string{"a[", "!", "x[z-a]"} {
		p := newSample(t)
		p.Write(t, "ctx/.dockerignore", pattern+"\n")
		_, diags := Read(p.plan(t), Options{})
		if !diags.HasErrors() || diags[0].Summary != "Invalid ignore file" {
			t.Errorf("%q: %v", pattern, diags)
		}
	}
}

// TestLongIgnoreLine names the line that is too long.
func TestLongIgnoreLine(t *testing.T) {
	p := newSample(t)
	p.Write(t, "ctx/.dockerignore", "a\nb\n"+strings.Repeat("x", 1<<20)+"\nc\n")
	_, diags := planner.New(p.Config(t), planner.Options{BuildPlatform: p.Platform, Dir: p.Dir})
	if !diags.HasErrors() || !strings.HasPrefix(diags[0].Detail, "Line 3 of ") || !strings.HasSuffix(diags[0].Detail, "ctx/.dockerignore is longer than 65536 bytes.") {
		t.Error(diags)
	}
}

func TestExcess(t *testing.T) {
	p := newSample(t)
	p.Dockerfile = "FROM scratch\nCOPY src /\n"
	p.Write(t, "ctx/node_modules/a/big", strings.Repeat("x", 20<<20))
	p.Write(t, "ctx/dist/[1].js", strings.Repeat("x", 2<<20))
	for _, most := range []int{0, 1000} {
		reads, _ := Read(p.plan(t), Options{All: true, Most: most})
		list := reads.Excess()
		if len(list) != 1 || len(list[0].Culprits) != 2 {
			t.Fatalf("with %d: %+v", most, list)
		}
		for i, want := range []string{"node_modules", "dist"} {
			if got := list[0].Culprits[i].Ignore(); got != want {
				t.Errorf("line %d is %q, want %q", i, got, want)
			}
		}
	}
	// The lines that are suggested do what they say.
	p.Write(t, "ctx/.dockerignore", "node_modules\ndist\n")
	reads, _ := Read(p.plan(t), Options{All: true})
	if list := reads.Excess(); len(list) != 0 {
		t.Errorf("still %+v", list)
	}
	if got := (Culprit{Path: "!a/[1]*"}).Ignore(); got != `/!a/\[1\]\*` {
		t.Errorf("the line is %s", got)
	}
}
