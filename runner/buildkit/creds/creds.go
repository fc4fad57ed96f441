// Package creds holds what a session hands out to a builder: the credentials of
// registries, secrets and ssh agents. It does not know which target may be handed
// what, nor whether a step asks for it.
package creds

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/rights"
)

// Set has the secrets and ssh sources that one session hands out, by their ids.
// Secrets may be added while the session is open.
type Set struct {
	mu      sync.Mutex
	secrets map[string]config.Secret
	ssh     map[string]config.SSH
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{secrets: map[string]config.Secret{}, ssh: map[string]config.SSH{}}
}

// Of returns what a target has.
func Of(t *config.Target) *Set {
	s := NewSet()
	s.Add(t)
	return s
}

// Add adds what a target has.
func (s *Set) Add(t *config.Target) {
	for _, secret := range t.Secrets {
		s.AddSecret(secret.ID, secret)
	}
	for _, ssh := range t.SSH {
		s.AddSSH(rights.SSHAgent(ssh.ID).ID, ssh)
	}
}

// AddSecret adds a secret under a name.
func (s *Set) AddSecret(id string, secret config.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[id] = secret
}

// AddSSH adds an agent under a name. Those that are added once the session is
// open are not handed out.
func (s *Set) AddSSH(id string, ssh config.SSH) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ssh[id] = ssh
}

func (s *Set) secret(id string) (config.Secret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.secrets[id]
	return found, ok
}

// Source is where the values are that a session hands out.
type Source struct {
	// LookupEnv reads the variables that secrets name.
	LookupEnv func(string) (string, bool)
	// Mask learns the values of secrets as steps ask for them; nil learns none.
	Mask *mask.Mask
	// Registries are the credentials of registries.
	Registries *registry.Credentials
}

// Attachables are the services that a session offers to the builder.
func (src Source) Attachables(s *Set) ([]session.Attachable, error) {
	out := []session.Attachable{src.auth(), src.Secrets(s)}
	if len(s.ssh) > 0 {
		var confs []sshprovider.AgentConfig
		for id, ssh := range s.ssh {
			confs = append(confs, sshprovider.AgentConfig{ID: id, Paths: slices.Clone(ssh.Paths)})
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

// Secrets hands out secrets alone.
func (src Source) Secrets(s *Set) session.Attachable {
	return secretsprovider.NewSecretProvider(&store{set: s, lookup: src.LookupEnv, mask: src.Mask})
}

// auth hands the credentials of registries to the builder.
func (src Source) auth() session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			return src.Registries.Of(host), nil
		},
	})
}

// store reads a secret when a step asks for it, and keeps nothing but what has to
// be masked in the step's output.
type store struct {
	set    *Set
	lookup func(string) (string, bool)
	mask   *mask.Mask
}

// GetSecret returns the value of a secret.
func (s *store) GetSecret(_ context.Context, id string) ([]byte, error) {
	data, err := s.read(id)
	if err == nil {
		s.mask.Add(string(data))
	}
	return data, err
}

func (s *store) read(id string) ([]byte, error) {
	secret, ok := s.set.secret(id)
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
