// Package facts puts what this machine knows of a target's sources into the
// options of a frontend: what git says of the context, and the proxies of the
// user's docker configuration. It decides what a label and the provenance may tell;
// it does not ask the frontend.
package facts

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
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// Git says what images and their provenance tell of the repository that
// they are built from.
type Git struct {
	// Labels puts the commit, the repository and the Dockerfile into labels.
	Labels bool
	// Info puts them into the provenance.
	Info bool
	// CheckDirty marks a commit that is not all that was built.
	CheckDirty bool
}

// entrypointLabel is where the Dockerfile is in the repository.
const entrypointLabel = "com.docker.image.source.entrypoint"

// Facts are what is known of the targets of a run.
type Facts struct {
	git     Git
	proxies map[string]string

	mu    sync.Mutex
	trees map[string]func() *vcs.Tree // by folder; each is looked at once
}

// New returns the facts of a run. Proxies are build arguments that each target gets
// unless it sets them.
func New(git Git, proxies map[string]string) *Facts {
	return &Facts{git: git, proxies: proxies, trees: map[string]func() *vcs.Tree{}}
}

// tree is the work tree that a target's context is in, or nil.
func (f *Facts) tree(ctx context.Context, b *planner.Build) *vcs.Tree {
	if b.Context == nil {
		return nil
	}
	dir := b.Context.Dir
	f.mu.Lock()
	find := f.trees[dir]
	if find == nil {
		find = sync.OnceValue(func() *vcs.Tree { return vcs.Find(ctx, dir, vcs.Options{CheckDirty: f.git.CheckDirty}) })
		f.trees[dir] = find
	}
	f.mu.Unlock()
	return find()
}

// AddProxies gives steps that reach the network the proxies of the user's docker
// configuration, unless the target sets its own.
func (f *Facts) AddProxies(b *planner.Build, opts map[string]string) {
	for name, value := range dockerproxy.Missing(f.proxies, b.Target.Args) {
		opts["build-arg:"+name] = value
	}
}

// MaskProxies takes the credentials out of proxies that came from the docker
// configuration, where the provenance would tell of them. The builder does not
// tell steps apart by their proxies, so that what was run stands for these too.
func (f *Facts) MaskProxies(b *planner.Build, opts map[string]string) {
	for name, value := range dockerproxy.Missing(f.proxies, b.Target.Args) {
		if strings.Contains(value, "@") {
			opts["build-arg:"+name] = urlutil.RedactCredentials(value)
		}
	}
}

// AddLabels labels the image with what git says of its context.
func (f *Facts) AddLabels(ctx context.Context, b *planner.Build, opts map[string]string) {
	if !f.git.Labels {
		return
	}
	tree := f.tree(ctx, b)
	if tree == nil {
		return
	}
	if tree.Revision != "" {
		opts["label:"+ocispecs.AnnotationRevision] = tree.Revision
	}
	if tree.Source != "" {
		opts["label:"+ocispecs.AnnotationSource] = tree.Source
	}
	if at, ok := tree.Inside(dockerfilePath(b)); ok {
		opts["label:"+entrypointLabel] = filepath.ToSlash(at)
	}
}

// dockerfilePath is the Dockerfile on this machine; where it is written inline,
// the one that the context would have.
func dockerfilePath(b *planner.Build) string {
	if d := b.Dockerfile; d != nil && !b.Target.Inline() {
		return filepath.FromSlash(d.Name)
	}
	return filepath.Join(b.Context.Dir, "Dockerfile")
}

// AddInfo adds the frontend's options from which the provenance says what git
// says of the context, and where in the repository the folders of the target
// are.
func (f *Facts) AddInfo(ctx context.Context, b *planner.Build, opts map[string]string) {
	if !f.git.Info {
		return
	}
	tree := f.tree(ctx, b)
	if tree == nil {
		return
	}
	if tree.Revision != "" {
		opts["vcs:revision"] = tree.Revision
	}
	if tree.Source != "" {
		opts["vcs:source"] = tree.Source
	}
	for name, dir := range folders(b) {
		if at, ok := tree.Inside(dir); ok {
			opts["vcs:localdir:"+name] = filepath.ToSlash(at)
		}
	}
}

// folders are those of a target on this machine, by the names that frontends have
// for them.
func folders(b *planner.Build) map[string]string {
	dirs := map[string]string{frontend.ContextMount: b.Context.Dir}
	if b.Dockerfile != nil && !b.Target.Inline() {
		dirs[frontend.DockerfileMount] = filepath.Dir(dockerfilePath(b))
	}
	for name, l := range b.Contexts {
		if b.Target.Contexts[name].Kind == config.Local {
			dirs[frontend.MountName(name)] = l.Dir
		}
	}
	return dirs
}
