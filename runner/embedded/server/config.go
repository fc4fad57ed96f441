//go:build linux

package server

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/util/entitlements"
	"github.com/moby/buildkit/util/resolver"
	resolverconfig "github.com/moby/buildkit/util/resolver/config"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/semaphore"
)

// setLogLevel has the builder log what its configuration asks for.
func (s settings) setLogLevel() {
	if level, err := logrus.ParseLevel(s.config.Log.Level); err == nil {
		logrus.SetLevel(level)
	}
	if s.config.Debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
	if s.config.Trace {
		logrus.SetLevel(logrus.TraceLevel)
	}
}

// entitlements are what a build may ask for; it gets it only if its client
// allows it.
func (s settings) entitlements() []string {
	if s.config.Entitlements != nil {
		return s.config.Entitlements
	}
	return []string{
		string(entitlements.EntitlementNetworkHost),
		string(entitlements.EntitlementSecurityInsecure),
	}
}

// dns is what build steps have for name servers; nil is what the machine has.
func (s settings) dns() *oci.DNSConfig {
	if s.config.DNS == nil {
		return nil
	}
	return &oci.DNSConfig{
		Nameservers:   s.config.DNS.Nameservers,
		Options:       s.config.DNS.Options,
		SearchDomains: s.config.DNS.SearchDomains,
	}
}

// parallelism limits the steps that run at once; nil means no limit.
func (s settings) parallelism() *semaphore.Weighted {
	if n := s.config.Worker.OCI.MaxParallelism; n > 0 {
		return semaphore.NewWeighted(int64(n))
	}
	return nil
}

// registryHosts says how registries are reached: as the configuration has it,
// and with the certificates that Docker is given for a registry. Those are
// looked for with each request, so that new ones need no new builder.
func (s settings) registryHosts() docker.RegistryHosts {
	return func(host string) ([]docker.RegistryHost, error) {
		all := maps.Clone(s.config.Registries)
		if all == nil {
			all = map[string]resolverconfig.RegistryConfig{}
		}
		names := []string{host}
		for _, mirror := range all[host].Mirrors {
			name, _, _ := strings.Cut(mirror, "/")
			names = append(names, name)
		}
		for _, name := range names {
			withCertificates(all, name)
		}
		return resolver.NewRegistryConfig(all)(host)
	}
}

// certificateFolders hold a folder for each registry, as Docker has it: *.crt
// are authorities, NAME.cert and NAME.key a client's certificate.
func certificateFolders() []string {
	dirs := []string{"/etc/docker/certs.d"}
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		dirs = append(dirs, filepath.Join(home, ".config", "docker", "certs.d"))
	}
	return dirs
}

// withCertificates adds the folders of certificates that there are for a
// registry to its configuration.
func withCertificates(all map[string]resolverconfig.RegistryConfig, host string) {
	for _, dir := range certificateFolders() {
		dir = filepath.Join(dir, host)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		c := all[host]
		c.TLSConfigDir = append(slices.Clone(c.TLSConfigDir), dir)
		if c.PlainHTTP == nil && !insecure(c) {
			// Whoever gives certificates to a registry on this machine does not
			// mean plain HTTP, which is the default there.
			no := false
			c.PlainHTTP = &no
		}
		all[host] = c
	}
}

func insecure(c resolverconfig.RegistryConfig) bool { return c.Insecure != nil && *c.Insecure }
