package predict

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/output"
)

// Key is the key of this machine with which values are sealed, so that equal ones can
// be recognized. Where no key can be kept, it is good for this run only.
func Key(state string) []byte {
	const size = 32
	path := filepath.Join(state, "steps", "key")
	if data, err := os.ReadFile(path); err == nil && len(data) == size {
		return data
	}
	key := make([]byte, size)
	_, _ = rand.Read(key) // it never fails
	if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = output.WriteFile(path, key, 0o600)
	}
	return key
}
