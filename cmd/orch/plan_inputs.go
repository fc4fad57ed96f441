package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/hashstore"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/print"
	"github.com/orch-build/orch/runner/embedded"
)

// inputsFlags ask for what goes into the targets instead of the plan.
type inputsFlags struct {
	files, digests, json, resolve bool
}

func (f *inputsFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.files, "files", false, "list the files that the stages read from local contexts, with their sizes")
	flags.BoolVar(&f.digests, "digests", false, "print a digest over everything that can change a target's result")
	flags.BoolVar(&f.resolve, "resolve", false, "ask registries what the base images are, for --digests")
	flags.BoolVar(&f.json, "json", false, "print as JSON; with --files and --digests what they show")
}

// asked says whether something else than the plan is wanted.
func (f *inputsFlags) asked(format string) bool {
	return f.files || f.digests && (f.json || format != "json")
}

// check refuses what does not go together.
func (f *inputsFlags) check(format string) error {
	if (f.files || f.digests) && format != "text" && format != "json" {
		return usagef("--files and --digests are there as text and as JSON, not as %s", format)
	}
	if f.resolve && !f.digests {
		return usagef("--resolve goes with --digests")
	}
	f.json = f.json || f.files && format == "json"
	return nil
}

// inputs computes the digests for the JSON form of a plan, if they are wanted.
func (f *inputsFlags) inputs(ctx context.Context, e *env, plan *planner.Plan) (*inputs.Inputs, error) {
	if !f.digests {
		return nil, nil
	}
	in, diags, err := e.inputs(ctx, plan, inputs.Options{Now: time.Now()}, f.resolve)
	if err != nil {
		return nil, err
	}
	return in, e.report(diags, plan.Sources)
}

// inputs computes the digests of a plan for this machine; resolve asks
// registries for the images that are not known.
func (e *env) inputs(ctx context.Context, plan *planner.Plan, read inputs.Options, resolve bool) (*inputs.Inputs, hcl.Diagnostics, error) {
	memory := e.projectMemory()
	defer memory.flush()
	read.Memory = memory.planner()
	in, diags := inputs.Compute(plan, read)
	opt, err := e.digestOptions(localPlatform(), read.Memory, e.images(resolve))
	if err != nil {
		return nil, nil, err
	}
	return in, diags, digest.Prove(ctx, plan, in, opt)
}

// digestOptions say how digests are made of what is on this machine.
func (e *env) digestOptions(platform string, memory inputs.Memory, images digest.Images) (opt digest.Options, err error) {
	opt = digest.Options{BuildPlatform: platform, Memory: memory, Images: images, Labels: e.gitLabels()}
	if opt.Project, err = os.Getwd(); err != nil {
		return opt, err
	}
	if path := e.getenv(policyVariable); path != "" {
		if opt.SourcePolicy, err = os.ReadFile(path); err != nil {
			return opt, usagef("%s: %w", policyVariable, err)
		}
	}
	return opt, nil
}

// gitLabels stand for the labels that BUILDX_GIT_LABELS asks for: they change
// with each commit. It is nil if there are none.
func (e *env) gitLabels() func(*planner.Build) map[string]string {
	if !gitOptions(e).Labels {
		return nil
	}
	var facts []any
	for _, name := range []string{"sha", "dirty"} {
		fact, err := gitfact.Read(".", name)
		facts = append(facts, fact, err)
	}
	labels := map[string]string{"org.opencontainers.image.revision": fmt.Sprint(facts...)}
	return func(*planner.Build) map[string]string { return labels }
}

// projectMemory is what is remembered of the files and definitions of the
// project in the working directory.
type projectMemory struct{ *hashstore.Project }

func (e *env) projectMemory() projectMemory {
	store, ok := e.fileMemory().(hashstore.Store)
	dir, err := os.Getwd()
	if !ok || err != nil {
		return projectMemory{}
	}
	return projectMemory{store.Project(dir)}
}

// planner is the memory as plans use it; nil where nothing can be kept.
func (m projectMemory) planner() inputs.Memory {
	if m.Project == nil {
		return nil
	}
	return m.Project
}

// flush writes the memory. One that cannot be written only makes the next call
// slower.
func (m projectMemory) flush() {
	if m.Project != nil {
		_ = m.Flush()
	}
}

// images says what images are, from what is remembered and, if they are to be
// asked, from registries.
func (e *env) images(ask bool) *imageconfig.Resolver {
	r := &imageconfig.Resolver{}
	if dir, err := embedded.DefaultStateDir(e.getenv); err == nil {
		r.Store = imageconfig.Store(filepath.Join(dir, "images"))
	}
	if ask {
		r.Client = e.openRegistries().client
	}
	return r
}

// print plans the targets and prints what goes into them.
func (f *inputsFlags) print(ctx context.Context, e *env, cfg *config.Config, w io.Writer) error {
	plan, err := e.planned(ctx, cfg, planning{})
	if err != nil {
		return err
	}
	var diags hcl.Diagnostics
	opt := inputs.Options{All: f.files, Now: time.Now()}
	var in *inputs.Inputs
	var reads *inputs.Reads
	if f.digests {
		if in, diags, err = e.inputs(ctx, plan, opt, f.resolve); err != nil {
			return err
		}
		reads = in.Reads
	} else {
		reads, diags = inputs.Read(plan, opt)
	}
	if err := e.report(diags, cfg.Sources, plan.Sources); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := f.write(&out, reads, in); err != nil {
		return err
	}
	_, err = w.Write([]byte(cfg.Mask(out.String())))
	return err
}

func (f *inputsFlags) write(out *bytes.Buffer, reads *inputs.Reads, in *inputs.Inputs) error {
	if f.json {
		return print.InputsJSON(out, reads, in)
	}
	if f.files {
		if err := print.Files(out, reads); err != nil {
			return err
		}
	}
	if in == nil {
		return nil
	}
	if f.files {
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
