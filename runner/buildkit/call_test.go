package buildkit

import (
	"os"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// inlinePlan plans targets by the text of their Dockerfiles.
func inlinePlan(t *testing.T, dockerfiles map[string]string) *planner.Plan {
	t.Helper()
	cfg := &config.Config{}
	for name, text := range dockerfiles {
		cfg.Targets = append(cfg.Targets, &config.Target{Name: name, Context: config.Context{Value: "."}, DockerfileInline: &text})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	plan, diags := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64", Dir: t.TempDir()})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// TestAskSharedBase asks about targets that start from one image, which only a
// builder can look at: there is no answer for any of them, and not an error for
// all but the first.
func TestAskSharedBase(t *testing.T) {
	plan := inlinePlan(t, map[string]string{
		"a": "FROM example.com/base:1\nRUN a", "b": "FROM example.com/base:1\nRUN b", "c": "FROM scratch\nENV A=1",
	})
	method := func(*planner.Build) string { return "lint" }
	answers, err := (&Question{Plan: plan, Builds: plan.Builds, Method: method}).Ask(t.Context(), Options{LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	for b, a := range answers {
		if b.Name() != "c" || a.Err != nil {
			t.Errorf("target %s: %v", b.Name(), a.Err)
		}
	}
	if len(answers) != 1 {
		t.Errorf("%d answers, want that for c", len(answers))
	}
}
