// Package reproduce is the command repro: it builds targets twice without a cache,
// has package imagediff compare what came out, and prints what it says. How a target
// is built it leaves to package build.
package reproduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/imagediff"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner"
)

// command is one call of repro.
type command struct {
	env      *planning.Session
	load     planning.Flags
	sites    site.Opener
	keep     string
	made     bool // the folder of keep was not there
	asJSON   bool
	progress string
	frontend string
	building string // first or second
}

// NewCommand makes the command that builds twice; sites reaches where that is done,
// nil is a builder.
func NewCommand(e *planning.Session, sites site.Opener) *cobra.Command {
	c := &command{env: e, sites: sites}
	cmd := &cobra.Command{
		Use:   "repro [TARGET…]",
		Short: "Build targets twice, and say whether the same comes out",
		Long: `repro builds targets twice without a cache, and compares what came out: index,
manifests, configurations and layers. Targets are equal, or it names the first
layer that differs, with the step that made it, the file, the bytes in it, and a
guess at the reason: times, owners, the order of entries, Python's bytecode,
archives, gzip headers, paths and random values of the build.

The embedded builder begins the second build with an empty state folder, which is
removed afterwards; another builder does both. Attestations are left out: they name
times. Nothing is pushed, and no output of the targets is written.

Exit codes: 0 all are equal, 1 one is different, or a build failed, 2 wrong use or a
wrong file, 130 interrupted.`,
		Example: `  orch repro api
  orch repro api web --set '*.platform=linux/amd64,linux/arm64'
  orch repro api --keep out      # leave both images in out/first and out/second
  orch repro api --json | jq -r '.targets[].differences[].path'`,
		ValidArgsFunction: planning.CompleteTargets(e, &c.load),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.load.Register(cmd, e)
	f := cmd.Flags()
	helptext.Grouped(f, "Building", func(f *pflag.FlagSet) {
		c.load.RegisterBundle(f)
		f.StringVar(&c.progress, "progress", "auto", "how to show progress: `MODE` is auto, plain, tty, quiet, rawjson or none")
		f.StringVar(&c.frontend, "frontend", "linked", "for Dockerfiles of docker/dockerfile:1: `WHICH` is linked, the frontend in orch, "+
			"or pull, the one that the syntax line names")
	})
	f.StringVar(&c.keep, "keep", "", "leave both images of each target in `DIR`, as OCI layouts")
	f.BoolVar(&c.asJSON, "json", false, "print the result as JSON")
	return cmd
}

// run builds twice and compares.
func (c *command) run(ctx context.Context, args []string) error {
	args, err := c.load.Open(c.env, args)
	if err != nil {
		return err
	}
	if c.frontend != "linked" && c.frontend != "pull" {
		return usage.Errorf("--frontend %q: there are linked and pull", c.frontend)
	}
	dir, clean, err := c.folder()
	if err != nil {
		return err
	}
	defer clean()
	c.env.Policies = planning.NewPolicies(ctx, c.env, &c.load.Builder)
	defer c.env.Policies.Close()
	names, err := c.twice(ctx, args, dir)
	if err != nil {
		c.unmake()
		return c.failed(err)
	}
	out := &report{Kept: c.keep}
	for _, name := range names {
		r, err := imagediff.Compare(place(dir, "first", name), place(dir, "second", name))
		if err != nil {
			return c.failed(fmt.Errorf("comparing %s: %w", name, err))
		}
		out.Targets = append(out.Targets, target{Name: name, Result: *r})
	}
	return out.print(c.env, cli.Form(c.asJSON))
}

// failed has those who read JSON find the error in it.
func (c *command) failed(err error) error {
	if c.asJSON {
		out := &report{Targets: []target{}, Build: c.building, Error: err.Error()}
		if unprinted := termtext.PrintJSON(c.env.Stdout, out); unprinted != nil {
			return errors.Join(err, unprinted)
		}
	}
	return err
}

// folder is where the images are put, and removes it if it is not to be kept.
func (c *command) folder() (dir string, clean func(), err error) {
	if c.keep == "" {
		dir, err = os.MkdirTemp("", "orch-repro-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	old, err := os.ReadDir(c.keep)
	if err != nil && !os.IsNotExist(err) || len(old) > 0 {
		return "", nil, usage.Errorf("--keep %s is there already: name a folder that is not, or that is empty", c.keep)
	}
	c.made = os.IsNotExist(err)
	return c.keep, func() {}, os.MkdirAll(c.keep, 0o755)
}

// unmake removes what was put into the folder of --keep, which was empty before: half of
// the images are of no use, and the same command is to work again.
func (c *command) unmake() {
	if c.keep == "" {
		return
	}
	for _, which := range []string{"first", "second"} {
		_ = os.RemoveAll(filepath.Join(c.keep, which))
	}
	if c.made {
		_ = os.Remove(c.keep)
	}
}

// place is the layout of a target.
func place(dir, which, name string) string {
	return filepath.Join(dir, which, strings.ReplaceAll(name, "/", "_"))
}

// betweenBuilds keeps two builds from writing within one second, which is as exact
// as the times in layers are.
const betweenBuilds = 1100 * time.Millisecond

// twice builds the targets into the folder, and returns their names.
func (c *command) twice(ctx context.Context, args []string, dir string) ([]string, error) {
	names, err := c.once(ctx, c.env, args, dir, "first")
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(betweenBuilds):
	}
	other, clean, err := c.second(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	_, err = c.once(ctx, other, args, dir, "second")
	return names, err
}

// once builds the targets.
func (c *command) once(ctx context.Context, e *planning.Session, args []string, dir, which string) ([]string, error) {
	c.building = which
	seen := e
	if which == "second" { // what is wrong with the definition has been said
		seen = e.Quiet()
	}
	cfg, err := c.load.Resolve(ctx, seen, func(o *config.Options) { o.Targets = args }, e.WholeFor)
	if err != nil {
		return nil, err
	}
	if err := c.load.Allowed(ctx, e, cfg, nil); err != nil {
		return nil, err
	}
	if err := seen.CheckPolicies(cfg, c.load.URL != ""); err != nil {
		return nil, err
	}
	names := apart(cfg, func(name string) string { return place(dir, which, name) })
	opt := build.Options{
		Builder: &c.load.Builder, Open: c.sites, Progress: c.progress, PullFrontend: c.frontend == "pull",
		Publish: "auto", Retries: runner.DefaultRetries,
	}
	if opt.Shown() {
		opt.Begins = func() { fmt.Fprintf(e.Stderr, "The %s build\n", which) }
	}
	_, err = build.Aside(ctx, e, cfg, opt)
	return names, err
}

// apart has targets be built from nothing into layouts of their own, and returns
// the names of those that were asked for.
func apart(cfg *config.Config, layout func(name string) string) []string {
	yes := true
	chosen := map[string]bool{}
	for _, name := range cfg.Chosen {
		chosen[name] = true
	}
	for _, t := range cfg.Targets {
		t.NoCache, t.CacheFrom, t.CacheTo, t.Cache, t.Tests, t.Skip, t.Call = &yes, nil, nil, nil, nil, nil, ""
		t.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "provenance", Attrs: map[string]string{"disabled": "true"}})}
		t.Annotations = withoutIndex(t.Annotations)
		if !chosen[t.Name] {
			t.Outputs = nil
			continue
		}
		attrs := form(t)
		attrs["tar"], attrs["dest"] = "false", layout(t.Name)
		t.Outputs, t.Tags = []config.Output{config.NewOutput(config.Entry{Type: "oci", Attrs: attrs})}, nil
	}
	return cfg.Chosen
}

