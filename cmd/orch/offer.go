package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/load"
)

// offerInit runs a command line, and offers on a terminal to write the definition
// that it lacks.
func offerInit(ctx context.Context, e *planning.Session, args []string) error {
	err := e.Again(ctx, args)
	var none *load.NoDefinition
	if !errors.As(err, &none) || len(none.Dockerfiles) == 0 || !e.CanAsk() {
		return err
	}
	e.Diag().PrintError(err)
	fmt.Fprint(e.Stderr, "\nWrite it now, and go on? [y/N] ")
	yes, askErr := cli.ReadAnswer(ctx, e.Stdin)
	if askErr != nil {
		return askErr
	}
	if !yes {
		return &cli.Failure{Code: cli.ExitUsage, Err: err}
	}
	if err := e.Again(ctx, []string{"init"}); err != nil {
		return err
	}
	return e.Again(ctx, args)
}
