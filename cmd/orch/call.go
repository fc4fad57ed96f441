package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/question"
)

var errCall = errors.New("the frontend found something")

// call asks the frontend about the targets that have a call, and builds the
// others.
func (e *env) call(ctx context.Context, cfg *config.Config, flag question.Call, opt runOptions) error {
	plan, err := e.planned(ctx, cfg, planning{})
	if err != nil {
		return err
	}
	if rest := question.BuiltOnly(cfg); len(rest.Chosen) > 0 {
		if err := e.build(ctx, rest, opt); err != nil {
			return err
		}
	}
	q, err := e.asker(plan, question.Builds(plan), opt.builder, opt.progress)
	if err != nil {
		return err
	}
	q.Method = func(b *planner.Build) string { return question.Method(b.Target) }
	answers, err := q.Ask(ctx)
	if err != nil {
		return err
	}
	if opt.metadataFile != "" {
		if err := question.WriteMetadata(opt.metadataFile, q.Builds, answers); err != nil {
			return err
		}
	}
	var code int
	if flag.JSON {
		code, err = question.PrintJSON(e.stdout, cfg, q.Builds, answers, flag)
	} else {
		code, err = question.Print(e.stdout, q.Builds, answers, flag)
	}
	if err == nil && code != 0 {
		return &errReported{code: code, err: errCall}
	}
	return err
}

// asker asks about builds; progress is how that is shown.
func (e *env) asker(plan *planner.Plan, builds []*planner.Build, flags *builderFlags, progress string) (*question.Asker, error) {
	source, err := sourcePolicy(e)
	if err != nil {
		return nil, err
	}
	if progress == "auto" {
		progress = "quiet"
	}
	return &question.Asker{
		Plan: plan, Builds: builds,
		Options: buildkit.Options{
			ClientID: e.clientID(), LookupEnv: e.lookup, Stdout: e.stdout,
			SourcePolicy: source, Policy: e.evaluator(),
		},
		Connect: func(ctx context.Context) (*builder.Builder, error) { return flags.connect(ctx, e) },
		Display: func() (func(runner.Event), func(), error) {
			display, err := newDisplay(e, progress, len(plan.Builds), nil)
			if err != nil {
				return nil, nil, usage.Wrap(err)
			}
			return display.Event, func() { display.Close() }, nil
		},
	}, nil
}

// lint has BuildKit's frontend look at the Dockerfiles of all targets.
func (e *env) lint(ctx context.Context, plan *planner.Plan, flags *builderFlags) (hcl.Diagnostics, error) {
	builds := slices.Clone(plan.Builds)
	slices.SortFunc(builds, func(a, b *planner.Build) int { return strings.Compare(a.Name(), b.Name()) })
	q, err := e.asker(plan, builds, flags, "quiet")
	if err != nil {
		return nil, err
	}
	q.Method = func(*planner.Build) string { return "lint" }
	answers, err := q.Ask(ctx)
	if err != nil {
		return nil, err
	}
	return question.Findings(builds, answers), nil
}
