package main

import (
	"context"
	"errors"

	"github.com/orch-build/orch/config"
)

// runBake builds the targets of a definition.
func runBake(_ context.Context, _ *env, _ *config.Config, _ *bakeOptions) error {
	return errors.New("building is not wired up yet")
}
