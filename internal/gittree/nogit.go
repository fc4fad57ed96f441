package gittree

import (
	"crypto/sha1" //nolint:gosec // it is the sum by which git names its objects
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/orch-build/orch/internal/gitfact"
)

// library reads a repository where there is no git. It takes several times as long,
// and knows no filters: a file that has been touched and has one counts as changed.
type library struct {
	repo *gogit.Repository
	root string
}

// openLibrary opens the repository around a directory.
func openLibrary(dir string) (*library, error) {
	repo, err := gitfact.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; reading the repository without it: %w", ErrNoGit, err)
	}
	w, err := repo.Worktree()
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	root, err := filepath.EvalSymlinks(w.Filesystem.Root())
	return &library{repo, root}, err
}

// commit finds the commit that a revision means.
func (l *library) commit(rev string) (*object.Commit, error) {
	hash, err := l.repo.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return nil, err
	}
	return l.repo.CommitObject(*hash)
}

// mergeBase is the commit at which two revisions parted.
func (l *library) mergeBase(a, b string) (string, error) {
	one, err := l.commit(a)
	if err != nil {
		return "", err
	}
	two, err := l.commit(b)
	if err != nil {
		return "", err
	}
	bases, err := one.MergeBase(two)
	if err != nil || len(bases) == 0 {
		return "", errors.Join(err, errors.New("none in common"))
	}
	return bases[0].Hash.String(), nil
}

// readCommit enters the names and blobs of a commit.
func (l *library) readCommit(t *Tree, rev string) error {
	c, err := l.commit(rev)
	if err != nil {
		return err
	}
	tree, err := c.Tree()
	if err != nil {
		return err
	}
	walk := object.NewTreeWalker(tree, true, nil)
	defer walk.Close()
	for {
		name, e, err := walk.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		t.add(name, fmt.Sprintf("%06o", uint32(e.Mode)), e.Hash.String())
	}
}

// read returns an object.
func (l *library) read(blob string) ([]byte, error) {
	b, err := l.repo.BlobObject(plumbing.NewHash(blob))
	if err != nil {
		return nil, err
	}
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (l *library) close() {}

// readWorktree enters the index, and what the disk has in the place of it.
func (l *library) readWorktree(t *Tree) error {
	idx, err := l.repo.Storer.Index()
	if err != nil {
		return err
	}
	for _, e := range idx.Entries {
		t.add(e.Name, fmt.Sprintf("%06o", uint32(e.Mode)), e.Hash.String())
	}
	written := time.Time{}
	if info, err := os.Stat(filepath.Join(l.root, ".git", "index")); err == nil {
		written = info.ModTime()
	}
	for _, e := range idx.Entries {
		if err := l.readEntry(t, e, written); err != nil {
			return err
		}
	}
	return l.readUntracked(t)
}

// readEntry looks at a file of the index, which was written at some time: what was
// touched no earlier than that is read.
func (l *library) readEntry(t *Tree, e *index.Entry, written time.Time) error {
	full := filepath.Join(t.root, filepath.FromSlash(e.Name))
	info, err := os.Lstat(full)
	switch {
	case err != nil:
		t.remove(e.Name)
		t.keepFolder(parent(e.Name))
	case info.IsDir(): // a submodule, in which nobody looks
		if _, err := os.Lstat(filepath.Join(full, ".git")); err == nil {
			t.add(e.Name, "160000", "unknown "+e.Hash.String())
		}
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(full)
		if err != nil {
			return err
		}
		t.add(e.Name, "120000", blobOf([]byte(link)))
	case info.Size() != int64(e.Size) || !info.ModTime().Equal(e.ModifiedAt) || !info.ModTime().Before(written):
		data, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		t.add(e.Name, gitMode(info.Mode()), blobOf(data))
	default:
		t.add(e.Name, gitMode(info.Mode()), e.Hash.String())
	}
	return nil
}

// blobOf is the name of the object with a content.
func blobOf(data []byte) string {
	h := sha1.New() //nolint:gosec // as above
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// readUntracked enters what the index does not have.
func (l *library) readUntracked(t *Tree) error {
	return filepath.WalkDir(t.root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := t.Inside(file)
		e := t.entries[rel]
		switch {
		case rel == ".git", e != nil && e.submodule:
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e != nil:
			return nil
		case d.IsDir():
			t.add(rel, "040000", "")
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		t.add(rel, gitMode(info.Mode()), "untracked "+rel)
		return nil
	})
}
