// Package inspect looks at a definition and builds nothing: it prints the plan of
// targets in one of its forms, or what goes into them, and finds what is wrong with
// them. It knows no flag by its name but in errors, and no builder but for what it
// hands on.
package inspect

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/print"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/times"
)

// Formats are the forms of a plan, as --format names them.
var Formats = []string{"text", "json", "dot", "mermaid", "html"}

// Plan says what is printed of a plan, and where to.
type Plan struct {
	Format string
	// FormatSet is true if the form was asked for.
	FormatSet bool
	// Output is a file; "" and "-" are standard output.
	Output string
	// Since are revisions: only what has changed since one of them is planned.
	Since []string
	// Inputs say what is printed in place of the plan.
	Inputs Inputs
	// Builders ask who builds what, in place of the plan.
	Builders Builders
}

// Print plans targets and prints that.
func (p Plan) Print(ctx context.Context, e *planning.Session, load *planning.Flags, targets []string) error {
	if !slices.Contains(Formats, p.Format) {
		return usage.Errorf("--format %q is not one of %s", p.Format, strings.Join(Formats, ", "))
	}
	targets, none, err := compare.Narrow(ctx, e, load, targets, p.Since, compare.Published)
	if err != nil {
		return err
	}
	if none && p.Output == "" && p.Format == "text" && !p.Inputs.JSON && !p.Inputs.asked(p.Format) {
		return nil // the note says it all
	}
	cfg := &config.Config{}
	if !none {
		load.Wrong = p.Builders.explain
		if cfg, err = load.Resolve(ctx, e, func(o *config.Options) { o.Targets = targets }, nil); err != nil {
			return err
		}
	}
	if err := load.AllowedToPlan(ctx, e, cfg); err != nil {
		return err
	}
	if err := p.Inputs.check(p.Format); err != nil {
		return err
	}
	if p.Inputs.asked(p.Format) {
		return p.Inputs.print(ctx, e, cfg, e.Stdout)
	}
	if p.Builders.asked {
		if p.Inputs.JSON {
			p.Format = "json"
		}
		return p.Builders.print(ctx, e, load, cfg, p.Format, p.Output)
	}
	if p.Inputs.JSON {
		if p.FormatSet && p.Format != "json" {
			return usage.Errorf("--json and --format %s contradict each other", p.Format)
		}
		p.Format = "json"
	}
	return p.print(ctx, e, cfg)
}

// print prints the plan itself.
func (p Plan) print(ctx context.Context, e *planning.Session, cfg *config.Config) error {
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return err
	}
	digests, err := p.Inputs.inputs(ctx, e, plan)
	if err != nil {
		return err
	}
	opt := print.Options{Times: lastTimes(e, plan), Mask: cfg.Mask, Inputs: digests}
	if p.Output == "" || p.Output == "-" {
		return printPlan(e.Stdout, plan, p.Format, textOptions(e, e.Stdout), opt)
	}
	return writePlan(p.Output, plan, p.Format, opt)
}

// printPlan prints a plan in one of Formats.
func printPlan(w io.Writer, plan *planner.Plan, format string, text print.TextOptions, opt print.Options) error {
	switch format {
	case "json":
		return print.JSON(termtext.JSONWriter(w), plan, opt)
	case "dot":
		return print.DOT(termtext.Raw(w), plan, opt)
	case "mermaid":
		return print.Mermaid(termtext.Raw(w), plan, opt)
	case "html":
		return print.HTML(termtext.Raw(w), plan, opt)
	default:
		text.Options = opt
		if err := print.Text(termtext.Colored(w), plan, text); err != nil {
			return err
		}
		return hint(w, plan)
	}
}

// writePlan replaces a file with a plan, in one step.
func writePlan(path string, plan *planner.Plan, format string, opt print.Options) error {
	var b bytes.Buffer
	if err := printPlan(&b, plan, format, print.TextOptions{}, opt); err != nil {
		return err
	}
	if err := output.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return usage.Errorf("writing the plan: %w", err)
	}
	return nil
}

// lastTimes returns how long the stages of a plan took when they last ran in
// this folder; nil if no run was recorded.
func lastTimes(e *planning.Session, plan *planner.Plan) planner.Times {
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return nil
	}
	book := times.Load(store.Dir())
	known := planner.Times{}
	for _, v := range plan.Graph.Vertices {
		if took, ok := book.Of(v); ok {
			known[v.ID] = took
		}
	}
	return known
}

// textOptions fits printed plans to a terminal.
func textOptions(e *planning.Session, w io.Writer) print.TextOptions {
	if !termtext.IsTerminal(w) {
		return print.TextOptions{}
	}
	width, _, err := term.GetSize(int(termtext.File(w).Fd()))
	if err != nil {
		width = 0
	}
	return print.TextOptions{Width: width, Color: termtext.HasColor(w)}
}
