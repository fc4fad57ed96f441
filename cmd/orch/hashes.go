package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/embedded"
)

// The memory of file sums is bounded: so many directories, and so many bytes
// of them together. Those that were used last stay.
const (
	mostHashFiles = 64
	mostHashBytes = 512 << 20
)

// hashMemory keeps the sums of files in the state folder, one file for each
// directory that is a context.
type hashMemory struct{ dir string }

// fileMemory returns the memory of file sums, or nil where nothing can be
// kept.
func (e *env) fileMemory() planner.Memory {
	dir, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return nil
	}
	return hashMemory{filepath.Join(dir, "files")}
}

func (m hashMemory) path(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(m.dir, hex.EncodeToString(sum[:16]))
}

// Load returns what was saved for a directory, or nil.
func (m hashMemory) Load(dir string) []byte {
	path := m.path(dir)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() > mostHashBytes {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return data
}

// Save replaces what is kept for a directory, and drops what is too much.
func (m hashMemory) Save(dir string, data []byte) error {
	if len(data) > mostHashBytes {
		return nil
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	if err := output.WriteFile(m.path(dir), data, 0o600); err != nil {
		return err
	}
	return m.prune()
}

func (m hashMemory) prune() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var bytes int64
	for i, f := range files {
		bytes += f.Size()
		if i >= mostHashFiles || bytes > mostHashBytes {
			if err := os.Remove(filepath.Join(m.dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
