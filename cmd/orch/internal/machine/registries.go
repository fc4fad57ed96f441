package machine

import (
	"sync"

	"github.com/orch-build/orch/internal/registry"
)

// Registries are what a command needs for registries, made when it is first
// needed.
type Registries struct {
	once        sync.Once
	Credentials *registry.Credentials
	// Client asks registries, and Puller asks as the builder does where it pulls: their
	// mirrors too.
	Client, Puller *registry.Client
	// elsewhere is true if another builder than the embedded one is used.
	elsewhere bool
}

// OpenRegistries reads the docker configuration.
func (e *Machine) OpenRegistries() *Registries {
	r := e.registries
	r.once.Do(func() {
		r.Credentials = registry.LoadCredentials("", e.Notices.Warn)
		r.Client = registry.New(registry.Options{Credentials: r.Credentials, Hosts: e.registryHosts()})
		r.Puller = r.Client.Pulling(e.Mirrors())
	})
	return r
}

// registryHosts are what the embedded builder's configuration says of registries, so that orch
// reaches what it pushes to. What is wrong in the file is said where the builder
// is started.
func (e *Machine) registryHosts() map[string]registry.HostConfig {
	if e.registries.elsewhere {
		return nil
	}
	o, err := EmbeddedOptions(e)
	if err != nil {
		return nil
	}
	hosts, err := o.Registries()
	if err != nil {
		return nil
	}
	return hosts
}

// Mirrors are those that the embedded builder has for registries.
func (e *Machine) Mirrors() map[string][]string {
	if e.registries.elsewhere {
		return nil
	}
	o, err := EmbeddedOptions(e)
	if err != nil {
		return nil
	}
	mirrors, err := o.Mirrors()
	if err != nil {
		return nil
	}
	return mirrors
}
