package bake

import (
	"fmt"
	"slices"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gitfact"
)

// sayMainLane names the lane of the main branch where it was found in the
// repository, and is not the one that anybody expects.
func sayMainLane(e *planning.Session, cfg *config.Config) {
	i := slices.IndexFunc(cfg.Targets, func(t *config.Target) bool { return t.Cache != nil })
	if i < 0 || e.Getenv("ORCH_CACHE_MAIN") != "" {
		return
	}
	branch, by := gitfact.Main(".")
	if branch == cfg.Targets[i].Cache.Main && branch != "main" {
		fmt.Fprintf(e.Stderr, "The cache lane of the main branch is %q: that is %s.\n", branch, by)
	}
}
