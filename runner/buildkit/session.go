package buildkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"

	orch "github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/followlinks"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/rights"
)

// credentials are the secrets and ssh sources that one session hands out, by
// their ids. Secrets may be added while the session is open.
type credentials struct {
	mu      sync.Mutex
	secrets map[string]orch.Secret
	ssh     map[string]orch.SSH
}

func newCredentials() *credentials {
	return &credentials{secrets: map[string]orch.Secret{}, ssh: map[string]orch.SSH{}}
}

// add adds what a target has.
func (c *credentials) add(t *orch.Target) {
	for _, s := range t.Secrets {
		c.addSecret(s.ID, s)
	}
	for _, s := range t.SSH {
		c.ssh[rights.SSHAgent(s.ID).ID] = s
	}
}

func (c *credentials) addSecret(id string, s orch.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[id] = s
}

func (c *credentials) secret(id string) (orch.Secret, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.secrets[id]
	return s, ok
}

// attachables are the services that a session offers to the builder: registry
// credentials, secrets and ssh agents.
func (r *run) attachables(c *credentials) ([]session.Attachable, error) {
	out := []session.Attachable{r.auth(), secretsprovider.NewSecretProvider(&secretStore{c, r.opt.LookupEnv, r.opt.Mask})}
	if len(c.ssh) > 0 {
		var confs []sshprovider.AgentConfig
		for id, s := range c.ssh {
			confs = append(confs, sshprovider.AgentConfig{ID: id, Paths: slices.Clone(s.Paths)})
		}
		slices.SortFunc(confs, func(a, b sshprovider.AgentConfig) int { return strings.Compare(a.ID, b.ID) })
		agents, err := sshprovider.NewSSHAgentProvider(confs)
		if err != nil {
			return nil, fmt.Errorf("preparing ssh: %w", err)
		}
		out = append(out, agents)
	}
	return out, nil
}

// auth hands the credentials of registries to the builder.
func (r *run) auth() session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			return r.opt.Credentials.Of(host), nil
		},
	})
}

// secretStore reads a secret when a step asks for it, and keeps nothing but
// what has to be masked in the step's output.
type secretStore struct {
	creds  *credentials
	lookup func(string) (string, bool)
	mask   *mask.Mask
}

func (s *secretStore) GetSecret(ctx context.Context, id string) ([]byte, error) {
	data, err := s.read(ctx, id)
	if err == nil {
		s.mask.Add(string(data))
	}
	return data, err
}

func (s *secretStore) read(_ context.Context, id string) ([]byte, error) {
	secret, ok := s.creds.secret(id)
	if !ok {
		return nil, fmt.Errorf("secret %q: %w", id, secrets.ErrNotFound)
	}
	if secret.Env != "" {
		value, ok := s.lookup(secret.Env)
		if !ok {
			return nil, fmt.Errorf("secret %q: variable %s is not set: %w", id, secret.Env, secrets.ErrNotFound)
		}
		return []byte(value), nil
	}
	data, err := os.ReadFile(secret.Src)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", id, err)
	}
	return data, nil
}

// mounts opens the local directories of the plan, each once.
func (r *run) mounts(locals []*planner.Local) (map[string]fsutil.FS, error) {
	out := map[string]fsutil.FS{}
	for _, l := range locals {
		dir, err := r.opt.Contexts.Open(l.Dir, l.GitModes)
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

// ociStore is an OCI layout folder that a named context points to.
type ociStore struct {
	id    string
	store content.Store
	ref   string // what the frontend gets
}

// openOCILayout opens the folder of an oci-layout context and finds the digest
// that it means.
func openOCILayout(value string) (*ociStore, error) {
	path, tag, dgst := ocilayout.Split(value)
	if dgst == "" {
		index, err := os.ReadFile(filepath.Join(path, "index.json"))
		if err == nil {
			dgst, err = ocilayout.Find(index, tag)
		}
		if err != nil {
			return nil, fmt.Errorf("OCI layout %s: %w", path, err)
		}
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
