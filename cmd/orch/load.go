package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"github.com/orch-build/orch/internal/helptext"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/check"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/schema"
)

// loadFlags are the flags of every command that reads a definition, and choose
// the builder that fetches one.
type loadFlags struct {
	load.Request
	builder builderFlags
	// diagnostics is how what is wrong is printed.
	diagnostics string
	loader      *load.Loader
}

func (l *loadFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	helptext.Grouped(flags, "Choosing and changing targets", func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&l.Files, "file", "f", nil, "definition `FILE`; may be repeated; - is standard input")
		flags.StringArrayVar(&l.Overrides, "set", nil, "override an attribute: `TARGET.KEY=VALUE`")
		flags.StringArrayVar(&l.Vars, "var", nil, "set a variable: `NAME=VALUE`")
		flags.StringArrayVar(&l.VarFiles, "var-file", nil, "read variables from a `FILE` of NAME=VALUE lines")
		flags.StringArrayVar(&l.VarFiles, "env-file", nil, "same as --var-file `FILE`")
		flags.StringArrayVar(&l.Except, "except", nil, "leave out a `TARGET`, a group or what a pattern matches")
		flags.StringArrayVar(&l.Filters, "filter", nil, "keep the targets whose traits match: `NAME=VALUE`, NAME!=VALUE or NAME")
		flags.StringArrayVar(&l.Allow, "allow", nil, "grant a `PERMISSION`, such as network.host or fs.read=/path")
	})
	helptext.Grouped(flags, "Cache and frontend", func(flags *pflag.FlagSet) {
		flags.StringVar(&l.CacheLane, "cache-lane", "", "use the cache of `LANE`: --set=*.cache.lane=LANE")
	})
	flags.StringVar(&l.diagnostics, "diagnostics", "text", "how to print what is wrong on standard error: `FORMAT` is text or json")
	l.builder.register(cmd)
}

// open prepares to read the definition; it takes URLs off the arguments.
func (l *loadFlags) open(e *env, args []string) ([]string, error) {
	args = l.TakeURLs(args)
	if err := e.setDiagnostics(l.diagnostics); err != nil {
		return nil, err
	}
	l.loader = &load.Loader{Request: l.Request, Machine: load.Machine{
		LookupEnv: func(name string) (string, bool) { return e.lookup(name) },
		Environ:   func() []string { return e.environ() },
		Stdin:     e.readStdin,
		Compose: func(permit func(string) error) load.ComposeReader {
			return composeReader(e, permit, func(diags hcl.Diagnostics, texts map[string][]byte) error { return e.report(diags, texts) })
		},
		Connect: func(ctx context.Context) (*builder.Builder, error) { return l.builder.connect(ctx, e) },
		Note:    func(line string) { fmt.Fprintln(e.stderr, line) },
	}}
	return args, nil
}

// resolve reads the definition and prints what is wrong with it. An error that
// comes back is printed already. found sees what the files say before
// anything of it is printed; it may be nil.
func (l *loadFlags) resolve(ctx context.Context, e *env, change func(*config.Options), found func(*config.Config) error) (*config.Config, error) {
	defer l.loader.Close()
	d, err := l.loader.Resolve(ctx, change)
	if err == nil && found != nil && !d.Diags.HasErrors() {
		err = found(d.Config)
	}
	if err != nil {
		return nil, err
	}
	return d.Config, e.report(d.Diags, d.Texts)
}

// evaluate reads the definition without cutting it down to what is asked for.
func (l *loadFlags) evaluate(ctx context.Context, e *env) (*config.Definition, error) {
	defer l.loader.Close()
	d, err := l.loader.Evaluate(ctx)
	if err != nil {
		return nil, err
	}
	return d.Evaluated, e.report(d.Diags, d.Texts)
}

// planning says how a plan is made.
type planning struct {
	platform string // of the builder; "" is that of this machine
	// checks looks for what would fail or disappoint in a build.
	checks bool
	// apart says that the targets need not be built together.
	apart bool
}

// makePlan makes the plan of a definition: the one way from a definition to a
// plan.
func (e *env) makePlan(ctx context.Context, cfg *config.Config, how planning) (plan *planner.Plan, diags hcl.Diagnostics, err error) {
	opt := planner.Options{
		Files: planner.Disk{}, BuildPlatform: cmp.Or(how.platform, localPlatform()),
		Policies: e.policySets(),
	}
	err = interrupt.Until(ctx, func() {
		if how.checks {
			plan, diags = check.New(cfg, opt, how.apart)
		} else {
			plan, diags = planner.New(cfg, opt)
		}
	})
	return plan, diags, err
}

// planned makes the plan of a definition and prints what is wrong with it.
func (e *env) planned(ctx context.Context, cfg *config.Config, how planning) (*planner.Plan, error) {
	plan, diags, err := e.makePlan(ctx, cfg, how)
	if err != nil {
		return nil, err
	}
	return plan, e.report(diags, cfg.Sources, plan.Sources)
}

// readStdin reads standard input, and leaves it for whoever reads it next.
func (e *env) readStdin() ([]byte, error) {
	src, err := io.ReadAll(io.LimitReader(e.stdin, schema.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definition from standard input: %w", err)
	}
	e.stdin = bytes.NewReader(src)
	return src, nil
}
