//go:build linux

package program

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

const (
	keptPrefix = "program-"
	// mostKept and keptFor bound what stays of programs that others, or other
	// versions of this one, have kept.
	mostKept = 3
	keptFor  = 7 * 24 * time.Hour
)

// Kept is a program by its content.
type Kept struct {
	// Sum is a digest of the program, and names its file.
	Sum string
	// Size is its length in bytes.
	Size int64
	// Open reads it.
	Open func() (io.ReadCloser, error)
}

// Keep unpacks a program into dir, unless it is there already, so that the next
// process need not unpack it. The file has its place only when it is complete and
// on the disk; one that is not as it was written, or that somebody else could
// have changed, is written again. Programs that were not used for long are
// removed.
func Keep(dir string, k Kept) (path string, err error) {
	path = filepath.Join(dir, keptPrefix+k.Sum)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := private(dir); err != nil {
		return "", err
	}
	if k.intact(path) {
		_ = os.Chtimes(path, time.Time{}, time.Now()) // it is used
		return path, nil
	}
	if err := k.write(dir, path); err != nil {
		return "", fmt.Errorf("keeping the program: %w", err)
	}
	removeOld(dir, path)
	return path, nil
}

// private refuses a folder that somebody else could put a program into.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !ours(info) {
		return fmt.Errorf("%s is not a folder that only this user can write to", dir)
	}
	return nil
}

// ours says whether nobody else may change what info is of.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// intact says whether a file is the program as it was written.
func (k Kept) intact(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && ours(info) && info.Size() == k.Size && info.Mode().Perm()&0o100 != 0
}

func (k Kept) write(dir, path string) error {
	f, err := os.CreateTemp(dir, "unpacking-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = errors.Join(write(f, k.Open), f.Chmod(0o700), f.Sync())
	if info, serr := f.Stat(); err == nil && serr == nil && info.Size() != k.Size {
		err = fmt.Errorf("it has %s, not %d", termtext.Count(int(info.Size()), "byte"), k.Size)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// removeOld removes other programs than the one at path, and what is left of
// processes that were killed while they unpacked one.
func removeOld(dir, path string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	kept := 1
	for _, entry := range entries {
		info, err := entry.Info()
		name := filepath.Join(dir, entry.Name())
		if err != nil || name == path || !info.Mode().IsRegular() {
			continue
		}
		old := time.Since(info.ModTime()) > keptFor
		switch {
		case strings.HasPrefix(entry.Name(), keptPrefix):
			if kept++; old || kept > mostKept {
				_ = os.Remove(name)
			}
		case strings.HasPrefix(entry.Name(), "unpacking-") && time.Since(info.ModTime()) > time.Hour:
			_ = os.Remove(name)
		}
	}
}
