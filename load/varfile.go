package load

import (
	"bytes"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/orch-build/orch/internal/usage"
)

// maxVarFile bounds the size of a file with variables; /dev/zero has no end.
const maxVarFile = 10 << 20

// readVarFile reads a file of NAME=VALUE lines, as Compose reads .env.
func readVarFile(name string, lookup func(string) (string, bool)) (map[string]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usage.Errorf("reading variables: %w", err)
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, maxVarFile+1))
	if err != nil {
		return nil, usage.Errorf("reading variables: %w", err)
	}
	if len(src) > maxVarFile {
		return nil, usage.Errorf("reading variables from %s: it has more than the %d bytes that such a file may have", name, maxVarFile)
	}
	vars, err := dotenv.ParseWithLookup(bytes.NewReader(src), lookup)
	if err != nil {
		return nil, usage.Errorf("reading variables from %s: %w", name, err)
	}
	return vars, nil
}
