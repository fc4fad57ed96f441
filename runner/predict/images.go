package predict

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/orch-build/orch/internal/output"
)

// mostImages bounds how many names of images are remembered.
const mostImages = 10_000

// Images remembers which digests the names of images had when a builder last met
// them. It is for several goroutines.
type Images struct {
	path string

	mu      sync.Mutex
	digests map[string]string
	met     map[string]string // in this run
}

// OpenImages reads what is remembered in a state folder.
func OpenImages(state string) *Images {
	m := &Images{path: filepath.Join(state, "steps", "images.json"), digests: map[string]string{}, met: map[string]string{}}
	if data, err := os.ReadFile(m.path); err == nil && (json.Unmarshal(data, &m.digests) != nil || m.digests == nil) {
		m.digests = map[string]string{}
	}
	return m
}

// Seen is the digest that a name had, or "".
func (m *Images) Seen(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.digests[name]
}

// Meet notes what a builder met in this run.
func (m *Images) Meet(name, digest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.met[name] = digest
}

// Settle takes what was met for what is seen, and returns the names that were
// something else before, and whether any was new.
func (m *Images) Settle() (moved []string, changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, digest := range m.met {
		if old := m.digests[name]; old != digest {
			changed = true
			if old != "" {
				moved = append(moved, name)
			}
		}
	}
	if len(m.digests) > mostImages {
		m.digests = map[string]string{}
	}
	maps.Copy(m.digests, m.met)
	return moved, changed
}

// Save writes what is remembered. Where it cannot be written, the next run knows
// less.
func (m *Images) Save() {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, err := json.Marshal(m.digests)
	if err == nil && os.MkdirAll(filepath.Dir(m.path), 0o700) == nil {
		_ = output.WriteFile(m.path, data, 0o600)
	}
}
