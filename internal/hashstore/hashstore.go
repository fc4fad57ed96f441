// Package hashstore keeps the sums of files in a folder, one file for each
// directory that they are in, and bounds how much there is. It knows nothing of
// what the sums are for.
package hashstore

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/internal/output"
)

// The memory of file sums is bounded: so many directories, and so many bytes
// of them together. Those that were used last stay.
const (
	mostHashFiles = 64
	mostHashBytes = 512 << 20
)

// Store is a folder with sums of files.
type Store struct{ Dir string }

func (m Store) path(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(m.Dir, hex.EncodeToString(sum[:16]))
}

// Load returns what was saved for a directory, or nil.
func (m Store) Load(dir string) []byte {
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
func (m Store) Save(dir string, data []byte) error {
	if len(data) > mostHashBytes {
		return nil
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	if err := output.WriteFile(m.path(dir), data, 0o600); err != nil {
		return err
	}
	return m.prune()
}

func (m Store) prune() error {
	entries, err := os.ReadDir(m.Dir)
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
			if err := os.Remove(filepath.Join(m.Dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
