package buildkit

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/util/staticfs"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// syntax is the frontend that the target asks for: by an argument, or else by
// the first line of its Dockerfile; "" is the linked one.
func (t *target) syntax() string {
	if s := strings.TrimSpace(t.plan.Target.Args["BUILDKIT_SYNTAX"]); s != "" {
		return s
	}
	if d := t.plan.Dockerfile; d != nil {
		return strings.TrimSpace(d.Syntax)
	}
	return ""
}

// foreign says whether the builder has to run another frontend than the
// linked one. Such a frontend is known to understand no more than the names of
// the folders, so these are offered to it as bake does.
func (t *target) foreign() bool {
	s := t.syntax()
	return s != "" && t.plan.Dockerfile != nil && (t.run.opt.PullFrontend || !frontend.BuiltIn(s))
}

// folder is a directory that a session offers under a name.
type folder struct {
	key string // equal for equal folders
	fs  fsutil.FS
}

// folders are what a foreign frontend may ask the session for.
func (t *target) folders() (map[string]folder, error) {
	if !t.foreign() {
		return nil, nil
	}
	out := map[string]folder{}
	if err := t.dockerfileFolder(out); err != nil {
		return nil, err
	}
	if l := t.plan.Context; l != nil {
		if err := t.run.offer(out, frontend.ContextMount, l); err != nil {
			return nil, err
		}
	}
	for name, l := range t.plan.Contexts {
		if err := t.run.offer(out, frontend.MountName(name), l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *target) dockerfileFolder(out map[string]folder) error {
	d := t.plan.Dockerfile
	if !t.plan.Target.Inline() {
		return t.run.offer(out, frontend.DockerfileMount, &planner.Local{Dir: filepath.Dir(filepath.FromSlash(d.Name))})
	}
	memory := staticfs.NewFS()
	memory.Add(path.Base(d.Filename), &fstypes.Stat{Mode: 0o644}, d.Data)
	out[frontend.DockerfileMount] = folder{key: digest.FromBytes(d.Data).String(), fs: memory}
	return nil
}

func (r *run) offer(out map[string]folder, name string, l *planner.Local) error {
	files, err := r.opt.Contexts.Open(l.Dir, contextfs.Modes(l.GitModes))
	if err != nil {
		return fmt.Errorf("opening context %s: %w", l.Dir, err)
	}
	key := l.Dir
	if l.GitModes {
		key += " with the modes of git"
	}
	out[name] = folder{key: key, fs: files}
	return nil
}

// foreignOptions tell a foreign frontend where things are.
func (t *target) foreignOptions() {
	for name := range t.plan.Contexts {
		t.opts["context:"+name] = "local:" + frontend.MountName(name)
	}
	t.opts["filename"] = path.Base(t.plan.Dockerfile.Filename)
}

// askForeign has the builder run the frontend that the target names.
func (t *target) askForeign(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	opts := maps.Clone(t.opts)
	opts["cmdline"] = t.syntax()
	opts["source"], _, _ = strings.Cut(t.syntax(), " ")
	res, err := t.ask(ctx, gw, "gateway.v0", opts)
	if err == nil {
		t.noteFrontend(ctx, opts["source"])
	}
	return res, err
}
