package bake

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/environ"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner/record"
)

// shownFlags say what is seen or written of a run, and nothing of what it
// builds: beside them, --resume still means the last run as it was.
var shownFlags = []string{"resume", "progress", "debug", "result", "report", "junit", "metadata-file"}

// argsOfLast is the command line of the last run in this folder, with the flags
// given now after it, if they do not say by themselves what to build: a run
// that pushed is resumed as one that pushes. It is nil if what was typed is all
// that counts.
func argsOfLast(e *planning.Session, flags *pflag.FlagSet) ([]string, error) {
	alone := !e.Resuming
	flags.Visit(func(f *pflag.Flag) { alone = alone && slices.Contains(shownFlags, f.Name) })
	if !alone {
		return nil, nil
	}
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return nil, err
	}
	last, err := store.Last()
	if err != nil || last == nil || len(last.Args) == 0 {
		return nil, err
	}
	for _, a := range last.Args {
		if strings.Contains(a, mask.Masked) {
			return nil, usage.Errorf("--resume: the command line of that run held a secret, which is not kept; give all of it again:\n  %s",
				cli.CommandLine(append(slices.Clone(last.Args), "--resume")))
		}
	}
	given := cli.WithoutResume(e.Args)
	if at := slices.Index(given, "bake"); at >= 0 {
		given = slices.Delete(given, at, at+1)
	}
	then := last.Args
	flags.Visit(func(f *pflag.Flag) { then = withoutFlag(then, f) })
	return append(slices.Concat(then, given), "--resume"), nil
}

// withoutFlag is a command line without a flag that is given again: repeated,
// it would be one more each time that a run is resumed.
func withoutFlag(args []string, f *pflag.Flag) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(args[i], "=")
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		if name != "--"+f.Name {
			out = append(out, args[i])
			continue
		}
		if !joined && f.NoOptDefVal == "" {
			i++ // its value
		}
	}
	return out
}

// runAgain runs the command line of the last run, as a resumed one.
func runAgain(ctx context.Context, e *planning.Session, args []string) error {
	if before := cli.WithoutResume(args); len(before) > 1 {
		fmt.Fprintf(e.Stderr, "As that run: %s\n", cli.CommandLine(before))
	}
	e.Args, e.Resuming = args, true
	return e.Again(ctx, args)
}

// resume finds what is left of the last run in this folder.
func (b *bakeRun) resume(ctx context.Context, args []string) (*record.Left, error) {
	e := b.env
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return nil, err
	}
	last, err := store.Last()
	if err != nil {
		return nil, err
	}
	if last == nil {
		return nil, usage.Errorf("--resume: no run in this folder is known; run orch bake without it first")
	}
	if err := asThen(e, last, b.load.Vars); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		args = record.Wanted(last)
	}
	cfg, err := b.resolve(ctx, args)
	if err != nil {
		return nil, err
	}
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return nil, err
	}
	left := record.LeftOf(last, plan)
	if len(left.Changed) > 0 {
		fmt.Fprintf(e.Stderr, "Built again, because the definition has changed since: %s\n", report.Names(left.Changed))
	}
	fmt.Fprintf(e.Stderr, "Resuming the run of %s: %s to build, %d done already\n",
		last.Started.Local().Format("2 Jan 15:04:05"), termtext.Count(len(left.Names), "target"), len(left.Done))
	return left, nil
}

// unresumable says what --resume does not go with.
func (b *bakeFlags) unresumable() error {
	for flag, set := range map[string]bool{"--print": b.print, "--check": b.check, "--list": b.list != ""} {
		if set {
			return usage.Errorf("--resume builds, and %s does not", flag)
		}
	}
	return nil
}

// asThen lets the variables of the environment that the definition of an earlier
// run took values from be what they were, and says which these are. What was not
// kept, because it is sensitive, has to be there again. given are the variables
// that the command line sets.
func asThen(e *planning.Session, last *record.Record, given []string) error {
	if e.Restored {
		return nil
	}
	e.Restored = true
	then, hidden := record.Env(last, given)
	for _, name := range hidden {
		if _, ok := e.Lookup(name); !ok {
			return usage.Errorf("--resume: the variable %s of the environment held a sensitive value in that run, which is not kept; set it again", name)
		}
	}
	if len(then) == 0 {
		return nil
	}
	now := environ.Env{Lookup: e.Lookup, All: e.Environ}
	fmt.Fprintf(e.Stderr, "With the environment of that run: %s\n", now.Compared(then))
	over := now.Over(then)
	e.Lookup, e.Environ = over.Lookup, over.All
	return nil
}
