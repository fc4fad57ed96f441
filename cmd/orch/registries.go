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
}

// openRegistries reads the docker configuration.
func (e *env) openRegistries() *registries {
	r := e.registries
	r.once.Do(func() {
		r.credentials = registry.LoadCredentials("", e.notices.Warn)
		r.client = registry.New(registry.Options{Credentials: r.credentials})
	})
	return r
}
