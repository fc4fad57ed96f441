package main

import (
	"sync"

	"github.com/orch-build/orch/internal/registry"
)

// registries are what a command needs for registries, made when it is first
// needed.
type registries struct {
	once        sync.Once
	credentials *registry.Credentials
	client      *registry.Client
	// elsewhere is true if another builder than the embedded one is used.
	elsewhere bool
}

// openRegistries reads the docker configuration.
func (e *env) openRegistries() *registries {
	r := e.registries
	r.once.Do(func() {
		r.credentials = registry.LoadCredentials("", e.notices.Warn)
		r.client = registry.New(registry.Options{Credentials: r.credentials, Hosts: e.registryHosts()})
	})
	return r
}

// registryHosts are those of the embedded builder's configuration, so that orch
// reaches what it pushes to. What is wrong in the file is said where the builder
// is started.
func (e *env) registryHosts() map[string]registry.HostConfig {
	if e.registries.elsewhere {
		return nil
	}
	o, err := embeddedOptions(e)
	if err != nil {
		return nil
	}
	hosts, err := o.Registries()
	if err != nil {
		return nil
	}
	return hosts
}
