package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
)

// resumed is what a run that goes on where another ended has to do.
type resumed struct {
	// names are the targets to build.
	names []string
	// done are the records of those that need no build.
	done []*runner.RecordTarget
}

// resume works out what is left of the last run in this folder. A target that
// is done is left out, unless its definition has changed since.
func resume(ctx context.Context, e *env, load *loadFlags, change func(*config.Options), whole func(*config.Config) error, args []string) (*resumed, error) {
	store, _, err := projectStore(e)
	if err != nil {
		return nil, err
	}
	last, err := store.Last()
	if err != nil {
		return nil, err
	}
	if last == nil {
		return nil, usagef("--resume: no run in this folder is known; run orch bake without it first")
	}
	if err := e.asThen(last, load.Vars); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		for _, t := range last.Targets {
			if t.Wanted {
				args = append(args, t.Name)
			}
		}
	}
	cfg, err := load.resolve(ctx, e, func(o *config.Options) {
		change(o)
		o.Targets = args
	}, whole)
	if err != nil {
		return nil, err
	}
	plan, err := planFor(e, cfg, localPlatform())
	if err != nil {
		return nil, err
	}
	r := &resumed{}
	var changed []string
	for _, b := range plan.Builds {
		if !b.Wanted {
			continue
		}
		t := last.Target(b.Name())
		switch {
		case t == nil || t.State != runner.Done:
			r.names = append(r.names, b.Name())
		case t.Definition != definitionOf(cfg, b):
			changed = append(changed, b.Name())
			r.names = append(r.names, b.Name())
		default:
			if t.From == "" {
				t.From = last.ID
			}
			r.done = append(r.done, t)
		}
	}
	if len(changed) > 0 {
		fmt.Fprintf(e.stderr, "Built again, because the definition has changed since: %s\n", listNames(changed))
	}
	fmt.Fprintf(e.stderr, "Resuming the run of %s: %s to build, %d done already\n",
		last.Started.Local().Format("2 Jan 15:04:05"), count(len(r.names), "target"), len(r.done))
	return r, nil
}

// maxNames is how many names a list of targets shows.
const maxNames = 8

// listNames lists the names of targets, the first of them if there are many.
func listNames(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}

// unresumable says what --resume does not go with.
func (b *bakeFlags) unresumable() error {
	for flag, set := range map[string]bool{"--print": b.print, "--check": b.check, "--list": b.list != ""} {
		if set {
			return usagef("--resume builds, and %s does not", flag)
		}
	}
	return nil
}
