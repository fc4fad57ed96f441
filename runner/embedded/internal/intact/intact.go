// Package intact finds out whether the state of the embedded builder is as the
// builder left it. A builder that ends seals its state: the databases with their
// sums, and how much the folders hold that these describe. The next one compares.
// Without a seal, because the builder was killed, it looks whether the databases
// are there together, and into each of them.
//
// The state is a cache: what is damaged is set aside, and nobody has to know
// how to repair it. The package does not know what is in the databases.
package intact

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/orch-build/orch/internal/output"
)

// The parts of a builder's state, as patterns below its root.
var (
	files = []string{"*.db", "runc-*/*.db", "runc-*/workerid", "runc-*/snapshots/metadata.db"}
	dirs  = []string{"runc-*/content/blobs/sha256", "runc-*/snapshots/snapshots"}
	// together are the databases of a worker that mean nothing without each
	// other.
	together = []string{"metadata_v2.db", "containerdmeta.db", "snapshots/metadata.db"}
)

// Alone are the databases that can be lost without the others.
var Alone = []string{"cache.db", "history.db"}

// seal is what a builder that ended well has left.
type seal struct {
	Files map[string]fileSeal `json:"files"`
	Dirs  map[string]dirSeal  `json:"dirs"`
}

type fileSeal struct {
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`
	Sum   string `json:"sum"`
}

type dirSeal struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"` // of the files in it
}

// Seal writes the seal of the state in root to the file name.
func Seal(root, name string) error {
	s := seal{Files: map[string]fileSeal{}, Dirs: map[string]dirSeal{}}
	for _, rel := range found(root, files) {
		one, err := sealFile(filepath.Join(root, rel))
		if err != nil {
			return fmt.Errorf("sealing the builder's state: %w", err)
		}
		s.Files[rel] = one
	}
	for _, rel := range found(root, dirs) {
		s.Dirs[rel] = sealDir(filepath.Join(root, rel))
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return output.WriteFile(name, data, 0o600)
}

// found lists what matches patterns, as paths from root.
func found(root string, patterns []string) []string {
	var out []string
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, path := range matches {
			if rel, err := filepath.Rel(root, path); err == nil {
				out = append(out, rel)
			}
		}
	}
	return out
}

func sealFile(path string) (fileSeal, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileSeal{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileSeal{}, err
	}
	if !info.Mode().IsRegular() {
		return fileSeal{}, errors.New(path + " is not a file")
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fileSeal{}, err
	}
	return fileSeal{info.Size(), info.ModTime().UnixNano(), hex.EncodeToString(h.Sum(nil))}, nil
}

func sealDir(path string) dirSeal {
	var d dirSeal
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		d.Entries++
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			d.Bytes += info.Size()
		}
	}
	return d
}

// Damaged lists what is not as it should be of the state in root, as paths from
// there. It breaks the seal. sealed says whether there was one; without, the
// databases have yet to be looked into.
func Damaged(root, name string) (bad []string, sealed bool) {
	data, err := os.ReadFile(name)
	if rmErr := os.RemoveAll(name); rmErr != nil {
		return []string{filepath.Base(name)}, true
	}
	var s seal
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil || s.Files == nil {
		return incomplete(root), false
	}
	for rel, was := range s.Files {
		if !same(filepath.Join(root, rel), was) {
			bad = append(bad, rel)
		}
	}
	for rel, was := range s.Dirs {
		if sealDir(filepath.Join(root, rel)) != was {
			bad = append(bad, rel)
		}
	}
	slices.Sort(bad)
	return bad, true
}

// same compares a file with its seal. Its content is read only if its time or
// size is another one: the state may have been copied.
func same(path string, was fileSeal) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != was.Size {
		return false
	}
	if info.ModTime().UnixNano() == was.MTime {
		return true
	}
	now, err := sealFile(path)
	return err == nil && now.Sum == was.Sum
}

// incomplete finds databases that are gone, empty or something else where others
// are there that need them.
func incomplete(root string) []string {
	var bad []string
	for _, rel := range found(root, files) {
		info, err := os.Lstat(filepath.Join(root, rel))
		if err != nil || !info.Mode().IsRegular() {
			bad = append(bad, rel)
		}
	}
	workers, _ := filepath.Glob(filepath.Join(root, "runc-*"))
	for _, worker := range workers {
		bad = append(bad, apart(root, worker)...)
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

// apart lists the databases of a worker that are missing beside others.
func apart(root, worker string) []string {
	var missing []string
	for _, name := range together {
		path := filepath.Join(worker, name)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			rel, _ := filepath.Rel(root, path)
			missing = append(missing, rel)
		}
	}
	content := sealDir(filepath.Join(worker, "snapshots", "snapshots")).Entries > 0 ||
		sealDir(filepath.Join(worker, "content", "blobs", "sha256")).Entries > 0
	if len(missing) == len(together) && !content {
		return nil // it has never held anything
	}
	return missing
}

// Databases lists the databases in root, as paths from there.
func Databases(root string) []string {
	return slices.DeleteFunc(found(root, files), func(rel string) bool { return filepath.Ext(rel) != ".db" })
}

// Look reads all of a database. A damaged one may end the process, so that this
// is for a process of its own.
func Look(path string) error {
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		return first
	})
}

// SetAside moves parts of the state in root to the folder aside, in place of
// what was there before; "" is all of it. The folders that hold most of it are
// not kept.
func SetAside(root, aside string, parts ...string) error {
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("removing what was set aside before: %w", err)
	}
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("setting damaged state aside: %w", err)
	}
	for _, part := range parts {
		to := filepath.Join(aside, filepath.Base(root), part)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("setting damaged state aside: %w", err)
		}
		if err := os.Rename(filepath.Join(root, part), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting damaged state aside: %w", err)
		}
	}
	return nil
}

// Trim removes from what was set aside all that takes much space.
func Trim(aside string) {
	for _, pattern := range []string{"*/runc-*/content", "*/runc-*/snapshots/snapshots"} {
		matches, _ := filepath.Glob(filepath.Join(aside, pattern))
		for _, path := range matches {
			_ = os.RemoveAll(path)
		}
	}
}
