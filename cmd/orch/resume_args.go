package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/runner/buildkit"
)

// shownFlags say what is seen or written of a run, and nothing of what it
// builds: beside them, --resume still means the last run as it was.
var shownFlags = []string{"resume", "progress", "debug", "result", "report", "junit", "metadata-file"}

// argsOfLast is the command line of the last run in this folder, with the flags
// given now after it, if they do not say by themselves what to build: a run
// that pushed is resumed as one that pushes. It is nil if what was typed is all
// that counts.
func argsOfLast(e *env, flags *pflag.FlagSet) ([]string, error) {
	alone := !e.resuming
	flags.Visit(func(f *pflag.Flag) { alone = alone && slices.Contains(shownFlags, f.Name) })
	if !alone {
		return nil, nil
	}
	store, _, err := projectStore(e)
	if err != nil {
		return nil, err
	}
	last, err := store.Last()
	if err != nil || last == nil || len(last.Args) == 0 {
		return nil, err
	}
	for _, a := range last.Args {
		if strings.Contains(a, buildkit.Masked) {
			return nil, usagef("--resume: the command line of that run held a secret, which is not kept; give all of it again:\n  %s",
				commandLine(append(slices.Clone(last.Args), "--resume")))
		}
	}
	given := withoutResume(e.args)
	if at := slices.Index(given, "bake"); at >= 0 {
		given = slices.Delete(given, at, at+1)
	}
	return append(slices.Concat(last.Args, given), "--resume"), nil
}

// runAgain carries out the command line of the last run, as a resumed one.
func runAgain(ctx context.Context, e *env, args []string) error {
	if before := withoutResume(args); len(before) > 1 {
		fmt.Fprintf(e.stderr, "As that run: %s\n", commandLine(before))
	}
	e.args, e.resuming = args, true
	root := newRootCommand(e)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
