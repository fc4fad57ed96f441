package inspect

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/cmd/orch/internal/asking"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/diag"
)

// Check says how far a definition is looked into for what is wrong with it.
type Check struct {
	// Deep also reads the Dockerfiles, and Lint has BuildKit's rules checked as well.
	Deep, Lint bool
	// Strict counts warnings as errors.
	Strict bool
	// JSON prints what is wrong as JSON, on standard output.
	JSON bool
}

// Print prints what is wrong with targets; none are all.
func (c Check) Print(ctx context.Context, e *planning.Session, load *planning.Flags, targets []string) error {
	defer load.Loader.Close()
	all := len(targets) == 0
	d, err := load.Loader.Resolve(ctx, func(o *config.Options) { o.Targets, o.All, o.Groups = targets, all, all })
	if err != nil {
		return err
	}
	diags, sources := d.Diags, []map[string][]byte{d.Texts}
	if (c.Deep || c.Lint) && !diags.HasErrors() {
		cfg := d.Config
		allowed := load.AllowedToPlan
		if c.Lint { // BuildKit's rules are for remote contexts too
			allowed = load.AllowedToFetch
		}
		if err := allowed(ctx, e, cfg); err != nil {
			return err
		}
		if all {
			cfg = cfg.WithoutTemplates()
		}
		more, texts, err := c.deep(ctx, e, load, cfg, planning.Options{Checks: true, Independent: all})
		if err != nil {
			return err
		}
		diags, sources = append(diags, more...), append(sources, texts)
	}
	if c.Strict {
		stricter(diags)
	}
	if c.JSON {
		return cli.Reported(diag.JSON(e.Stdout, diags))
	}
	return e.Report(diags, sources...)
}

// deep finds what is wrong with the Dockerfiles and policies of targets, and returns
// the texts that this is about.
func (c Check) deep(ctx context.Context, e *planning.Session, load *planning.Flags, cfg *config.Config, how planning.Options) (hcl.Diagnostics, map[string][]byte, error) {
	var fetcher *machine.BuilderFlags
	if c.Lint {
		fetcher = &load.Builder
	}
	e.Policies = planning.NewPolicies(ctx, e, fetcher)
	defer e.Policies.Close()
	if err := e.WholeFor(cfg); err != nil {
		return nil, nil, err
	}
	plan, diags, err := e.MakePlan(ctx, cfg, how)
	if err != nil {
		return nil, nil, err
	}
	if !diags.HasErrors() {
		diags = append(diags, e.Policies.Compile(e.Policies, cfg.Targets)...)
	}
	if c.Lint && !diags.HasErrors() {
		found, err := asking.Lint(ctx, e, plan, &load.Builder)
		if err != nil {
			return nil, nil, err
		}
		diags = append(diags, found...)
	}
	return diags, plan.Sources, nil
}

// stricter turns warnings into errors.
func stricter(diags hcl.Diagnostics) {
	for _, d := range diags {
		d.Severity = hcl.DiagError
	}
}
