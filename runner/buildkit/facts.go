package buildkit

import (
	"context"
	"path/filepath"
	"strings"
	"sync"

	"github.com/moby/buildkit/util/urlutil"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/dockerproxy"
	"github.com/orch-build/orch/internal/vcs"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// GitOptions say what images and their provenance tell of the repository that
// they are built from.
type GitOptions struct {
	// Labels puts the commit, the repository and the Dockerfile into labels.
	Labels bool
	// Info puts them into the provenance.
	Info bool
	// CheckDirty marks a commit that is not all that was built.
	CheckDirty bool
}

// entrypointLabel is where the Dockerfile is in the repository.
const entrypointLabel = "com.docker.image.source.entrypoint"

// trees are the work trees that folders are in; each folder is looked at once.
type trees struct {
	mu    sync.Mutex
	found map[string]func() *vcs.Tree
}

func (ts *trees) of(ctx context.Context, dir string, checkDirty bool) *vcs.Tree {
	ts.mu.Lock()
	if ts.found == nil {
		ts.found = map[string]func() *vcs.Tree{}
	}
	find := ts.found[dir]
	if find == nil {
		find = sync.OnceValue(func() *vcs.Tree { return vcs.Find(ctx, dir, checkDirty) })
		ts.found[dir] = find
	}
	ts.mu.Unlock()
	return find()
}

// tree is the work tree that the target's context is in, or nil.
func (t *target) tree(ctx context.Context) *vcs.Tree {
	if t.plan.Context == nil {
		return nil
	}
	return t.run.trees.of(ctx, t.plan.Context.Dir, t.run.opt.Git.CheckDirty)
}

// proxies give steps that reach the network the proxies of the user's docker
// configuration, unless the target sets its own.
func (t *target) proxies() {
	for name, value := range dockerproxy.Missing(t.run.opt.Proxies, t.plan.Target.Args) {
		t.opts["build-arg:"+name] = value
	}
}

// maskProxies takes the credentials out of proxies that came from the docker
// configuration, where the provenance would tell of them. The builder does not
// tell steps apart by their proxies, so that what was run stands for these too.
func (t *target) maskProxies(opts map[string]string) {
	for name, value := range dockerproxy.Missing(t.run.opt.Proxies, t.plan.Target.Args) {
		if strings.Contains(value, "@") {
			opts["build-arg:"+name] = urlutil.RedactCredentials(value)
		}
	}
}

// gitLabels label the image with what git says of its context.
func (t *target) gitLabels(ctx context.Context) {
	if !t.run.opt.Git.Labels {
		return
	}
	tree := t.tree(ctx)
	if tree == nil {
		return
	}
	if tree.Revision != "" {
		t.opts["label:"+ocispecs.AnnotationRevision] = tree.Revision
	}
	if tree.Source != "" {
		t.opts["label:"+ocispecs.AnnotationSource] = tree.Source
	}
	if at, ok := tree.Inside(t.dockerfilePath()); ok {
		t.opts["label:"+entrypointLabel] = filepath.ToSlash(at)
	}
}

// dockerfilePath is the Dockerfile on this machine; where it is written inline,
// the one that the context would have.
func (t *target) dockerfilePath() string {
	if d := t.plan.Dockerfile; d != nil && t.plan.Target.DockerfileInline == nil {
		return filepath.FromSlash(d.Name)
	}
	return filepath.Join(t.plan.Context.Dir, "Dockerfile")
}

// gitInfo are the frontend's options from which the provenance says what git
// says of the context, and where in the repository the folders of the target
// are.
func (t *target) gitInfo(ctx context.Context) map[string]string {
	out := map[string]string{}
	if !t.run.opt.Git.Info {
		return out
	}
	tree := t.tree(ctx)
	if tree == nil {
		return out
	}
	if tree.Revision != "" {
		out["vcs:revision"] = tree.Revision
	}
	if tree.Source != "" {
		out["vcs:source"] = tree.Source
	}
	dirs := map[string]string{frontend.ContextMount: t.plan.Context.Dir}
	if t.plan.Dockerfile != nil && t.plan.Target.DockerfileInline == nil {
		dirs[frontend.DockerfileMount] = filepath.Dir(t.dockerfilePath())
	}
	for name, l := range t.plan.Contexts {
		if t.plan.Target.Contexts[name].Kind == config.Local {
			dirs[frontend.MountName(name)] = l.Dir
		}
	}
	for name, dir := range dirs {
		if at, ok := tree.Inside(dir); ok {
			out["vcs:localdir:"+name] = filepath.ToSlash(at)
		}
	}
	return out
}
