// Package asking asks frontends about the targets of a definition, such as what is
// wrong with a Dockerfile, in place of building them. The words of the answers are of
// package question.
package asking

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/screen"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/question"
)

var errCall = errors.New("the frontend found something")

// Call asks the frontend about the targets that have a call, and builds the
// others.
func Call(ctx context.Context, e *planning.Session, cfg *config.Config, flag question.Call, opt build.Options) error {
	whole := cfg
	cfg, broken, err := readable(ctx, e, cfg, flag)
	if err != nil {
		return err
	}
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return err
	}
	if rest := question.BuiltOnly(cfg); len(rest.Chosen) > 0 {
		if err := build.Build(ctx, e, rest, opt); err != nil {
			return err
		}
	}
	q, err := asker(e, plan, question.Builds(plan), opt.Builder, opt.Progress)
	if err != nil {
		return err
	}
	q.Method = func(b *planner.Build) string { return question.Method(b.Target) }
	answers, err := q.Ask(ctx)
	if err != nil {
		return err
	}
	if opt.MetadataFile != "" {
		if err := question.WriteMetadata(opt.MetadataFile, q.Builds, answers); err != nil {
			return err
		}
	}
	var code int
	if flag.JSON {
		code, err = question.PrintJSON(e.Stdout, whole, q.Builds, answers, broken, flag)
	} else {
		code, err = question.Print(e.Stdout, q.Builds, answers, flag)
	}
	if err == nil && code != 0 {
		return &cli.Failure{Code: code, Err: errCall}
	}
	return err
}

// readable leaves out the targets whose fault is a result of the check: for programs,
// the others have theirs all the same. For people a fault ends the check, as it does a
// build.
func readable(ctx context.Context, e *planning.Session, cfg *config.Config, flag question.Call) (*config.Config, question.Broken, error) {
	if !flag.JSON {
		return cfg, nil, nil
	}
	planned := func(cfg *config.Config) (hcl.Diagnostics, error) {
		_, diags, err := e.MakePlan(ctx, cfg, planning.Options{})
		return diags, err
	}
	if diags, err := planned(cfg); err != nil || !diags.HasErrors() {
		return cfg, nil, err
	}
	return question.Readable(cfg, planned)
}

// asker asks about builds; progress is how that is shown.
func asker(e *planning.Session, plan *planner.Plan, builds []*planner.Build, flags *machine.BuilderFlags, progress string) (*question.Asker, error) {
	source, err := planning.SourcePolicy(e)
	if err != nil {
		return nil, err
	}
	if progress == "auto" {
		progress = "quiet"
	}
	return &question.Asker{
		Plan: plan, Builds: builds,
		Options: buildkit.Options{
			ClientID: e.ClientID(), LookupEnv: e.Lookup, Stdout: e.Stdout,
			SourcePolicy: source, Policy: e.Evaluator(),
		},
		Connect: func(ctx context.Context) (*builder.Builder, error) { return flags.Connect(ctx, e.Machine) },
		Display: func() (func(runner.Event), func(), error) {
			display, err := screen.New(e.Env, screen.Options{Mode: progress, Targets: len(plan.Builds)})
			if err != nil {
				return nil, nil, usage.Wrap(err)
			}
			return display.Event, func() { display.Close() }, nil
		},
	}, nil
}

// Lint has BuildKit's frontend look at the Dockerfiles of all targets.
func Lint(ctx context.Context, e *planning.Session, plan *planner.Plan, flags *machine.BuilderFlags) (hcl.Diagnostics, error) {
	builds := slices.Clone(plan.Builds)
	slices.SortFunc(builds, func(a, b *planner.Build) int { return strings.Compare(a.Name(), b.Name()) })
	q, err := asker(e, plan, builds, flags, "quiet")
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

// Contents asks a builder what those of the targets take from outside that only it
// can convert. held says what is locked of it. The builder is reached when the first
// of them is asked for.
func Contents(ctx context.Context, e *planning.Session, plan *planner.Plan, opaque func(*planner.Build) bool, flags *machine.BuilderFlags, held *lock.Lock) func(*planner.Build) ([]digest.Outside, error) {
	made := sync.OnceValues(func() (map[*planner.Build]*buildkit.Made, error) {
		builds := slices.DeleteFunc(slices.Clone(plan.Builds), func(b *planner.Build) bool { return !opaque(b) })
		q, err := asker(e, plan, builds, flags, "quiet")
		if err != nil {
			return nil, err
		}
		return q.Definitions(ctx)
	})
	return func(b *planner.Build) ([]digest.Outside, error) {
		all, err := made()
		switch {
		case err != nil:
			return nil, brief(err)
		case all[b] == nil:
			return nil, errNotAsked
		case all[b].Err != nil:
			return nil, brief(all[b].Err)
		}
		out := digest.OutsideOf(all[b].Definitions, held, func(name, sum string) bool { return byTag(b, all[b].Tags, name, sum) })
		if name := all[b].Frontend; name != "" {
			_, sum := lock.SplitDigest(name)
			out = append(out, digest.Outside{Key: lock.Key{Kind: lock.Frontend, Name: name}, Digest: sum})
		}
		return out, nil
	}
}

// brief is the first line of what went wrong, for a sentence.
func brief(err error) error {
	line, _, _ := strings.Cut(blame.Plain(err.Error()), "\n")
	return errors.New(termtext.Brief(strings.TrimSuffix(line, "."), termtext.MaxMessage))
}

var errNotAsked = errors.New("it was not asked")

// byTag says whether an image is written with its tag alone: as its frontend has asked
// for it, or as far as its Dockerfile has no such digest.
func byTag(b *planner.Build, tags map[string]bool, name, sum string) bool {
	if tags != nil {
		return tags[name]
	}
	return b.Dockerfile == nil || !bytes.Contains(b.Dockerfile.Data, []byte(sum))
}
