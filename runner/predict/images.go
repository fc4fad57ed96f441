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
	m := &Images{path: filepath.Join(state, "steps", "images.json"), met: map[string]string{}}
	data, _ := os.ReadFile(m.path)
	m.digests = readImages(data)
	return m
}

// readImages reads what was written; what is damaged is as if nothing were there.
func readImages(data []byte) map[string]string {
	digests := map[string]string{}
	if json.Unmarshal(data, &digests) != nil || digests == nil || len(digests) > mostImages {
		return map[string]string{}
	}
	return digests
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
	maps.Copy(m.digests, m.met)
	return moved, changed
}

// Save adds what was met to what is remembered, which other runs may have changed
// meanwhile. Where it cannot be written, the next run knows less.
func (m *Images) Save() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = output.Update(m.path, 0o600, func(old []byte) ([]byte, error) {
		digests := readImages(old)
		maps.Copy(digests, m.met)
		return json.Marshal(digests)
	})
}
