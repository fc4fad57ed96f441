//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

// The environment variables that make the test binary the registry.
const (
	registryEnv     = "ORCH_E2E_REGISTRY"
	registryAddrEnv = "ORCH_E2E_REGISTRY_ADDR"
)

// serveRegistry is the registry process: distribution's, with its data in a
// folder. It runs until it is killed.
func serveRegistry() {
	logrus.SetOutput(io.Discard)
	cfg := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": os.Getenv(registryEnv)},
			"delete":     {"enabled": true},
		},
	}
	cfg.HTTP.Addr = os.Getenv(registryAddrEnv)
	cfg.HTTP.Secret = "not a secret: loopback only"
	cfg.Log.Level = "error"
	r, err := registry.NewRegistry(context.Background(), cfg)
	if err == nil {
		err = r.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, "registry:", err)
	os.Exit(1)
}
