package planning

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/check"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Flags are the flags of every command that reads a definition, and choose
// the builder that fetches one.
type Flags struct {
	load.Request
	Builder machine.BuilderFlags
	// diagnostics is how what is wrong is printed.
	diagnostics string
	Loader      *load.Loader
	// online is why a command cannot do without a network; "" if it can.
	online string
	// Wrong may return an error to be said in place of one in the definition; nil if
	// there is none.
	Wrong func(text string) error
}

// Register adds the flags to a command of a session.
func (l *Flags) Register(cmd *cobra.Command, e *Session) {
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
	l.Builder.Register(cmd)
	l.completeFlags(cmd, e)
}

// Open prepares to read the definition; it takes URLs off the arguments.
func (l *Flags) Open(e *Session, args []string) ([]string, error) {
	args = l.TakeURLs(args)
	if err := e.SetDiagnostics(l.diagnostics); err != nil {
		return nil, err
	}
	if err := l.openBundle(e); err != nil {
		return nil, err
	}
	l.Loader = &load.Loader{Request: l.Request, Machine: load.Machine{
		LookupEnv: func(name string) (string, bool) { return e.Lookup(name) },
		Environ:   func() []string { return e.Environ() },
		Stdin:     e.ReadStdin,
		Compose: func(permit func(string) error) load.ComposeReader {
			return e.Parts.ComposeReader(e.Env, permit, func(diags hcl.Diagnostics, texts map[string][]byte) error { return e.Report(diags, texts) })
		},
		Connect: func(ctx context.Context) (*builder.Builder, error) { return l.Builder.Connect(ctx, e.Machine) },
		Note:    func(line string) { fmt.Fprintln(e.Stderr, line) },
	}}
	return args, nil
}

// Resolve reads the definition and prints what is wrong with it. An error that
// comes back is printed already. found sees what the files say before
// anything of it is printed; it may be nil.
func (l *Flags) Resolve(ctx context.Context, e *Session, change func(*config.Options), found func(*config.Config) error) (*config.Config, error) {
	defer l.Loader.Close()
	d, err := l.Loader.Resolve(ctx, change)
	if err == nil && found != nil && !d.Diags.HasErrors() {
		err = found(d.Config)
	}
	if err != nil {
		return nil, err
	}
	for _, diag := range d.Diags.Errs() {
		if l.Wrong == nil {
			break
		}
		if err := l.Wrong(diag.Error()); err != nil {
			return nil, err
		}
	}
	return d.Config, e.Report(d.Diags, d.Texts)
}

// Evaluate reads the definition without cutting it down to what is asked for.
func (l *Flags) Evaluate(ctx context.Context, e *Session) (*config.Definition, error) {
	d, err := l.evaluate(ctx)
	if err != nil {
		return nil, err
	}
	return d.Evaluated, e.Report(d.Diags, d.Texts)
}

// EvaluateFirst is Evaluate for a definition that is resolved afterwards, which says
// what it warns of.
func (l *Flags) EvaluateFirst(ctx context.Context, e *Session) (*config.Definition, error) {
	d, err := l.evaluate(ctx)
	if err != nil {
		return nil, err
	}
	if !d.Diags.HasErrors() {
		return d.Evaluated, nil
	}
	return d.Evaluated, e.Report(d.Diags, d.Texts)
}

func (l *Flags) evaluate(ctx context.Context) (*load.Definition, error) {
	defer l.Loader.Close()
	return l.Loader.Evaluate(ctx)
}

// Options says how a plan is made.
type Options struct {
	Platform string // of the builder; "" is this machine's
	// Checks looks for what would fail or disappoint in a build.
	Checks bool
	// Independent says that the targets need not be built together.
	Independent bool
}

// MakePlan makes the plan of a definition: the one way from a definition to a
// plan.
func (e *Session) MakePlan(ctx context.Context, cfg *config.Config, how Options) (plan *planner.Plan, diags hcl.Diagnostics, err error) {
	opt := planner.Options{
		Files: planner.Disk{}, BuildPlatform: cmp.Or(how.Platform, machine.LocalPlatform()),
		Policies: e.PolicySets(),
	}
	err = interrupt.Until(ctx, func() {
		if how.Checks {
			checks := check.Options{Independent: how.Independent}
			if e.Offline && e.Bundle != nil {
				checks.Bundle = e.Bundle.Dir
			}
			plan, diags = check.New(cfg, opt, checks)
		} else {
			plan, diags = planner.New(cfg, opt)
		}
	})
	if err != nil {
		return plan, diags, err
	}
	return plan, hide(cfg, plan, diags), nil
}

// hide keeps the credentials of Dockerfiles out of what is shown of a definition,
// and out of what is wrong with it.
func hide(cfg *config.Config, plan *planner.Plan, diags hcl.Diagnostics) hcl.Diagnostics {
	cfg.Hide(plan.Credentials...)
	for i, d := range diags {
		if masked := cfg.Mask(d.Detail); masked != d.Detail {
			shown := *d
			shown.Detail = masked
			diags[i] = &shown
		}
	}
	return diags
}

// Planned makes the plan of a definition and prints what is wrong with it.
func (e *Session) Planned(ctx context.Context, cfg *config.Config, how Options) (*planner.Plan, error) {
	plan, diags, err := e.MakePlan(ctx, cfg, how)
	if err != nil {
		return nil, err
	}
	return plan, e.Report(diags, cfg.Sources, plan.Sources)
}
