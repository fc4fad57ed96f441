package bake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/internal/watch"
	"github.com/orch-build/orch/planner"
)

// watched is a definition whose targets are built again when their files change.
type watched struct {
	env  *planning.Session
	load *planning.Flags
	// looking reads the definition beside a build that is going on.
	looking planning.Flags
	flags   *bakeFlags
	args    []string
	fault   string // the last one that was shown
	found   string // what is wrong in the files that were looked at
}

// unwatchable names a flag that asks for something else than builds; "" is none.
func (b *bakeFlags) unwatchable() string {
	for name, set := range map[string]bool{
		"--print": b.print, "--list": b.list != "", "--check": b.check, "--call": b.call != "build",
		"--resume": b.resume, "--shard": b.shard.shardSet, "--affected": len(b.affected) > 0,
	} {
		if set {
			return name
		}
	}
	return ""
}

// watchTargets builds targets, and again those that changed files touch.
func watchTargets(ctx context.Context, e *planning.Session, load *planning.Flags, flags *bakeFlags, args []string) error {
	if name := flags.unwatchable(); name != "" {
		return usage.Errorf("--watch builds again and again; it does not go with %s", name)
	}
	if load.URL != "" {
		return usage.Errorf("--watch needs a definition on this machine: what is fetched does not change here")
	}
	w := &watched{env: e, load: load, looking: *load, flags: flags, args: args}
	if _, err := w.looking.Open(e, args); err != nil {
		return err
	}
	err := watch.Run(ctx, w)
	if err != nil && w.fault == "" {
		fmt.Fprint(e.Stderr, w.found) // of the first look
	}
	return err
}

// Look plans what was asked for, and computes the digests. What is wrong with the
// files is kept for Fault.
func (w *watched) Look(ctx context.Context) (*watch.State, error) {
	var said bytes.Buffer // a build may be writing to the screen
	state, err := w.look(ctx, w.env.Onto(&said))
	w.found = said.String()
	return state, err
}

func (w *watched) look(ctx context.Context, env *planning.Session) (*watch.State, error) {
	overrides, err := w.flags.overrides()
	if err != nil {
		return nil, err
	}
	defer w.looking.Loader.Close()
	d, err := w.looking.Loader.Resolve(ctx, func(o *config.Options) {
		o.Overrides = w.flags.over(o.Overrides, overrides)
		o.Targets = w.args
	})
	if err != nil {
		return nil, err
	}
	if d.Diags.HasErrors() {
		return nil, env.Report(d.Diags, d.Texts)
	}
	if err := w.looking.GrantedToFetch(d.Config); err != nil {
		return nil, err
	}
	plan, diags, err := env.MakePlan(ctx, d.Config, planning.Options{})
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, env.Report(diags, d.Config.Sources, plan.Sources)
	}
	digests, err := env.KnownDigests(ctx, plan)
	if err != nil {
		return nil, err
	}
	s := &watch.State{Digests: map[string]string{}}
	for name := range d.Texts {
		s.Files = append(s.Files, absolute(name))
	}
	for name := range plan.Sources {
		s.Files = append(s.Files, absolute(name), absolute(name)+".dockerignore")
	}
	for _, b := range plan.Builds {
		t := digests.Target(b)
		if b.Wanted {
			s.Digests[b.Name()] = t.Publication + t.Image
		}
		for _, out := range b.Target.Outputs {
			if out.Dest != "" && out.Dest != "-" {
				s.Written = append(s.Written, absolute(out.Dest))
			}
		}
	}
	for _, l := range plan.Locals {
		s.Files = append(s.Files, filepath.Join(l.Dir, ".dockerignore"))
		roots, err := rootsOf(l)
		if err != nil {
			return nil, err
		}
		s.Roots = append(s.Roots, roots...)
	}
	return s, nil
}

func absolute(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return path
}

// rootsOf are the folders of a context that are read, but for what the ignore file
// leaves out.
func rootsOf(l *planner.Local) ([]watch.Root, error) {
	ignored, err := patternmatcher.New(l.Excludes)
	if err != nil {
		return nil, fmt.Errorf("the ignore file of %s: %w", l.Dir, err)
	}
	var roots []watch.Root
	for _, path := range pathsOf(l) {
		roots = append(roots, watch.Root{Dir: filepath.Join(l.Dir, path), Skip: func(below string) bool {
			if ignored.Exclusions() {
				return false // something below may be taken all the same
			}
			match, err := ignored.MatchesOrParentMatches(filepath.Join(path, below))
			return err == nil && match
		}})
	}
	return roots, nil
}

// pathsOf are the paths in a context that are read, up to their wildcards.
func pathsOf(l *planner.Local) []string {
	if l.Paths == nil {
		return []string{"."}
	}
	var out []string
	for _, path := range l.Paths {
		if i := strings.IndexAny(path, `*?[\`); i >= 0 {
			path = path[:i]
			path = path[:strings.LastIndexByte(path, '/')+1]
		}
		out = append(out, filepath.FromSlash("./"+path))
	}
	return out
}

// Build builds targets as bake does.
func (w *watched) Build(ctx context.Context, targets []string) error {
	w.fault = ""
	err := bake(ctx, w.env, w.load, w.flags, targets)
	if err != nil && ctx.Err() == nil {
		w.print(err)
	}
	return err
}

// Say shows a line.
func (w *watched) Say(line string) { fmt.Fprintf(w.env.Stderr, "\n%s\n", line) }

// Fault shows an error of Look. One that is on the screen already is not shown again:
// where the screen is a file in the project, that would go on for ever.
func (w *watched) Fault(err error) bool {
	fault := w.found + "\n" + err.Error()
	if fault == w.fault {
		return false
	}
	w.fault = fault
	fmt.Fprint(w.env.Stderr, w.found)
	w.print(err)
	return true
}

// print prints an error, unless that was done where it came from.
func (w *watched) print(err error) {
	var shown *cli.Failure
	if !errors.As(err, &shown) {
		w.env.Diag().PrintError(err)
	}
}
