package inspect

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/print"
)

// Inputs ask for what goes into the targets instead of the plan.
type Inputs struct {
	Files, Digests, JSON, Resolve bool
}

// Register adds the flags.
func (f *Inputs) Register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.Files, "files", false, "list the files that the stages read from local contexts, with their sizes")
	flags.BoolVar(&f.Digests, "digests", false, "print a digest over everything that can change a target's result")
	flags.BoolVar(&f.Resolve, "resolve", false, "ask registries what the base images are, for --digests")
	flags.BoolVar(&f.JSON, "json", false, "print as JSON; with --files and --digests what they show")
}

// asked says whether something else than the plan is wanted.
func (f *Inputs) asked(format string) bool {
	return f.Files || f.Digests && (f.JSON || format != "json")
}

// check refuses what does not go together.
func (f *Inputs) check(format string) error {
	if (f.Files || f.Digests) && format != "text" && format != "json" {
		return usage.Errorf("--files and --digests are there as text and as JSON, not as %s", format)
	}
	if f.Resolve && !f.Digests {
		return usage.Errorf("--resolve goes with --digests")
	}
	f.JSON = f.JSON || f.Files && format == "json"
	return nil
}

// inputs computes the digests for the JSON form of a plan, if they are wanted.
func (f *Inputs) inputs(ctx context.Context, e *planning.Session, plan *planner.Plan) (*inputs.Inputs, error) {
	if !f.Digests {
		return nil, nil
	}
	in, diags, err := e.Inputs(ctx, plan, inputs.Options{Now: time.Now()}, planning.Lookup(f.Resolve))
	if err != nil {
		return nil, err
	}
	return in, e.Report(diags, plan.Sources)
}

// print plans the targets and prints what goes into them.
func (f *Inputs) print(ctx context.Context, e *planning.Session, cfg *config.Config, w io.Writer) error {
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return err
	}
	var diags hcl.Diagnostics
	opt := inputs.Options{All: f.Files, Now: time.Now()}
	var in *inputs.Inputs
	var reads *inputs.Reads
	if f.Digests {
		if in, diags, err = e.Inputs(ctx, plan, opt, planning.Lookup(f.Resolve)); err != nil {
			return err
		}
		reads = in.Reads
	} else {
		reads, diags = inputs.Read(plan, opt)
	}
	if err := e.Report(diags, cfg.Sources, plan.Sources); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := f.write(&out, reads, in); err != nil {
		return err
	}
	_, err = w.Write([]byte(cfg.Mask(out.String())))
	return err
}

func (f *Inputs) write(out *bytes.Buffer, reads *inputs.Reads, in *inputs.Inputs) error {
	if f.JSON {
		return print.InputsJSON(out, reads, in)
	}
	if f.Files {
		if err := print.Files(out, reads); err != nil {
			return err
		}
	}
	if in == nil {
		return nil
	}
	if f.Files {
		out.WriteByte('\n')
	}
	return print.Digests(out, in)
}

// hintEntries bounds what a plan looks at beyond what the stages read: it must
// not take longer for a large context.
const hintEntries = 2000

// hint points out contexts that let through much more than the stages read, or
// the history of the repository.
func hint(w io.Writer, plan *planner.Plan) error {
	reads, _ := inputs.Read(plan, inputs.Options{All: true, Most: hintEntries})
	return print.Hints(w, reads)
}
