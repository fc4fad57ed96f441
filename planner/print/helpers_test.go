package print

import (
	"flag"
	"io/fs"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/plannertest"
)

var update = flag.Bool("update", false, "rewrite the goldens under testdata")

func newPlan(t testing.TB, cfg *config.Config, files planner.Files) *planner.Plan {
	t.Helper()
	plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// fixture plans a fixture of package planner; nil if that has faults.
func fixture(t testing.TB, name string) *planner.Plan {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg, d, files := plannertest.Archive(t, ar)
	plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: d.BuildPlatform, Dir: "/w"})
	if diags.HasErrors() {
		return nil
	}
	return plan
}

// project is the plan of a monorepo.
func project(t testing.TB, services int) *planner.Plan {
	t.Helper()
	cfg, files := plannertest.Project(services)
	return newPlan(t, cfg, files)
}

// noFiles is a tree without files.
type noFiles struct{}

func (noFiles) List(string) ([]inputs.Entry, error) { return nil, nil }
func (noFiles) Open(string) (inputs.Content, error) { return nil, fs.ErrNotExist }

// samplePlan plans a sample as it is now.
func samplePlan(t testing.TB, p *plannertest.Sample) *planner.Plan {
	t.Helper()
	plan, diags := planner.New(p.Config(t), planner.Options{BuildPlatform: p.Platform, Dir: p.Dir})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}
