package hashstore

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"
)

// Project keeps the sums of all directories of a project in one file, which is
// read once and written once: a project may have thousands of contexts.
type Project struct {
	store Store
	name  string

	mu      sync.Mutex
	loaded  bool
	parts   map[string][]byte
	used    map[string]bool
	changed bool
}

// Project returns the memory of a project, by its folder.
func (m Store) Project(name string) *Project {
	return &Project{store: m, name: "project " + name, parts: map[string][]byte{}, used: map[string]bool{}}
}

// Load returns what was saved for a directory, or nil.
func (p *Project) Load(dir string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	p.used[dir] = true
	return p.parts[dir]
}

// Save replaces what is kept for a directory; Flush writes it.
func (p *Project) Save(dir string, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	p.parts[dir], p.used[dir], p.changed = data, true, true
	return nil
}

// load reads the file; one that cannot be read to its end is as long as it can
// be read.
func (p *Project) load() {
	if p.loaded {
		return
	}
	p.loaded = true
	data := p.store.Load(p.name)
	for {
		name, rest, ok := cut(data)
		if !ok {
			return
		}
		part, rest, ok := cut(rest)
		if !ok {
			return
		}
		p.parts[string(name)], data = part, rest
	}
}

// cut takes a part off, which has its length in front.
func cut(data []byte) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > uint64(len(data)-size) {
		return nil, nil, false
	}
	return data[size : size+int(n)], data[size+int(n):], true
}

// Flush writes what was saved. What was not asked for stays as long as there is
// room.
func (p *Project) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.changed {
		return nil
	}
	var out []byte
	add := func(dir string) {
		if len(out)+len(dir)+len(p.parts[dir])+2*binary.MaxVarintLen64 > mostHashBytes {
			return
		}
		for _, part := range [][]byte{[]byte(dir), p.parts[dir]} {
			out = binary.AppendUvarint(out, uint64(len(part)))
			out = append(out, part...)
		}
	}
	dirs := slices.Sorted(maps.Keys(p.parts))
	for _, dir := range dirs {
		if p.used[dir] {
			add(dir)
		}
	}
	const room = mostHashBytes / 8
	for _, dir := range dirs {
		if !p.used[dir] && len(out)+len(p.parts[dir]) < room {
			add(dir)
		}
	}
	p.changed = false
	return p.store.Save(p.name, out)
}
