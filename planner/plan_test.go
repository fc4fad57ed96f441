package planner

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/plannertest"
)

// memory is a file system for tests; the working directory is its root.
type memory = plannertest.Files

// planOf plans a fixture.
func planOf(t testing.TB, ar *txtar.Archive) (*config.Config, *Plan, hcl.Diagnostics) {
	t.Helper()
	cfg, d, files := plannertest.Archive(t, ar)
	plan, diags := New(cfg, Options{Files: files, BuildPlatform: d.BuildPlatform, Dir: "/w"})
	return cfg, plan, diags
}
