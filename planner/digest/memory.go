package digest

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/inputs"
)

// memoryVersion changes with the form of what is remembered.
var memoryVersion = engineVersion + " 7"

// mostSkeletons bounds what is kept beside what the last call used.
const mostSkeletons = 4000

// memory remembers conversions.
type memory struct {
	store inputs.Memory
	name  string

	mu     sync.Mutex
	kept   map[string]*skeleton
	used   map[string]*skeleton
	missed atomic.Int64
}

// kept is the form of a memory.
type kept struct {
	Version   string               `json:"version"`
	Skeletons map[string]*skeleton `json:"skeletons"`
}

func openMemory(store inputs.Memory, name string) *memory {
	m := &memory{store: store, name: "definitions of " + name, kept: map[string]*skeleton{}, used: map[string]*skeleton{}}
	if store == nil {
		return m
	}
	var k kept
	if json.Unmarshal(store.Load(m.name), &k) == nil && k.Version == memoryVersion {
		for key, s := range k.Skeletons {
			if s != nil {
				m.kept[key] = s
			}
		}
	}
	return m
}

// skeleton returns a remembered skeleton, or has it made.
func (m *memory) skeleton(ctx context.Context, key string, c *conversion, e *engine) *skeleton {
	m.mu.Lock()
	s := m.used[key]
	if s == nil {
		s = m.kept[key]
	}
	m.mu.Unlock()
	if s == nil || !s.holds(ctx, c, e) {
		m.missed.Add(1)
		s = c.run(ctx, e)
		if ctx.Err() != nil {
			return s // it may have failed for that
		}
	}
	m.mu.Lock()
	m.used[key] = s
	m.mu.Unlock()
	return s
}

// holds says whether the questions of a conversion still have the answers that
// it was made with.
func (s *skeleton) holds(ctx context.Context, c *conversion, e *engine) bool {
	if s.Failed != "" {
		return false // the reason may have gone
	}
	whole := false
	for _, q := range s.Asked {
		whole = whole || q.Triggers
		if strings.HasPrefix(q.Ref, layoutScheme) {
			if q.Unknown {
				return false
			}
			continue // its digest is in the options
		}
		p, err := config.ParsePlatform(q.Platform)
		if err != nil {
			return false
		}
		if now, _ := e.asking.question(ctx, q.Ref, p); now != q {
			return false
		}
	}
	return !whole || s.Whole == hash(string(c.build.Dockerfile.Data))
}

// save keeps what was used, and what was kept before as long as it is not much
// more.
func (m *memory) save() {
	if m.store == nil || m.missed.Load() == 0 {
		return
	}
	k := kept{Version: memoryVersion, Skeletons: maps.Clone(m.used)}
	for key, s := range m.kept {
		if len(k.Skeletons) >= len(m.used)+mostSkeletons {
			break
		}
		if _, ok := k.Skeletons[key]; !ok {
			k.Skeletons[key] = s
		}
	}
	data, err := json.Marshal(k)
	if err != nil {
		return
	}
	// A memory that cannot be written only makes the next call slower.
	_ = m.store.Save(m.name, data)
}
