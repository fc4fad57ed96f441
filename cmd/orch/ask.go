package main

import (
	"context"
	"github.com/orch-build/orch/internal/usage"
	"maps"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// question is what BuildKit's frontend is asked about builds.
type question struct {
	*env
	plan     *planner.Plan
	builds   []*planner.Build
	method   func(*planner.Build) string
	builder  *builderFlags
	progress string
	source   *buildkit.SourcePolicy
}

// ask puts the question to the frontend in this process. What that cannot answer
// by itself, a builder does: base images have to be looked at, and other
// frontends run. Without a builder, registries are asked for the base images.
func (q *question) ask(ctx context.Context) (map[*planner.Build]*buildkit.Answer, error) {
	source, err := sourcePolicy(q.env)
	if err != nil {
		return nil, err
	}
	q.source = source
	answers, err := buildkit.Ask(ctx, q.plan, q.builds, q.method, q.options(), false)
	if err != nil {
		return nil, err
	}
	rest := q.unanswered(answers)
	if len(rest) == 0 {
		return answers, nil
	}
	builder, err := q.builder.connect(ctx, q.env)
	if err != nil {
		more, askErr := buildkit.Ask(ctx, q.plan, rest, q.method, q.options(), true)
		maps.Copy(answers, more)
		if askErr != nil || len(q.unanswered(answers)) > 0 {
			return nil, err
		}
		return answers, nil
	}
	defer builder.Close()
	more, err := q.askBuilder(ctx, builder, rest)
	maps.Copy(answers, more)
	return answers, err
}

func (q *question) unanswered(answers map[*planner.Build]*buildkit.Answer) []*planner.Build {
	var out []*planner.Build
	for _, b := range q.builds {
		if answers[b] == nil {
			out = append(out, b)
		}
	}
	return out
}

func (q *question) askBuilder(ctx context.Context, builder *builder.Builder, builds []*planner.Build) (map[*planner.Build]*buildkit.Answer, error) {
	mode := q.progress
	if mode == "auto" {
		mode = "quiet"
	}
	display, err := newDisplay(q.env, mode, len(q.plan.Builds), nil)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	defer display.Close()
	return buildkit.NewSolver(builder, q.options()).Call(ctx, q.plan, builds, q.method, display.Event)
}

func (q *question) options() buildkit.Options {
	return buildkit.Options{
		ClientID: q.clientID(), LookupEnv: q.lookup, Stdout: q.stdout,
		SourcePolicy: q.source, Policy: q.policyEvaluator(),
	}
}
