package load

import (
	"bytes"
	"os"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/orch-build/orch/internal/usage"
)

// readVarFile reads a file of NAME=VALUE lines, as Compose reads .env.
func readVarFile(name string, lookup func(string) (string, bool)) (map[string]string, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, usage.Errorf("reading variables: %w", err)
	}
	vars, err := dotenv.ParseWithLookup(bytes.NewReader(src), lookup)
	if err != nil {
		return nil, usage.Errorf("reading variables from %s: %w", name, err)
	}
	return vars, nil
}
