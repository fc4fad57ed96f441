package embedded

import (
	"fmt"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/embedded/internal/daemonconfig"
)

// Registries says how the builder's configuration has registries reached, by their
// names. Mirrors are left out: they are for what the builder pulls, and tags are
// looked at and moved in the registry itself.
func (o Options) Registries() (map[string]registry.HostConfig, error) {
	config, _, err := daemonconfig.Load(o.Config)
	if err != nil {
		return nil, fmt.Errorf("reading how registries are reached: %w", err)
	}
	hosts := map[string]registry.HostConfig{}
	for name, r := range config.Registries {
		h := registry.HostConfig{PlainHTTP: r.PlainHTTP, Insecure: r.Insecure, CAs: r.RootCAs, CertDirs: r.TLSConfigDir}
		for _, pair := range r.KeyPairs {
			h.KeyPairs = append(h.KeyPairs, registry.KeyPair{Cert: pair.Certificate, Key: pair.Key})
		}
		hosts[name] = h
	}
	return hosts, nil
}

// Mirrors are where the builder pulls from instead of registries, by their names.
func (o Options) Mirrors() (map[string][]string, error) {
	config, _, err := daemonconfig.Load(o.Config)
	if err != nil {
		return nil, fmt.Errorf("reading how registries are reached: %w", err)
	}
	out := map[string][]string{}
	for name, r := range config.Registries {
		out[name] = r.Mirrors
	}
	return out, nil
}
