package buildkit

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/followlinks"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/creds"
)

// attachables are the services that a session offers to the builder.
func (r *run) attachables(c *creds.Set) ([]session.Attachable, error) {
	return r.opt.handedOut().Attachables(c)
}

// handedOut is where the values are that sessions hand out.
func (o *Options) handedOut() creds.Source {
	return creds.Source{LookupEnv: o.LookupEnv, Mask: o.Mask, Registries: o.Credentials}
}

// mounts opens the local directories of the plan, each once.
func (r *run) mounts(locals []*planner.Local) (map[string]fsutil.FS, error) {
	out := map[string]fsutil.FS{}
	for _, l := range locals {
		dir, err := r.opt.Contexts.Open(l.Dir, contextfs.Modes(l.GitModes))
		if err != nil {
			return nil, fmt.Errorf("opening context %s: %w", l.Dir, err)
		}
		out[l.Name] = dir
	}
	return out, nil
}

// watched tells the folders of a session what the builder asks them for.
func watched(dirs map[string]fsutil.FS) filesync.FilterOptFunc {
	return func(name string, opt *fsutil.FilterOpt) error {
		if dir, ok := dirs[name].(*contextfs.FS); ok {
			dir.Selects(opt)
		}
		return nil
	}
}

// localState is the LLB of a local directory. It names the anchor's session,
// so that every target's build reads the very same source; a pattern that
// matches nothing keeps the source of a group apart from that of others.
func (r *run) localState(l *planner.Local, sessionID, group, shown string) llb.State {
	hint, excludes := l.Name, l.Excludes
	if modes := r.folderModes(l); modes != "" {
		hint += "-" + modes
	}
	if group != "" {
		hint, excludes = hint+group, append(slices.Clone(excludes), ".orch-"+group)
	}
	opts := []llb.LocalOption{
		llb.SessionID(sessionID),
		llb.SharedKeyHint(hint),
		llb.ExcludePatterns(excludes),
		llb.WithCustomName(shown),
	}
	if paths := r.followed(l); len(paths) > 0 {
		opts = append(opts, llb.FollowPaths(paths))
	}
	return llb.Local(l.Name, opts...)
}

// followed are the paths that are read of a folder, with where links lead. It is
// looked up once for all targets, so that they read the very same source.
func (r *run) followed(l *planner.Local) []string {
	found, _ := r.links.LoadOrStore(l, sync.OnceValue(func() []string { return followlinks.Paths(l.Dir, l.Paths) }))
	return found.(func() []string)()
}

// folderModes names the modes of the folders that are sent; see
// [contextfs.FolderModes]. It is looked up once for all that read the same.
func (r *run) folderModes(l *planner.Local) string {
	if l.GitModes {
		return "" // they are all the same
	}
	type key struct {
		name, paths string
		all         bool
	}
	found, _ := r.folders.LoadOrStore(key{l.Name, strings.Join(l.Paths, "\x00"), l.Paths == nil}, sync.OnceValue(func() string {
		return contextfs.FolderModes(l.Dir, r.followed(l), l.Excludes)
	}))
	return found.(func() string)()
}

// ociStore is an OCI layout folder that a named context points to.
type ociStore struct {
	id    string
	store content.Store
	ref   string // what the frontend gets
}

// openOCILayout opens the folder of an oci-layout context and finds the digest
// that it means.
func openOCILayout(value string) (*ociStore, error) {
	path, dgst, err := ocilayout.Image(planner.Disk{}, value)
	if err != nil {
		return nil, fmt.Errorf("OCI layout %s: %w", path, err)
	}
	if why := ocilayout.Lacks(planner.Disk{}, path, dgst); why != "" {
		return nil, fmt.Errorf("OCI layout %s: its image is not whole: %s", path, why)
	}
	store, err := contentlocal.NewStore(path)
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout %s: %w", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	id := "oci-" + digest.FromString(abs).Encoded()[:12]
	return &ociStore{id: id, store: store, ref: "oci-layout://" + id + "@" + dgst}, nil
}