// form is how the image of a target is written: what its first output that is an
// image says of that.
func form(t *config.Target) map[string]string {
	out := map[string]string{}
	if t.Reproducible {
		out["rewrite-timestamp"] = "true"
	}
	for _, o := range t.Outputs {
		if o.Form != config.ImageForm && o.Type != "oci" && o.Type != "docker" {
			continue
		}
		for k, v := range o.Attrs {
			switch k {
			case "compression", "compression-level", "force-compression", "rewrite-timestamp", "source-date-epoch":
				out[k] = v
			default:
				if strings.HasPrefix(k, "annotation") && !strings.HasPrefix(k, "annotation-index") {
					out[k] = v
				}
			}
		}
		break
	}
	return out
}

// withoutIndex leaves out the annotations of indexes: without attestations an image
// for one platform has no index, and the builder refuses them.
func withoutIndex(annotations []string) []string {
	var out []string
	for _, a := range annotations {
		key, value, _ := strings.Cut(a, "=")
		types, name, typed := strings.Cut(key, ":")
		if !typed {
			out = append(out, a)
			continue
		}
		rest := slices.DeleteFunc(strings.Split(types, ","), func(t string) bool { return strings.HasPrefix(strings.TrimSpace(t), "index") })
		if len(rest) > 0 {
			out = append(out, strings.Join(rest, ",")+":"+name+"="+value)
		}
	}
	return out
}
