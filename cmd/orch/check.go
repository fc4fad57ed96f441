package main

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit"
)

// lint has BuildKit's frontend look at the Dockerfiles of all targets; a
// warning about a file that several targets have is there once.
func lint(ctx context.Context, e *env, plan *planner.Plan, flags *builderFlags) (hcl.Diagnostics, error) {
	builds := slices.Clone(plan.Builds)
	slices.SortFunc(builds, func(a, b *planner.Build) int { return strings.Compare(a.Name(), b.Name()) })
	q := question{env: e, plan: plan, builds: builds, builder: flags, progress: "quiet"}
	q.method = func(*planner.Build) string { return "lint" }
	answers, err := q.ask(ctx)
	if err != nil {
		return nil, err
	}
	var out hcl.Diagnostics
	seen := map[string]bool{}
	for _, b := range builds {
		for _, d := range lintOf(answers[b]) {
			if key := d.Error(); !seen[key] {
				seen[key] = true
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func lintOf(a *buildkit.Answer) hcl.Diagnostics {
	if a == nil {
		return nil
	}
	return a.Findings()
}

// stricter makes errors of warnings.
func stricter(diags hcl.Diagnostics) {
	for _, d := range diags {
		d.Severity = hcl.DiagError
	}
}
